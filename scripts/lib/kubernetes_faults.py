"""What can be wrong with the stand-in API server, by order."""

from __future__ import annotations

import threading
import time

# `apply-…`: carried out, and the answer is another one, none, or that of a second copy of the request.
EFFECTS = ("latency", "status", "hang", "cut", "apply-504", "apply-cut", "apply-twice", "body")
WRITES = ("create", "update", "patch", "delete")


class Faults:
    """A pause of the whole server, an etcd that hangs, and rules for single calls."""

    def __init__(self):
        self.changed = threading.Condition()
        self.paused = False
        self.steps = 0
        self.etcd_hangs = False
        self.rules: list[dict] = []
        self.healed = 0

    def add(self, rule: dict) -> None:
        """{effect, verb?, resource?, count?, milliseconds?, status?, retryAfter?, body?}; the verb `write` is every
        verb that changes something. Without a count it lasts until `heal`."""
        if rule.get("effect") not in EFFECTS:
            raise ValueError(f"effect: one of {', '.join(EFFECTS)}")
        with self.changed:
            self.rules.append(dict(rule))

    def heal(self) -> None:
        with self.changed:
            self.rules, self.paused, self.etcd_hangs, self.steps = [], False, False, 0
            self.healed += 1
            self.changed.notify_all()

    def set(self, **values) -> None:
        with self.changed:
            for key, value in values.items():
                setattr(self, key, value)
            self.changed.notify_all()

    def step(self, count: int) -> None:
        """While paused: lets so many requests through."""
        with self.changed:
            self.steps += count
            self.changed.notify_all()

    # Called for each connection and request

    def pass_pause(self, is_request: bool) -> None:
        with self.changed:
            self.changed.wait_for(lambda: not self.paused or self.steps > 0)
            if self.paused and is_request:
                self.steps -= 1

    def pass_etcd(self, limit: float | None) -> bool:
        """False when etcd still hangs after `limit` seconds."""
        with self.changed:
            return self.changed.wait_for(lambda: not self.etcd_hangs, limit)

    def take(self, verb: str, plural: str) -> dict | None:
        """The first rule for this call, once for each of its counts."""
        with self.changed:
            for rule in self.rules:
                if rule.get("resource", plural) != plural:
                    continue
                if rule.get("verb", verb) != verb and not (rule["verb"] == "write" and verb in WRITES):
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

    @staticmethod
    def delay(rule: dict) -> None:
        time.sleep(rule.get("milliseconds", 1000) / 1000)
