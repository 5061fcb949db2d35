"""A restored data directory, started beside its cluster only to be compared with it."""

from __future__ import annotations

import contextlib
import os
import subprocess

import psycopg
from psycopg import sql

import processes
from pgmahout import PgmahoutCluster

DIGEST = sql.SQL("""
    select count(*), coalesce(md5(string_agg(hash, '' order by hash)), '')
    from (select md5(t::text) as hash from {} as t) as hashes""")


class RestoredServer:
    """Postgres on a restored directory. It archives nothing and has a port of its own."""

    def __init__(self, cluster: PgmahoutCluster, data: str):
        self.cluster = cluster
        self.data = data
        self.port = processes.free_ports(1, cluster.members[-1].api_port + 1)[0]
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> RestoredServer:
        settings = {
            "port": str(self.port), "listen_addresses": "127.0.0.1", "archive_mode": "off",
            "unix_socket_directories": "", "logging_collector": "off", "log_destination": "stderr",
        }
        arguments = [os.path.join(self.cluster.postgres_bin, "postgres"), "-D", self.data]
        for name, value in settings.items():
            arguments += ["-c", f"{name}={value}"]
        log = os.path.join(self.cluster.base, "restored.log")
        self.process = processes.spawn(arguments, log, self.cluster.base)
        processes.wait_until(self.answers, 30, "the restored server answers")
        return self

    def __exit__(self, *_) -> None:
        if self.process:
            processes.kill_tree(processes.Process.of(self.process.pid), self.data)
            self.process.wait(10)

    def answers(self) -> bool:
        with contextlib.suppress(psycopg.Error), self.connect():
            return True
        return False

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user="postgres", dbname="postgres", password=self.cluster.password,
            connect_timeout=2, autocommit=True)


def content_of(connection: psycopg.Connection) -> dict[str, tuple[int, str]]:
    """Of every table of schema public: the number of its rows, and a hash over all of them that knows no order."""
    with connection:
        names = [row[0] for row in connection.execute(
            "select tablename from pg_tables where schemaname = 'public' order by 1").fetchall()]
        return {name: connection.execute(DIGEST.format(sql.Identifier(name))).fetchone() for name in names}
