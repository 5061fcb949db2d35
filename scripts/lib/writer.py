"""One client that writes: what the users of a cluster notice of a failover, and what they lose."""

from __future__ import annotations

import bisect
import contextlib
import itertools
import threading
import time
from dataclasses import dataclass

import psycopg

from cluster import Cluster

TABLE = "writes"
CREATE = f"""
create table if not exists {TABLE} (
    run text, id bigint, written timestamptz default clock_timestamp(), primary key (run, id))"""


@dataclass(frozen=True)
class Fate:
    # When rows were acknowledged that are missing now.
    lost: list[float]
    # Rows that are there though they were never acknowledged: in flight when a connection broke.
    unknown: int


class Writer(threading.Thread):
    """Commits one row each `interval` seconds through whichever member accepts writes, and connects anew at once when
    anything fails. A row counts as acknowledged when its commit was answered."""

    def __init__(self, cluster: Cluster, run: str, interval: float = 0.01):
        super().__init__(daemon=True, name="writer")
        self.cluster = cluster
        self.run_name = run
        self.interval = interval
        self.where: str | None = None
        self.path: list[str] = []
        # What was acknowledged, and when (time.monotonic()): of equal length but for a moment, times first.
        self._times: list[float] = []
        self._numbers: list[int] = []
        self._warned = False
        self._halt = threading.Event()

    def run(self) -> None:
        number = 0
        connection = None
        while not self._halt.is_set():
            try:
                if connection is None:
                    connection = self._connect_to_primary()
                    continue
                number += 1
                self._warned = False
                connection.execute(f"insert into {TABLE} (run, id) values (%s, %s)", (self.run_name, number))
                if self._warned:
                    # The wait for standbys was cancelled: the server says that this commit may not be replicated.
                    continue
                self._times.append(time.monotonic())
                self._numbers.append(number)
                self._halt.wait(self.interval)
            except psycopg.Error:
                self.where = None
                close(connection)
                connection = None
        close(connection)

    def _connect_to_primary(self) -> psycopg.Connection | None:
        for member in self.cluster.members:
            try:
                connection = self.cluster.connect(
                    member, options="-c statement_timeout=2000", tcp_user_timeout=1500, keepalives_idle=1,
                    keepalives_interval=1, keepalives_count=1)
            except psycopg.Error:
                continue
            connection.add_notice_handler(self._notice)
            try:
                if not connection.execute("select pg_is_in_recovery()").fetchone()[0]:
                    connection.execute(CREATE)
                    self.where = member.name
                    self.path.append(member.name)
                    return connection
            except psycopg.Error:
                pass
            close(connection)
        time.sleep(0.005)
        return None

    def _notice(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        self._warned = self._warned or diagnostic.severity_nonlocalized == "WARNING"

    @property
    def acknowledged(self) -> int:
        return len(self._numbers)

    def acknowledged_since(self, moment: float) -> int:
        return len(self._times) - bisect.bisect_right(self._times, moment)

    def longest_gap(self, since: float) -> float:
        """Seconds of the longest time without an acknowledged row that ended after `since`, or has not ended yet."""
        times = self._times[max(0, bisect.bisect_right(self._times, since) - 1):]
        if not self._halt.is_set():
            times.append(time.monotonic())
        return max((after - before for before, after in itertools.pairwise(times)), default=0.0)

    def finish(self) -> None:
        self._halt.set()
        self.join(30)

    def fate(self) -> Fate:
        """After `finish`: what became of the rows, asked of the primary."""
        primary = self.cluster.wait_healthy()
        rows = self.cluster.query(primary, f"select id from {TABLE} where run = %s", self.run_name)
        present = {row[0] for row in rows}
        lost = [when for number, when in zip(self._numbers, self._times) if number not in present]
        return Fate(lost, len(present - set(self._numbers)))


def close(connection: psycopg.Connection | None) -> None:
    if connection is not None:
        with contextlib.suppress(psycopg.Error):
            connection.close()
