"""scripts/demo: see there."""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass, field

import psycopg

import processes
from cluster import Member, Scratch
from monitor import Monitor, bytes_text
from pgmahout import PgmahoutCluster
from restored import RestoredServer, content_of
from screen import Screen
from table import render
from writer import Writer

BULK = """
create table if not exists accounts as
select id, md5(id::text) as owner, id % 1000 as balance from generate_series(1, 100000) as id"""


class StepFailed(Exception):
    """What should have held did not."""


@dataclass
class Demo:
    cluster: PgmahoutCluster
    screen: Screen
    monitor: Monitor
    measured: list[list[str]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    # When the primary was killed.
    killed: float = 0

    def run(self) -> None:
        first = self.bootstrap()
        writer = Writer(self.cluster, "demo")
        self.monitor.writer = writer
        writer.start()
        try:
            self.write_rows(writer, first)
            self.lose_primary(writer, first)
            self.bring_back(first)
            self.switch_back(writer, first)
            self.back_up()
        finally:
            writer.finish()
        self.account_for_rows(writer)
        self.restore_and_compare()

    def bootstrap(self) -> Member:
        self.say("pg-1, pg-2 and pg-3 start at the same moment, with empty directories")
        began = time.monotonic()
        self.cluster.start()
        primary = self.cluster.wait_healthy()
        self.measure("cluster from nothing", seconds(began))
        self.done(f"{primary.name} leads, the others cloned it and stream")
        return primary

    def write_rows(self, writer: Writer, primary: Member) -> None:
        self.cluster.execute(primary, BULK)
        self.say("a client commits a row every 10 ms")
        processes.wait_until(lambda: writer.acknowledged >= 300, 30, "300 rows are written")
        self.done(f"{writer.acknowledged} rows acknowledged by {primary.name}")

    def lose_primary(self, writer: Writer, primary: Member) -> None:
        self.killed = began = time.monotonic()
        killed = self.cluster.lose_node(primary)
        self.say(f"kill -9 of {primary.name}, its guard and its postgres: {killed} processes at once")
        processes.wait_until(lambda: writer.acknowledged_since(began + 0.1) >= 100, 30, "writes after the failover")
        gap = writer.longest_gap(began)
        self.measure("primary lost: time without a write", f"{gap:.2f} s")
        self.done(f"{writer.where} leads: {gap:.2f} s without a write")
        self.check(writer.where != primary.name, f"another member than {primary.name} leads")

    def bring_back(self, member: Member) -> None:
        self.say(f"{member.name} starts again")
        began = time.monotonic()
        self.cluster.start_member(member)
        self.cluster.wait_healthy()
        self.measure("lost member streams again", seconds(began))
        self.done(f"{member.name} follows the new timeline")

    def switch_back(self, writer: Writer, target: Member) -> None:
        source = self.cluster.wait_healthy()
        self.say(f"switchover from {source.name} back to {target.name}")
        began = time.monotonic()
        self.cluster.switch_over_and_wait(source, target)
        moment = time.monotonic()
        processes.wait_until(lambda: writer.acknowledged_since(moment) >= 100, 30, "writes after the switchover")
        self.cluster.wait_healthy()
        gap = writer.longest_gap(began)
        self.measure("switchover: time without a write", f"{gap:.2f} s")
        self.check(writer.where == target.name, f"{target.name} leads")
        self.done(f"{target.name} leads again: {gap:.2f} s without a write")

    def back_up(self) -> None:
        self.say("base backup, while the client goes on writing")
        began = time.monotonic()
        backup = self.cluster.back_up(self.cluster.wait_healthy())
        self.measure("base backup", f"{seconds(began)}, {bytes_text(self.cluster.archive_bytes('base'))}")
        self.done(f"backup {backup} is in the archive")

    def account_for_rows(self, writer: Writer) -> None:
        fate = writer.fate()
        # Replication is asynchronous here: the death of a node may take with it what it acknowledged in its last
        # moments. Nothing else may lose a row.
        with_the_node = [when for when in fate.lost if self.killed - 0.25 < when <= self.killed + 0.25]
        self.measure("rows acknowledged", str(writer.acknowledged))
        self.measure("acknowledged rows missing", str(len(fate.lost)))
        self.check(len(fate.lost) == len(with_the_node), f"{len(fate.lost)} acknowledged rows are missing")
        self.done(f"{writer.acknowledged} rows were acknowledged, {len(fate.lost)} of them are missing")

    def restore_and_compare(self) -> None:
        primary = self.cluster.wait_healthy()
        self.say("restore beside the cluster: the backup, and every WAL segment after it")
        self.cluster.archive_everything(primary)
        began = time.monotonic()
        target = self.cluster.restore(primary)
        self.measure("restore to latest", seconds(began))
        with RestoredServer(self.cluster, target) as server:
            expected, found = content_of(self.cluster.connect(primary)), content_of(server.connect())
        rows = sum(count for count, _ in expected.values())
        self.check(rows > 0 and expected == found, f"the restored content is the cluster's: {expected} and {found}")
        self.measure("restored and compared by content", f"{len(expected)} tables, {rows} rows: identical")
        self.done(f"the restored server holds the same {rows} rows")

    def say(self, text: str) -> None:
        self.screen.log(f"{self.clock()}   {text}")

    def done(self, text: str) -> None:
        self.screen.log(f"{self.clock()} {self.screen.paint('✓', 'bold', 'green')} {text}")

    def clock(self) -> str:
        return self.screen.paint(f"{time.monotonic() - self.began:6.1f} s", "dim")

    def measure(self, what: str, value: str) -> None:
        self.measured.append([what, value])

    @staticmethod
    def check(held: bool, what: str) -> None:
        if not held:
            raise StepFailed(f"did not hold: {what}")


def seconds(began: float) -> str:
    return f"{time.monotonic() - began:.2f} s"


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/demo")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--stop", action="store_true")
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--binaries", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--postgres-bin", required=True, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    processes.end_like_an_interrupt()
    try:
        scratch = Scratch("pgmahout-demo")
        if arguments.stop:
            return stop(scratch)
        refuse_second(scratch)
        return 0 if arguments.check else show(arguments, scratch)
    except KeyboardInterrupt:
        return 130
    except RuntimeError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1


