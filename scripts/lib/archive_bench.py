"""scripts/bench archive: see there."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys

import processes
from archive_source import Source
from archive_tools import BarmanCloud, PgBackRest, Pgmahout, Tool, measure
from cluster import Scratch
from s3_server import S3Server
from table import render

KEYS = {
    "wal_drain_mb_per_s": "WAL to a directory, MB/s", "wal_push_s3_mb_per_s": "WAL to S3, MB/s",
    "base_backup_s": "base backup, s", "restore_s": "restore, s", "archiver_rss_mb": "memory while archiving, MB",
    "wal_bytes": "archived WAL, bytes", "backup_bytes": "backup, bytes", "base_backup_s3_s": "base backup to S3, s",
    "restore_s3_s": "restore from S3, s",
}
# gzip at its fastest and at pgBackRest's default level, and Zstandard where its build has it.
VARIANTS = [("gz", 1), ("gz", 6), ("zst", 3)]
FIRST_PORT = 15601


def main() -> int:
    arguments = parse_arguments()
    processes.end_like_an_interrupt()
    try:
        result = run(arguments)
    except KeyboardInterrupt:
        return 130
    except (RuntimeError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps(result))
    else:
        print_table(result)
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench archive")
    parser.add_argument("--peer", choices=["pgbackrest", "barman"], action="append", default=[])
    parser.add_argument("--segments", type=int, default=40)
    parser.add_argument("--scale", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    for hidden in ("--binaries", "--postgres-bin", "--moto", "--barman-packages"):
        parser.add_argument(hidden, required=True, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.segments < 1 or arguments.scale < 1:
        parser.error("--segments and --scale must be 1 or more")
    return arguments


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def run(arguments: argparse.Namespace) -> dict:
    """Everybody in turn, over the same segments and the same database: they must not compete for the processors."""
    with scratch() as base, contextlib.ExitStack() as started:
        s3 = S3Server(base, arguments.moto, FIRST_PORT)
        started.callback(s3.stop)
        s3.start()
        source = Source(base, arguments.postgres_bin, FIRST_PORT + 10)
        started.callback(source.stop)
        source.start(arguments.scale, arguments.segments, say)
        ours = Pgmahout(source, arguments.binaries)
        result = {"version": ours.version(), "segments": arguments.segments, "scale": arguments.scale}
        result |= measure(ours, say)
        bucket = measure(Pgmahout(source, arguments.binaries, s3), say)
        result |= {
            "wal_push_s3_mb_per_s": bucket["wal_push_s3_mb_per_s"], "base_backup_s3_s": bucket["base_backup_s"],
            "restore_s3_s": bucket["restore_s"],
            # The larger one counts.
            "archiver_rss_mb": max(result["archiver_rss_mb"], bucket["archiver_rss_mb"]),
        }
        result["peers"] = {}
        for tool, version in peers(arguments, source, s3):
            found = {"version": version, "wal_drain_mb_per_s": None, "wal_push_s3_mb_per_s": None}
            result["peers"][tool.name] = found | measure(tool, say)
        return result


def peers(arguments: argparse.Namespace, source: Source, s3: S3Server):
    """Pairs of a tool and its version."""
    for peer in dict.fromkeys(arguments.peer):
        if peer == "barman":
            barman = BarmanCloud(source, arguments.barman_packages, s3)
            yield barman, barman.version()
            continue
        for codec, level in VARIANTS:
            tool: Tool = PgBackRest(source, codec, level)
            if codec == "zst" and not has_zstandard(tool):
                say("this build of pgBackRest has no Zstandard")
                continue
            yield tool, PgBackRest.version()


def has_zstandard(tool: PgBackRest) -> bool:
    try:
        processes.run(tool.arguments("check", "--no-online"), tool.home)
    except RuntimeError as error:
        return "not available" not in str(error) and "not compiled" not in str(error)
    return True


@contextlib.contextmanager
def scratch():
    """A new directory for everything; what runs from it is ended and all is removed whatever happens."""
    directory = Scratch("pgmahout-bench-archive")
    if directory.exists():
        if directory.running():
            raise RuntimeError(f"another measurement runs in {directory.path}")
        directory.remove()
    directory.make()
    try:
        yield directory.path
    except Exception:
        for root, _, names in os.walk(directory.path):
            if "log" in names and os.path.isfile(path := os.path.join(root, "log")):
                with open(path, encoding="utf-8", errors="replace") as file:
                    print(f"--- end of {path}\n{''.join(file.readlines()[-15:])}", file=sys.stderr)
        raise
    finally:
        with processes.uninterrupted():
            directory.remove()


def print_table(result: dict) -> None:
    columns = {"pgmahout": result} | result["peers"]
    head = [f"{result['segments']} segments, scale {result['scale']}",
            *[f"{name} ({column['version']})" for name, column in columns.items()]]
    rows = [[title, *[show(column.get(key)) for column in columns.values()]] for key, title in KEYS.items()]
    print("\n".join(render(head, rows, right=set(range(1, len(head))))))


def show(value) -> str:
    if value is None:
        return "—"
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    sys.exit(main())
