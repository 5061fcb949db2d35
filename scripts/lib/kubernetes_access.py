"""Who may do what at the stand-in API server: tokens that expire and rotate, a Role from its manifest, and a log of
every right that was used."""

from __future__ import annotations

import json
import os
import re
import secrets
import threading
import time
from collections import Counter

from kubernetes_objects import Refused, Resource

CALLS_KEPT = 10_000


class Tokens:
    """Tokens in a directory as the kubelet lays it out: `token`, `ca.crt` and `namespace` behind a link `..data`."""

    def __init__(self, directory: str, namespace: str, ca: str, lifetime: float):
        self.directory, self.namespace, self.ca, self.lifetime = directory, namespace, ca, lifetime
        self.lock = threading.Lock()
        self.valid: dict[str, float] = {}
        self.generation = 0
        os.makedirs(directory, exist_ok=True)
        self.rotate()

    def rotate(self, write: bool = True, revoke: bool = False, lifetime: float | None = None) -> str:
        """A new token; `write`: into the directory; `revoke`: all others end now."""
        token = secrets.token_urlsafe(32)
        with self.lock:
            if revoke:
                self.valid.clear()
            self.valid[token] = time.monotonic() + (lifetime or self.lifetime)
            if write:
                self._publish(token)
        return token

    def write(self, token: str) -> None:
        with self.lock:
            self._publish(token)

    def check(self, header: str) -> None:
        kind, _, token = header.partition(" ")
        with self.lock:
            end = self.valid.get(token.strip(), 0.0) if kind == "Bearer" else 0.0
        if end <= time.monotonic():
            raise Refused(401, "Unauthorized", "Unauthorized")

    def _publish(self, token: str) -> None:
        self.generation += 1
        name = f"..{self.generation}"
        data = os.path.join(self.directory, name)
        os.mkdir(data)
        for file, content in (("token", token), ("ca.crt", self.ca), ("namespace", self.namespace)):
            with open(os.path.join(data, file), "w", encoding="utf-8") as stream:
                stream.write(content)
        link = os.path.join(self.directory, "..data")
        before = os.readlink(link) if os.path.islink(link) else None
        os.symlink(name, link + "_tmp")
        os.rename(link + "_tmp", link)
        for file in ("token", "ca.crt", "namespace"):
            path = os.path.join(self.directory, file)
            if not os.path.islink(path):
                os.symlink(f"..data/{file}", path)
        if before:
            for file in ("token", "ca.crt", "namespace"):
                os.unlink(os.path.join(self.directory, before, file))
            os.rmdir(os.path.join(self.directory, before))


class Access:
    """The rights of the one service account."""

    def __init__(self, namespace: str, account: str, rules: list[dict] | None):
        self.namespace, self.user, self.rules = namespace, f"system:serviceaccount:{namespace}:{account}", rules
        self.lock = threading.Lock()
        self.used: Counter = Counter()
        self.calls: list[dict] = []

    def check(self, verb: str, resource: Resource, sub: str, namespace: str, name: str) -> None:
        plural = f"{resource.plural}/{sub}" if sub else resource.plural
        allowed = namespace == self.namespace and self._allows(verb, resource.group, plural, name)
        with self.lock:
            self.used[(verb, plural, resource.group, name, allowed)] += 1
        if not allowed:
            target = f'{resource.qualified} "{name}" is' if name else f"{resource.qualified} is"
            raise Refused(
                403, "Forbidden", f'{target} forbidden: User "{self.user}" cannot {verb} resource "{plural}" in API '
                f'group "{resource.group}" in the namespace "{namespace}"')

    def _allows(self, verb: str, group: str, plural: str, name: str) -> bool:
        if self.rules is None:
            return True
        return any(
            matches(rule["verbs"], verb) and matches(rule["apiGroups"], group) and matches(rule["resources"], plural)
            and (not rule.get("resourceNames") or name in rule["resourceNames"])
            for rule in self.rules)

    def note(self, call: dict) -> None:
        with self.lock:
            self.calls.append(call)
            del self.calls[:-CALLS_KEPT]

    def summary(self) -> list[dict]:
        """One entry for each (verb, resource, apiGroup, allowed), with the names it was used on."""
        found: dict[tuple, dict] = {}
        with self.lock:
            used = sorted(self.used.items())
        for (verb, plural, group, name, allowed), count in used:
            entry = found.setdefault((verb, plural, group, allowed), {
                "verb": verb, "resource": plural, "apiGroup": group, "resourceNames": [], "allowed": allowed,
                "count": 0})
            entry["count"] += count
            if name:
                entry["resourceNames"].append(name)
        return list(found.values())


def matches(listed: list[str], value: str) -> bool:
    return "*" in listed or value in listed


def rules_of(path: str) -> list[dict]:
    """The rules of a Role's manifest, in JSON or in the block style of deploy/base; anything else is an error."""
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    if text.lstrip().startswith("{"):
        return json.loads(text)["rules"]
    rules: list[dict] = []
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^|\s)#.*", "", line).rstrip()
        if not line.strip():
            continue
        if not line.startswith((" ", "-")):
            inside = line == "rules:"
            continue
        if not inside:
            continue
        entry = re.fullmatch(r'\s*(- )?\s*(apiGroups|resources|resourceNames|verbs): \[(.*)\]', line)
        if entry is None:
            raise ValueError(f"{path}:{number}: not understood: {line.strip()}")
        if entry[1]:
            rules.append({})
        rules[-1][entry[2]] = [item.strip().strip("\"'") for item in entry[3].split(",")]
    if not rules:
        raise ValueError(f"{path}: no rules")
    return rules
