"""What can be wrong with an S3 service, by order: rules for single requests, and the habits of a bucket."""

from __future__ import annotations

import threading

# `apply-…`: carried out, and the answer is another one, or none. `truncate`: half of the body comes, then the
# connection ends; `short`: half of the body, and a header that says that this is all; `long`: the header promises more
# than ever comes. `error-200`: blanks, and then an error, under the status 200. `small-pages`: of so many `entries`, and a
# folder comes again for who asks for what is behind its name, as at AWS.
# `overtaken`: carried out, and somebody else writes the same key at once.
EFFECTS = (
    "status", "apply-status", "hang", "cut", "apply-cut", "truncate", "short", "long", "delay", "trickle", "error-200",
    "apply-error-200", "ignore-range", "ignore-condition", "refuse-condition", "no-s3",
    "small-pages", "overtaken")


class Faults:
    def __init__(self):
        self.changed = threading.Condition()
        self.rules: list[dict] = []
        self.healed = 0

    def add(self, rule: dict) -> None:
        """{effect, bucket?, operation?, key?, count?, skip?, status?, code?, milliseconds?, retryAfter?, entries?}. Without a
        count it lasts until `heal`; `skip` lets so many requests pass first; `key` is a part of the key."""
        if rule.get("effect") not in EFFECTS:
            raise ValueError(f"effect: one of {', '.join(EFFECTS)}")
        with self.changed:
            self.rules.append(dict(rule))

    def heal(self, bucket: str | None) -> None:
        with self.changed:
            self.rules = [rule for rule in self.rules if bucket is not None and rule.get("bucket") != bucket]
            self.healed += 1
            self.changed.notify_all()

    def take(self, operation: str, bucket: str, key: str) -> dict | None:
        """The first rule for this request, once for each of its counts."""
        with self.changed:
            for rule in self.rules:
                if rule.get("bucket", bucket) != bucket or rule.get("operation", operation) != operation:
                    continue
                if rule.get("key", "") not in key:
                    continue
                if rule.get("skip", 0) > 0:
                    rule["skip"] -= 1
                    continue
                if "count" in rule:
                    rule["count"] -= 1
                    if rule["count"] <= 0:
                        self.rules.remove(rule)
                return dict(rule)
        return None

    def hang(self) -> None:
        with self.changed:
            seen = self.healed
            self.changed.wait_for(lambda: self.healed != seen)
