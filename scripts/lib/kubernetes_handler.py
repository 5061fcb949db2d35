"""How the stand-in API server answers one request."""

from __future__ import annotations

import json
import re
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from kubernetes_faults import WRITES
from kubernetes_objects import NEW_EVENTS, RESOURCES, Refused, Resource
from kubernetes_patches import applied
from kubernetes_watch import selected, watch

if TYPE_CHECKING:
    from kubernetes_api import Cluster

PATH = re.compile(r"/(?:api|apis/(?P<group>[^/]+))/(?P<version>[^/]+)/namespaces/(?P<namespace>[^/]+)/"
                  r"(?P<plural>[^/]+)(?:/(?P<name>[^/]+)(?:/(?P<sub>[^/]+))?)?")
BODY_LIMIT = 3 << 20


class Cut(Exception):
    """Ends the connection without an answer."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    cluster: Cluster
    is_direct = False

    def log_message(self, *_):
        pass

    def handle_one_request(self):
        # `do_…` for every method: the routing is by path.
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        self.started, self.is_noted = time.monotonic(), False
        call = {"method": self.command, "path": self.path, "code": 0}
        try:
            body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), BODY_LIMIT))
            self.cluster.faults.pass_pause(is_request=True)
            try:
                self.answer_call(body, call)
            except Refused as refused:
                self.reply(refused.code, refused.body(), call)
        except (Cut, OSError, ssl.SSLError):
            self.close_connection = True
        finally:
            self.note(call)

    def note(self, call: dict) -> None:
        """Before the answer leaves: whoever has it finds it in the log."""
        if not self.is_noted:
            self.is_noted = True
            call["milliseconds"] = round((time.monotonic() - self.started) * 1000, 1)
            self.cluster.access.note(call)

    def answer_call(self, body: bytes, call: dict) -> None:
        cluster, query = self.cluster, parse_qs(urlsplit(self.path).query)
        cluster.tokens.check(self.headers.get("Authorization") or "")
        resource, namespace, name, sub = self.route()
        reading = "watch" if query.get("watch", ["false"])[0] in ("1", "true") else "get" if name else "list"
        verb = {"GET": reading, "POST": "create", "PUT": "update", "PATCH": "patch",
                "DELETE": "delete"}.get(self.command, self.command.lower())
        # Who may watch one object by name may do so with this selector alone.
        if selector := query.get("fieldSelector", [""])[0]:
            name = name or selected(selector)
        call |= {"verb": verb, "resource": resource.plural, "name": name}
        cluster.access.check(verb, resource, sub, namespace, "" if verb == "create" else name)
        if sub or verb == "delete":
            raise Refused(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
        rule = (None if self.is_direct else cluster.faults.take(verb, resource.plural)) or {}
        effect = rule.get("effect")
        if effect == "latency":
            cluster.faults.delay(rule)
        elif effect == "hang":
            cluster.faults.hang()
            raise Cut
        elif effect == "cut":
            raise Cut
        elif effect == "body":
            return self.reply(rule.get("status", 200), rule.get("body", ""), call)
        elif effect == "status":
            return self.refuse(rule, call)
        if verb == "watch":
            call["code"] = 200
            self.note(call)
            return watch(self, resource, name, query)
        code, answer = self.performed(verb, resource, name, query, body)
        if effect == "apply-twice":
            code, answer = self.performed(verb, resource, name, query, body)
        if effect == "apply-cut":
            raise Cut
        if effect == "apply-504":
            return self.refuse({"status": 504}, call)
        self.reply(code, answer, call)

    def performed(self, verb: str, resource: Resource, name: str, query: dict, body: bytes) -> tuple[int, dict]:
        """A write that etcd has not taken in time is answered with 504, and applied all the same once etcd goes on."""
        limit = seconds(query.get("timeout", ["34s"])[0])
        if verb not in WRITES or not self.cluster.faults.etcd_hangs:
            self.cluster.faults.pass_etcd(None)
            return self.carry_out(verb, resource, name, query, body)
        outcome: list = []
        done = threading.Event()

        def later():
            self.cluster.faults.pass_etcd(None)
            try:
                outcome.append(self.carry_out(verb, resource, name, query, body))
            except Refused as refused:
                outcome.append((refused.code, refused.body()))
            done.set()

        threading.Thread(target=later, daemon=True).start()
        if not done.wait(limit):
            raise Refused(504, "Timeout", "Timeout: request did not complete within requested timeout - context "
                          "deadline exceeded")
        return outcome[0]

    def carry_out(self, verb: str, resource: Resource, name: str, query: dict, body: bytes) -> tuple[int, dict]:
        storage, manager = self.cluster.storage, (self.headers.get("User-Agent") or "unknown").split("/")[0]
        if verb == "get":
            return 200, storage.get(resource, name)
        if verb == "list":
            items = storage.list(resource)
            if name:
                items = [item for item in items if item["metadata"]["name"] == name]
            return 200, {"kind": resource.kind + "List", "apiVersion": resource.api_version,
                         "metadata": {"resourceVersion": str(storage.revision)}, "items": items}
        try:
            value = json.loads(body)
        except ValueError as error:
            raise Refused(400, "BadRequest", f"couldn't get version/kind; json parse error: {error}") from error
        content_type = (self.headers.get("Content-Type") or "").split(";")[0].strip()
        if verb == "patch":
            return 200, storage.patch(resource, name, lambda old: applied(content_type, value, old), manager)
        if content_type != "application/json":
            raise Refused(415, "UnsupportedMediaType", "the body of the request was in an unknown format - accepted "
                          "media types include: application/json, application/yaml")
        if verb == "update":
            def may_create():
                self.cluster.access.check("create", resource, "", self.cluster.namespace, name)
            return storage.put(resource, name, value, manager, may_create)
        if resource is NEW_EVENTS and not value.get("eventTime"):
            raise Refused(422, "Invalid", "Event is invalid: eventTime: Required value")
        return 201, storage.create(resource, value, manager)

    def route(self) -> tuple[Resource, str, str, str]:
        found = PATH.fullmatch(urlsplit(self.path).path)
        if found:
            for resource in RESOURCES:
                if (found["group"] or "", found["version"], found["plural"]) == \
                        (resource.group, resource.version, resource.plural):
                    return resource, found["namespace"], found["name"] or "", found["sub"] or ""
        raise Refused(404, "NotFound", "the server could not find the requested resource")

    def refuse(self, rule: dict, call: dict) -> None:
        code = rule.get("status", 500)
        reason = {401: "Unauthorized", 403: "Forbidden", 409: "Conflict", 429: "TooManyRequests",
                  500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout"}.get(code, "Unknown")
        self.reply(code, Refused(code, reason, f"ordered by the test: {reason}").body(), call, rule.get("retryAfter"))

    def reply(self, code: int, body, call: dict, retry_after: int | None = None) -> None:
        call["code"] = code
        self.note(call)
        content = body.encode() if isinstance(body, str) else json.dumps(body, separators=(",", ":")).encode()
        self.send_response_only(code)
        self.send_header("Content-Type", "text/html" if isinstance(body, str) else "application/json")
        self.send_header("Content-Length", str(len(content)))
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()


def seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m)", text)
    if not found:
        raise Refused(400, "BadRequest", f'invalid timeout: "{text}"')
    return float(found[1]) * {"ms": 0.001, "s": 1, "m": 60}[found[2]]