def stop(scratch: Scratch) -> int:
    if not scratch.exists():
        print("no demo is running")
        return 0
    with processes.uninterrupted():
        scratch.stop()
        scratch.remove()
    print(f"stopped, and {scratch.path} removed")
    return 0


def refuse_second(scratch: Scratch) -> None:
    if scratch.exists() and scratch.running():
        raise RuntimeError(f"a demo is running in {scratch.path}; scripts/demo --stop ends it")


def show(arguments: argparse.Namespace, scratch: Scratch) -> int:
    if scratch.exists():
        scratch.remove()
    scratch.make()
    screen = Screen()
    held = False
    cluster = None
    try:
        cluster = PgmahoutCluster(scratch.path, arguments.postgres_bin, arguments.binaries)
        screen.log(f"pgmahout {cluster.version()}, three members in {scratch.path}\n")
        held = run_steps(cluster, screen)
        if held and arguments.keep:
            print_how_to_reach(cluster)
    finally:
        if not (held and arguments.keep):
            with processes.uninterrupted():
                if cluster:
                    cluster.stop()
                scratch.remove()
    return 0 if held else 1


def run_steps(cluster: PgmahoutCluster, screen: Screen) -> bool:
    """Whether every step held."""
    monitor = Monitor(cluster, screen)
    demo = Demo(cluster, screen, monitor)
    monitor.start()
    failure = None
    try:
        demo.run()
    except (StepFailed, RuntimeError, OSError, psycopg.Error) as error:
        failure = error
    finally:
        monitor.finish()
        screen.close()
    if demo.measured:
        print("\n" + "\n".join(render(["MEASURED", ""], demo.measured, right={1})))
    if failure:
        print_failure(cluster, failure)
    return failure is None


def print_failure(cluster: PgmahoutCluster, failure: Exception) -> None:
    sys.stdout.flush()
    for member in cluster.members:
        print(f"\n--- end of the log of {member.name}\n{member.tail()}", file=sys.stderr, end="")
    print(f"\ndemo: {failure}", file=sys.stderr)


def print_how_to_reach(cluster: PgmahoutCluster) -> None:
    hosts = ",".join(f"127.0.0.1:{member.port}" for member in cluster.members)
    password = os.path.join(cluster.base, "secrets", "superuser")
    member = cluster.members[0]
    print(f"""
The cluster goes on running. As the same user as now:
  PGPASSWORD=$(cat {password}) psql 'postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write'
  {cluster.program} status --config {cluster.configuration(member)}
  {cluster.program} switchover --config {cluster.configuration(member)}
  curl {member.api}/v1/cluster
  tail -f {cluster.base}/pg-*/log
scripts/demo --stop ends it.""")


if __name__ == "__main__":
    sys.exit(main())
