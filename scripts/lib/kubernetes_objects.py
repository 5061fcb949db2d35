"""The objects of the stand-in API server: what kube-apiserver and etcd do with them, error for error."""

from __future__ import annotations

import copy
import json
import random
import re
import threading
import uuid
from datetime import datetime, timezone

MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)")
DNS_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
HISTORY = 10_000
ANNOTATIONS_LIMIT = 256 << 10
MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


class Resource:
    def __init__(self, group: str, version: str, plural: str, kind: str):
        self.group, self.version, self.plural, self.kind = group, version, plural, kind
        self.api_version = f"{group}/{version}" if group else version
        self.qualified = f"{plural}.{group}" if group else plural


LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
PODS = Resource("", "v1", "pods", "Pod")
EVENTS = Resource("", "v1", "events", "Event")
NEW_EVENTS = Resource("events.k8s.io", "v1", "events", "Event")
SECRETS = Resource("", "v1", "secrets", "Secret")
RESOURCES = [LEASES, PODS, EVENTS, NEW_EVENTS, SECRETS]


class Refused(Exception):
    """An answer of kind Status."""

    def __init__(self, code: int, reason: str, message: str, details: dict | None = None):
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details or {}

    def body(self) -> dict:
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message,
                "reason": self.reason, "details": self.details, "code": self.code}


def not_found(resource: Resource, name: str) -> Refused:
    return Refused(404, "NotFound", f'{resource.qualified} "{name}" not found', details_of(resource, name))


def conflict(resource: Resource, name: str, why: str) -> Refused:
    message = f'Operation cannot be fulfilled on {resource.qualified} "{name}": {why}'
    return Refused(409, "Conflict", message, details_of(resource, name))


def invalid(resource: Resource, name: str, why: str) -> Refused:
    details = {"name": name, "group": resource.group, "kind": resource.kind}
    return Refused(422, "Invalid", f'{resource.kind}{"." + resource.group if resource.group else ""} "{name}" is '
                   f"invalid: {why}", details)


def details_of(resource: Resource, name: str) -> dict:
    return {"name": name, **({"group": resource.group} if resource.group else {}), "kind": resource.plural}


