"""The table of members that the demo shows while things happen."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from cluster import Member
from pgmahout import PgmahoutCluster
from screen import Screen
from table import render
from writer import Writer

EVERY_SECONDS = 0.25
HEAD = ["MEMBER", "ROLE", "STATE", "TIMELINE", "LSN", "LAG", "LEASE LEFT"]
RIGHT = {3, 4, 5, 6}


class Monitor(threading.Thread):
    """Asks every member what it says of itself, four times a second, and draws the answers."""

    def __init__(self, cluster: PgmahoutCluster, screen: Screen):
        super().__init__(daemon=True, name="monitor")
        self.cluster = cluster
        self.screen = screen
        self.writer: Writer | None = None
        self._halt = threading.Event()

    def run(self) -> None:
        # In parallel: one member that does not answer must not age the lines of the others.
        with ThreadPoolExecutor(len(self.cluster.members)) as pool:
            while not self._halt.is_set():
                self.draw(list(pool.map(self.cluster.status, self.cluster.members)))
                self._halt.wait(EVERY_SECONDS)

    def draw(self, statuses: list[dict | None]) -> None:
        rows = [self.row(member, status) for member, status in zip(self.cluster.members, statuses)]
        lines = ["", *render(HEAD, rows, RIGHT)]
        if self.writer:
            now = f", writing to {self.writer.where or 'nobody'}" if self.writer.is_alive() else ""
            lines += ["", f"{self.writer.acknowledged} rows acknowledged{now}"]
        shape = [
            (status.get("role"), status.get("state"), status.get("timeline")) if status else None
            for status in statuses]
        self.screen.show(lines, shape)

    def row(self, member: Member, status: dict | None) -> list[str]:
        if not status:
            down = "down" if not member.manager else "starting"
            return [member.name, "—", self.screen.paint(down, "red"), "—", "—", "—", "—"]
        role, state = status["role"], status["state"]
        return [
            member.name, self.screen.paint(role, "bold", "green") if role == "primary" else role,
            self.screen.paint(state, *style_of(state)), str(status.get("timeline", "—")),
            status.get("flushed") or "—", bytes_text(status.get("lagBytes")), lease_text(status),
        ]

    def finish(self) -> None:
        self._halt.set()
        self.join(5)


def style_of(state: str) -> tuple[str, ...]:
    if state in ("running", "streaming"):
        return ("green",)
    return ("red",) if state in ("failed", "crashed", "fenced", "stopped") else ("yellow",)


def lease_text(status: dict) -> str:
    left = status.get("leaseRemainingMilliseconds")
    return "—" if left is None else f"{max(0, left) / 1000:.1f} s"


def bytes_text(value: float | None) -> str:
    if value is None:
        return "—"
    for unit in ("B", "kB", "MB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GB"
