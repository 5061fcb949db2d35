"""Watches of the stand-in API server: a JSON object a line, bookmarks, and 410 inside a 200."""

from __future__ import annotations

import json
import re
import select
import time
from typing import TYPE_CHECKING

from kubernetes_objects import Refused, Resource

if TYPE_CHECKING:
    from kubernetes_handler import Handler


# How often a watch with nothing to tell looks whether its client is still there, in seconds.
LOOK = 0.1


def selected(selector: str) -> str:
    """The name that `metadata.name=…` selects."""
    found = re.fullmatch(r"metadata\.name==?([^,]+)", selector)
    if not found:
        raise Refused(400, "BadRequest", f'field label not supported: {selector}')
    return found[1]


def watch(handler: Handler, resource: Resource, name: str, query: dict) -> None:
    cluster = handler.cluster
    storage = cluster.storage
    bookmarks = query.get("allowWatchBookmarks", ["false"])[0] in ("1", "true")
    version = query.get("resourceVersion", [""])[0]
    if version and not version.isdigit():
        raise Refused(400, "BadRequest", f'resourceVersion: Invalid value: "{version}"')
    ends = time.monotonic() + float(query.get("timeoutSeconds", ["1800"])[0])
    handler.send_response_only(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()

    def send(kind: str, value: dict) -> None:
        line = json.dumps({"type": kind, "object": value}, separators=(",", ":")).encode() + b"\n"
        handler.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        handler.wfile.flush()

    with storage.changed:
        epoch, sent = storage.epoch, int(version or 0)
        initial = []
        if sent == 0:
            initial = [value for value in storage.list(resource) if name in ("", value["metadata"]["name"])]
            sent = storage.revision
    for value in initial:
        send("ADDED", value)
    handler.wfile.flush()
    next_bookmark = time.monotonic() + cluster.bookmark_seconds
    while True:
        with storage.changed:
            if sent < storage.floor and epoch == storage.epoch:
                send("ERROR", Refused(410, "Expired", f"too old resource version: {sent} ({storage.floor})").body())
                break
            if epoch != storage.epoch:
                raise OSError("the server was restarted")
            fresh = [entry for entry in storage.history if entry[0] > sent and entry[2] == resource.plural
                     and name in ("", entry[3]["metadata"]["name"])]
            if not fresh:
                # Whatever else happened is nothing for this watch, and need not be remembered for it.
                sent = max(sent, storage.revision) if int(version or 0) <= storage.revision else sent
                storage.changed.wait(max(0.0, min(next_bookmark, ends, time.monotonic() + LOOK) - time.monotonic()))
        for revision, kind, _, value in fresh:
            send(kind, value)
            sent = revision
        if select.select([handler.connection], [], [], 0)[0]:
            # Nothing but its end comes from a client that watches.
            raise OSError("the client has gone")
        if time.monotonic() >= ends:
            break
        if bookmarks and time.monotonic() >= next_bookmark:
            next_bookmark = time.monotonic() + cluster.bookmark_seconds
            send("BOOKMARK", {"kind": resource.kind, "apiVersion": resource.api_version,
                              "metadata": {"resourceVersion": str(sent), "creationTimestamp": None}})
    handler.wfile.write(b"0\r\n\r\n")
    handler.wfile.flush()