def now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Storage:
    """All objects with one revision for all of them, and the history that watches are served from."""

    def __init__(self, namespace: str):
        self.namespace = namespace
        self.changed = threading.Condition(threading.RLock())
        self.revision = random.randint(1_000, 9_999)
        # What was before is compacted: a watch from there is too old.
        self.floor = self.revision
        self.objects: dict[tuple[str, str], dict] = {}
        self.history: list[tuple[int, str, str, dict]] = []
        self.epoch = 0

    # What clients do

    def get(self, resource: Resource, name: str) -> dict:
        with self.changed:
            found = self.objects.get((resource.plural, name))
            if found is None:
                raise not_found(resource, name)
            return copy.deepcopy(found)

    def list(self, resource: Resource) -> list[dict]:
        with self.changed:
            return [copy.deepcopy(value) for (plural, _), value in sorted(self.objects.items())
                    if plural == resource.plural]

    def create(self, resource: Resource, body: dict, manager: str) -> dict:
        metadata = self._checked(resource, body)
        name = metadata.get("name") or ""
        if not name and metadata.get("generateName"):
            name = metadata["generateName"] + uuid.uuid4().hex[:5]
        if not name:
            raise invalid(resource, "", "metadata.name: Required value: name or generateName is required")
        if metadata.get("resourceVersion"):
            raise Refused(500, "InternalError", "resourceVersion should not be set on objects to be created")
        with self.changed:
            if (resource.plural, name) in self.objects:
                raise Refused(409, "AlreadyExists", f'{resource.qualified} "{name}" already exists',
                              details_of(resource, name))
            return self._insert(resource, name, body, manager)

    def put(self, resource: Resource, name: str, body: dict, manager: str, may_create) -> tuple[int, dict]:
        metadata = self._checked(resource, body)
        if metadata.get("name") != name:
            raise Refused(400, "BadRequest", f"the name of the object ({metadata.get('name', '')}) does not match "
                          f"the name on the URL ({name})")
        version = metadata.get("resourceVersion") or ""
        if version and not version.isdigit():
            raise Refused(500, "InternalError", f'strconv.ParseUint: parsing "{version}": invalid syntax')
        with self.changed:
            found = self.objects.get((resource.plural, name))
            if found is None:
                if metadata.get("uid"):
                    raise conflict(resource, name, f"StorageError: invalid object, Precondition failed: UID in "
                                   f"precondition: {metadata['uid']}, UID in object meta: ")
                # Without a uid it is created again, whatever its resourceVersion says.
                may_create()
                return 201, self._insert(resource, name, body, manager)
            current = found["metadata"]
            if metadata.get("uid") and metadata["uid"] != current["uid"]:
                raise conflict(resource, name, f"Precondition failed: UID in precondition: {metadata['uid']}, UID in "
                               f"object meta: {current['uid']}")
            if not version:
                raise invalid(resource, name, "metadata.resourceVersion: Invalid value: 0x0: must be specified for an "
                              "update")
            if version != current["resourceVersion"]:
                raise conflict(resource, name, MODIFIED)
            return 200, self._replace(resource, name, found, copy.deepcopy(body), manager)

    def patch(self, resource: Resource, name: str, change, manager: str) -> dict:
        """`change` makes the new object of a copy of the old one."""
        with self.changed:
            found = self.objects.get((resource.plural, name))
            if found is None:
                raise not_found(resource, name)
            wanted = change(copy.deepcopy(found))
            self._checked(resource, wanted)
            metadata = wanted["metadata"]
            if metadata.get("uid") != found["metadata"]["uid"]:
                raise invalid(resource, name, f"metadata.uid: Invalid value: \"{metadata.get('uid')}\": field is "
                              "immutable")
            if metadata.get("resourceVersion") != found["metadata"]["resourceVersion"]:
                raise conflict(resource, name, MODIFIED)
            return self._replace(resource, name, found, wanted, manager)

    # What happens behind their backs

    def delete(self, plural: str, name: str) -> None:
        with self.changed:
            gone = self.objects.pop((plural, name), None)
            if gone is not None:
                self.revision += 1
                gone["metadata"]["resourceVersion"] = str(self.revision)
                self._record("DELETED", plural, gone)

    def put_back(self, resource: Resource, name: str, kept: dict) -> None:
        """As a backup tool does: the object is made anew from what it once was."""
        self.delete(resource.plural, name)
        body = copy.deepcopy(kept)
        for key in ("uid", "resourceVersion", "creationTimestamp", "managedFields"):
            body["metadata"].pop(key, None)
        with self.changed:
            self._insert(resource, name, body, "restore")

    def snapshot(self) -> tuple[int, dict]:
        with self.changed:
            return self.revision, copy.deepcopy(self.objects)

    def roll_back(self, snapshot: tuple[int, dict]) -> None:
        """As a restore of etcd does: revisions, uids and all."""
        with self.changed:
            self.revision, self.objects = snapshot[0], copy.deepcopy(snapshot[1])
            self.compact()
            self.restart()

    def compact(self) -> None:
        with self.changed:
            self.floor, self.history = self.revision, []
            self.changed.notify_all()

    def restart(self) -> None:
        """Ends all watches; those that come back from before find that too old."""
        with self.changed:
            self.floor, self.history = self.revision, []
            self.epoch += 1
            self.changed.notify_all()

    # Inside

    def _checked(self, resource: Resource, body: dict) -> dict:
        if not isinstance(body, dict) or not isinstance(body.get("metadata", {}), dict):
            raise Refused(400, "BadRequest", "the object provided is unrecognized")
        if body.get("kind", resource.kind) != resource.kind or \
                body.get("apiVersion", resource.api_version) != resource.api_version:
            raise Refused(400, "BadRequest", f"{body.get('apiVersion')}, Kind={body.get('kind')} does not match "
                          f"{resource.api_version}, Kind={resource.kind}")
        metadata = body.setdefault("metadata", {})
        if metadata.get("namespace", self.namespace) != self.namespace:
            raise Refused(400, "BadRequest", "the namespace of the provided object does not match the namespace sent "
                          f"on the request")
        name = metadata.get("name") or ""
        if name and not DNS_NAME.fullmatch(name):
            raise invalid(resource, name, f'metadata.name: Invalid value: "{name}": a lowercase RFC 1123 subdomain')
        annotations, labels = metadata.get("annotations") or {}, metadata.get("labels") or {}
        if not all(isinstance(value, str) for value in [*annotations.values(), *labels.values()]):
            raise Refused(400, "BadRequest", f"{resource.kind} cannot be handled: labels and annotations are strings")
        if sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items()) > ANNOTATIONS_LIMIT:
            raise invalid(resource, name, f"metadata.annotations: Too long: at most {ANNOTATIONS_LIMIT} bytes")
        if resource is LEASES:
            check_lease(name, body.get("spec") or {})
        if resource is EVENTS and (body.get("involvedObject") or {}).get("namespace", "") != self.namespace:
            raise invalid(resource, name, "involvedObject.namespace: Invalid value: does not match event.namespace")
        return metadata

    def _insert(self, resource: Resource, name: str, body: dict, manager: str) -> dict:
        self.revision += 1
        made = copy.deepcopy(body)
        made["kind"], made["apiVersion"] = resource.kind, resource.api_version
        made["metadata"] |= {"name": name, "namespace": self.namespace, "uid": str(uuid.uuid4()),
                             "resourceVersion": str(self.revision), "creationTimestamp": now(),
                             "managedFields": managed(resource, manager)}
        if resource is LEASES:
            made.setdefault("spec", {})
        self.objects[(resource.plural, name)] = made
        self._record("ADDED", resource.plural, made)
        return copy.deepcopy(made)

    def _replace(self, resource: Resource, name: str, old: dict, new: dict, manager: str) -> dict:
        new["kind"], new["apiVersion"] = resource.kind, resource.api_version
        for key in ("name", "namespace", "uid", "creationTimestamp"):
            new["metadata"][key] = old["metadata"][key]
        if without_manager(new) == without_manager(old):
            return copy.deepcopy(old)
        self.revision += 1
        new["metadata"]["resourceVersion"] = str(self.revision)
        new["metadata"]["managedFields"] = managed(resource, manager)
        self.objects[(resource.plural, name)] = new
        self._record("MODIFIED", resource.plural, new)
        return copy.deepcopy(new)

    def _record(self, kind: str, plural: str, value: dict) -> None:
        self.history.append((self.revision, kind, plural, copy.deepcopy(value)))
        if len(self.history) > HISTORY:
            self.floor = self.history[HISTORY // 2][0]
            self.history = self.history[HISTORY // 2 + 1:]
        self.changed.notify_all()


def check_lease(name: str, spec: dict) -> None:
    def undecodable(why: str) -> Refused:
        return Refused(400, "BadRequest",
                       f'Lease in version "v1" cannot be handled as a Lease: {why}')

    if not isinstance(spec, dict):
        raise undecodable("json: cannot unmarshal into Go struct field Lease.spec")
    for key in ("renewTime", "acquireTime"):
        value = spec.get(key)
        if value is not None and not (isinstance(value, str) and MICRO_TIME.fullmatch(value)):
            raise undecodable(f'parsing time "{value}" as "2006-01-02T15:04:05.000000Z07:00": cannot parse')
    for key in ("leaseDurationSeconds", "leaseTransitions"):
        value = spec.get(key)
        if value is not None and (type(value) is not int or not -(1 << 31) <= value < 1 << 31):
            raise undecodable(f"json: cannot unmarshal {json.dumps(value)} into Go struct field LeaseSpec.spec.{key} "
                              "of type int32")
    if spec.get("holderIdentity") is not None and not isinstance(spec["holderIdentity"], str):
        raise undecodable("json: cannot unmarshal into Go struct field LeaseSpec.spec.holderIdentity of type string")
    duration, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    if duration is not None and duration <= 0:
        raise invalid(LEASES, name, f"spec.leaseDurationSeconds: Invalid value: {duration}: must be greater than 0")
    if transitions is not None and transitions < 0:
        raise invalid(LEASES, name, f"spec.leaseTransitions: Invalid value: {transitions}: must be greater than or "
                      "equal to 0")


def managed(resource: Resource, manager: str) -> list[dict]:
    return [{"manager": manager, "operation": "Update", "apiVersion": resource.api_version, "time": now(),
             "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": {}}}]


def without_manager(value: dict) -> dict:
    metadata = {key: part for key, part in value["metadata"].items() if key not in ("managedFields", "resourceVersion")}
    return {**value, "metadata": metadata}
