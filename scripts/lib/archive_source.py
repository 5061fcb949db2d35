"""The server whose WAL and data are archived: pgbench's, at rest while something is measured."""

from __future__ import annotations

import os
import re
import time

import psycopg

import processes

SEGMENT = 16 << 20
NAME = re.compile(r"^[0-9A-F]{24}$")

# A server that is filled quickly, keeps all its WAL and does nothing by itself.
SETTINGS = {
    "archive_mode": "on", "archive_command": "''", "wal_level": "replica", "wal_keep_size": "'16GB'",
    "max_wal_size": "'16GB'", "checkpoint_timeout": "'1d'", "shared_buffers": "'512MB'", "fsync": "off",
    "synchronous_commit": "off", "autovacuum": "off", "listen_addresses": "''", "logging_collector": "off",
}


class Source:
    def __init__(self, base: str, postgres_bin: str, first_port: int):
        self.base = base
        self.bin = postgres_bin
        self.port = processes.free_ports(1, first_port)[0]
        self.home = processes.make_directory(os.path.join(base, "source"), 0o755)
        self.data = os.path.join(self.home, "data")
        self.run_directory = processes.make_directory(os.path.join(self.home, "run"), 0o755)
        self.log = os.path.join(self.home, "log")
        self.segments: list[str] = []

    # MARK: Making

    def start(self, scale: int, segments: int, say) -> None:
        """A database of pgbench, and so many whole segments of its WAL."""
        self.tool("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-k", "--no-sync", "-E", "UTF8",
                  "--no-locale")
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as file:
            for name, value in SETTINGS.items():
                file.write(f"{name} = {value}\n")
            file.write(f"port = {self.port}\nunix_socket_directories = '{self.run_directory}'\n")
        processes.spawn([os.path.join(self.bin, "postgres"), "-D", self.data], self.log, self.home)
        processes.wait_until(self.answers, 60, "the server answers")
        say(f"pgbench database of scale {scale}")
        self.tool("pgbench", "-i", "-q", "-s", str(scale), *self.address, "postgres")
        self.query("checkpoint")
        first = self.segment_number()
        say(f"{segments} segments of pgbench WAL")
        deadline = time.monotonic() + 240
        while self.segment_number() - first <= segments:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{segments} segments were not written within 240 s")
            self.tool("pgbench", "-n", "-c", "8", "-j", "2", "-M", "prepared", "-T", "3", *self.address, "postgres")
        self.query("select pg_switch_wal()")
        self.query("checkpoint")
        whole = sorted(name for name in os.listdir(self.wal) if NAME.match(name))
        last = self.query("select pg_walfile_name(pg_current_wal_lsn())")
        self.segments = [name for name in whole if name < last][-segments:]
        if len(self.segments) < segments:
            raise RuntimeError(f"the server kept only {len(self.segments)} segments")

    def stop(self) -> None:
        processes.kill_tree(processes.postmaster(self.data), self.data)

    @property
    def wal(self) -> str:
        return os.path.join(self.data, "pg_wal")

    @property
    def address(self) -> list[str]:
        return ["-h", self.run_directory, "-p", str(self.port), "-U", "postgres"]

    def tool(self, name: str, *arguments: str) -> str:
        return processes.run([os.path.join(self.bin, name), *arguments], self.home)

    def answers(self) -> bool:
        try:
            return self.query("select 1") == 1
        except psycopg.OperationalError:
            return False

    def query(self, sql: str):
        """The first column of the first row, if there is one."""
        with psycopg.connect(host=self.run_directory, port=self.port, user="postgres", dbname="postgres",
                             autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(sql)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    def segment_number(self) -> int:
        return int(self.query("select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')")) // SEGMENT

    # MARK: Archiving

    def archive_by(self, command: str) -> None:
        """From now on; an empty one stops archiving."""
        quoted = command.replace("'", "''")
        self.query(f"alter system set archive_command = '{quoted}'")
        self.query("select pg_reload_conf()")

    def waiting(self) -> list[str]:
        return [name for name in os.listdir(os.path.join(self.wal, "archive_status")) if name.endswith(".ready")]

    def archive_nothing(self) -> None:
        """Forgets what is waiting, and stops archiving."""
        self.archive_by("true")
        processes.wait_until(lambda: not self.waiting(), 60, "nothing waits to be archived")
        self.archive_by("")

    def drain(self, command: str, begin=lambda: None, timeout: float = 300) -> float:
        """Seconds until the segments are archived by `command`, one after the other as the server calls it.

        `begin` is called when the clock starts: for whoever would begin before."""
        status = os.path.join(self.wal, "archive_status")
        for name in self.segments:
            done, ready = (os.path.join(status, f"{name}.{state}") for state in ("done", "ready"))
            if os.path.exists(done):
                os.remove(done)
            processes.write_file(ready, "")
        began = time.monotonic()
        begin()
        self.archive_by(command)
        processes.wait_until(lambda: not self.waiting(), timeout, "all segments are archived", every=0.01)
        return time.monotonic() - began
