"""The control port of the stand-in API server: what tests and demonstrations do to it.

`GET  /_control/state`    revision, connections accepted so far, whether it is paused
`GET  /_control/calls`    every right that was used: verb, resource, apiGroup, resourceNames, allowed, count
`GET  /_control/log`      the last calls: method, path, verb, code, milliseconds
`GET  /_control/object?resource=leases&name=x`

`POST /_control/…` with a JSON object:
`fault`          see Faults.add; `heal` ends them all, and a pause, and a hanging etcd
`pause`, `resume`, `step {count}`   accepts connections and answers nothing; lets single requests through
`disconnect`, `reconnect`           connections break, and are refused; not those of the direct port
`hang-etcd`, `resume-etcd`          GET never answers; writes time out, and are applied afterwards
`expire-watches`, `restart`         410 inside a 200; all connections cut, and old watches too old
`compact`                           what happened until now is no longer known to watches that were elsewhere
`token {write, revoke, lifetime}`   a new token; `write-token {token}` puts one into the service account's directory
`pod {name, uid?, labels?}`, `make {resource, name, object}`, `edit {resource, name, patch}`,
`delete {resource, name}`           what others do
`save {resource, name}`, `put-back {resource, name}`   keeps a copy; makes the object anew from it
`snapshot`, `roll-back`             of everything, as a restore of etcd does: revisions go back
"""

from __future__ import annotations

import copy
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from kubernetes_objects import RESOURCES, Refused
from kubernetes_patches import merged

if TYPE_CHECKING:
    from kubernetes_api import Cluster

BY_NAME = {resource.plural: resource for resource in reversed(RESOURCES)}


class Control:
    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        self.copies: dict[tuple[str, str], dict] = {}
        self.whole = None

    def run(self, command: str, given: dict) -> dict:
        cluster, storage, faults = self.cluster, self.cluster.storage, self.cluster.faults
        resource, name = BY_NAME.get(given.get("resource", "")), given.get("name", "")
        match command:
            case "fault": faults.add(given)
            case "heal": faults.heal()
            case "pause": faults.set(paused=True)
            case "resume": faults.set(paused=False, steps=0)
            case "step": faults.step(given.get("count", 1))
            case "disconnect": cluster.listener.close()
            case "reconnect": cluster.listener.open()
            case "hang-etcd": faults.set(etcd_hangs=True)
            case "resume-etcd": faults.set(etcd_hangs=False)
            case "compact": storage.compact()
            case "expire-watches":
                # Something else was written, and compacted.
                with storage.changed:
                    storage.revision += 1
                    storage.compact()
            case "restart":
                with storage.changed:
                    storage.revision += 1
                    storage.restart()
                cluster.cut_connections()
            case "token":
                return {"token": cluster.tokens.rotate(given.get("write", True), given.get("revoke", False),
                                                       given.get("lifetime"))}
            case "write-token": cluster.tokens.write(given["token"])
            case "pod":
                pod = storage.create(BY_NAME["pods"], {
                    "metadata": {"name": name, "labels": given.get("labels", {})}, "spec": {}}, "kubelet")
                if given.get("uid"):
                    with storage.changed:
                        storage.objects[("pods", name)]["metadata"]["uid"] = given["uid"]
                return pod
            case "make":
                metadata = {**given["object"].get("metadata", {}), "name": name}
                return storage.create(resource, {**given["object"], "metadata": metadata}, "somebody")
            case "edit":
                def change(old: dict) -> dict:
                    return merged(old, given["patch"])
                return storage.patch(resource, name, change, "kubectl-edit")
            case "delete": storage.delete(resource.plural, name)
            case "save": self.copies[(resource.plural, name)] = storage.get(resource, name)
            case "put-back": storage.put_back(resource, name, self.copies[(resource.plural, name)])
            case "snapshot": self.whole = storage.snapshot()
            case "roll-back":
                storage.roll_back(self.whole)
                cluster.cut_connections()
            case _: raise KeyError(f"no command '{command}'")
        return {}

    def look(self, what: str, query: dict) -> dict | list:
        cluster = self.cluster
        match what:
            case "state":
                open_now = [direct for direct in list(cluster.connections.values()) if not direct]
                return {"revision": cluster.storage.revision, "accepted": cluster.accepted,
                        "connections": len(open_now), "paused": cluster.faults.paused}
            case "calls": return cluster.access.summary()
            case "log":
                with cluster.access.lock:
                    return copy.deepcopy(cluster.access.calls)
            case "object":
                return cluster.storage.get(BY_NAME[query["resource"][0]], query["name"][0])
            case "objects": return cluster.storage.list(BY_NAME[query["resource"][0]])
            case _: raise KeyError(f"nothing called '{what}'")


def control_server(cluster: Cluster, port: int) -> ThreadingHTTPServer:
    control = Control(cluster)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def log_message(self, *_):
            pass

        def do_GET(self):
            address = urlsplit(self.path)
            self.answer(lambda: control.look(self.name(address.path), parse_qs(address.query)))

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.answer(lambda: control.run(self.name(urlsplit(self.path).path), json.loads(body or b"{}")))

        @staticmethod
        def name(path: str) -> str:
            return path.removeprefix("/_control/")

        def answer(self, work) -> None:
            try:
                code, value = 200, work()
            except Refused as refused:
                code, value = refused.code, refused.body()
            except (KeyError, ValueError, TypeError, AttributeError) as error:
                code, value = 400, {"error": f"{type(error).__name__}: {error}"}
            content = json.dumps(value).encode()
            self.send_response_only(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    return server
