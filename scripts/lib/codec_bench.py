"""scripts/bench codec: see there."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys

import processes
from archive_bench import FIRST_PORT, say, scratch
from archive_source import Source
from table import render


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/bench codec")
    parser.add_argument("--segments", type=int, default=8)
    parser.add_argument("--json", action="store_true")
    for hidden in ("--binaries", "--postgres-bin"):
        parser.add_argument(hidden, required=True, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.segments < 1:
        parser.error("--segments must be 1 or more")
    processes.end_like_an_interrupt()
    try:
        rows = run(arguments)
    except KeyboardInterrupt:
        return 130
    except (RuntimeError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps({"segments": arguments.segments, "codecs": rows}))
    else:
        head = ["gzip by", "level", "compress, MB/s", "decompress, MB/s", "ratio"]
        cells = [[row["codec"], str(row["level"]), str(row["compressMBPerSecond"]), str(row["decompressMBPerSecond"]),
                  str(row["ratio"])] for row in rows]
        print("\n".join(render(head, cells, right={1, 2, 3, 4})))
    return 0


def run(arguments: argparse.Namespace) -> list[dict]:
    with scratch() as base, contextlib.ExitStack() as started:
        program = os.path.join(processes.make_directory(os.path.join(base, "bin"), 0o755), "pgmahout")
        shutil.copy(os.path.join(arguments.binaries, "pgmahout"), program)
        source = Source(base, arguments.postgres_bin, FIRST_PORT)
        started.callback(source.stop)
        source.start(20, arguments.segments, say)
        source.query("checkpoint")
        files = [os.path.join(source.wal, name) for name in source.segments]
        said = processes.run([program, "archive", "codec", *files], base)
        return [json.loads(line) for line in said.splitlines()]


if __name__ == "__main__":
    sys.exit(main())
