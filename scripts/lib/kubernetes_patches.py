"""The three kinds of patches of the stand-in API server."""

from __future__ import annotations

import copy

from kubernetes_objects import Refused

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON = "application/json-patch+json"


def applied(content_type: str, patch, value: dict) -> dict:
    """`value` with the patch; for what is patched here a strategic merge is a plain one."""
    if content_type in (MERGE, STRATEGIC):
        if not isinstance(patch, dict):
            raise Refused(400, "BadRequest", "a merge patch is a JSON object")
        return merged(value, patch)
    if content_type == JSON:
        if not isinstance(patch, list):
            raise Refused(400, "BadRequest", "a JSON patch is a list of operations")
        for operation in patch:
            step(value, operation)
        return value
    raise Refused(415, "UnsupportedMediaType", "the body of the request was in an unknown format - accepted media "
                  f"types include: {JSON}, {MERGE}, {STRATEGIC}")


def merged(value, patch):
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(value) if isinstance(value, dict) else {}
    for key, part in patch.items():
        if part is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), part)
    return result


def step(value: dict, operation: dict) -> None:
    """One operation on objects; lists are not among what is patched here."""
    refused = Refused(422, "Invalid", "the server rejected our request due to an error in our request")
    path = operation.get("path", "")
    if not path.startswith("/"):
        raise refused
    keys = [key.replace("~1", "/").replace("~0", "~") for key in path[1:].split("/")]
    parent = value
    for key in keys[:-1]:
        if not isinstance(parent, dict) or key not in parent:
            raise refused
        parent = parent[key]
    if not isinstance(parent, dict):
        raise refused
    kind, last = operation.get("op"), keys[-1]
    if kind == "test":
        if parent.get(last) != operation.get("value"):
            raise refused
    elif kind == "add":
        parent[last] = operation.get("value")
    elif kind in ("replace", "remove"):
        if last not in parent:
            raise refused
        if kind == "replace":
            parent[last] = operation.get("value")
        else:
            del parent[last]
    else:
        raise refused
