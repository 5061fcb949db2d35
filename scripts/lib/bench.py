"""scripts/bench: see there."""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import contextmanager

import failover
import footprint
import processes
from cluster import Cluster, Scratch
from patroni import PatroniCluster
from pgmahout import PgmahoutCluster
from table import render

NAMES = {
    "rss_mb": "resident memory, MB", "anon_mb": "anonymous memory, MB", "idle_cpu_percent": "processor at rest, %",
    "wal_client_ms": "WAL client, ms",
}


def main() -> int:
    arguments = parse_arguments()
    processes.end_like_an_interrupt()
    try:
        if arguments.what == "soak":
            result = measure_soak(arguments)
        else:
            result = measure(arguments, measure_failover if arguments.what == "failover" else measure_footprint)
    except KeyboardInterrupt:
        return 130
    except (RuntimeError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps(result))
    else:
        print_table(arguments.what, result)
    return 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("what", choices=["failover", "soak", "footprint"])
    parser.add_argument("--peer", choices=["patroni"], action="append", default=[])
    parser.add_argument("--runs", type=int, default=None)
    parser.add_argument("--mode", choices=["off", "preferred", "quorum", "strict"], default="quorum")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--binaries", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--postgres-bin", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--packages", required=True, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.runs is None:
        arguments.runs = 100 if arguments.what == "soak" else 10
    if arguments.runs < 1:
        parser.error("--runs must be 1 or more")
    return arguments


def measure(arguments: argparse.Namespace, one) -> dict:
    """Ours and then each peer, one after the other: they must not compete for the processors."""

    def pgmahout(base: str) -> Cluster:
        return PgmahoutCluster(base, arguments.postgres_bin, arguments.binaries, first_port=15501, cluster="bench")

    def patroni(base: str) -> Cluster:
        PatroniCluster.install(arguments.packages)
        return PatroniCluster(base, arguments.postgres_bin, arguments.packages, first_port=15501)

    makers = {"patroni": patroni}
    result = one(pgmahout, arguments)
    if arguments.what == "failover":
        # The same loss of a node where votes may take the place of the lease's end.
        with running(lambda base: quorum_cluster(base, arguments, "quorum")) as cluster:
            votes = failover.measure_all(cluster, arguments.runs, {"node_lost_s": failover.EVENTS["node_lost_s"]})
        result["node_lost_quorum_s"] = votes["node_lost_s"]
        result["lost_rows"] += votes["lost_rows"]
    result["peers"] = {peer: one(makers[peer], arguments) for peer in dict.fromkeys(arguments.peer)}
    return result


def quorum_cluster(base: str, arguments: argparse.Namespace, mode: str) -> Cluster:
    return PgmahoutCluster(
        base, arguments.postgres_bin, arguments.binaries, first_port=15501, cluster="bench", synchronous=mode)


def measure_soak(arguments: argparse.Namespace) -> dict:
    with running(lambda base: quorum_cluster(base, arguments, arguments.mode)) as cluster:
        return {"version": cluster.version(), "mode": arguments.mode} | failover.soak(cluster, arguments.runs)


def measure_failover(make, arguments: argparse.Namespace) -> dict:
    with running(make) as cluster:
        return {"version": cluster.version()} | failover.measure_all(cluster, arguments.runs, failover.EVENTS)


def measure_footprint(make, arguments: argparse.Namespace) -> dict:
    with running(make) as cluster:
        result = {"version": cluster.version()} | footprint.measure(cluster)
        ours = isinstance(cluster, PgmahoutCluster)
        client = footprint.wal_client_milliseconds(os.path.join(cluster.bin, "pgmahout-wal")) if ours else None
        return result | {"wal_client_ms": client}


@contextmanager
def running(make):
    """A healthy cluster in a new directory; ended and removed whatever happens."""
    scratch = Scratch("pgmahout-bench")
    if scratch.exists():
        if scratch.running():
            raise RuntimeError(f"another measurement runs in {scratch.path}")
        scratch.remove()
    scratch.make()
    cluster = None
    try:
        cluster = make(scratch.path)
        cluster.start()
        cluster.wait_healthy()
        yield cluster
    except Exception:
        for member in cluster.members if cluster else []:
            print(f"--- end of the log of {member.name}\n{member.tail()}", file=sys.stderr)
        raise
    finally:
        with processes.uninterrupted():
            try:
                if cluster:
                    cluster.stop()
            finally:
                scratch.remove()


def print_table(what: str, result: dict) -> None:
    if what == "soak":
        return print_soak(result)
    columns = {"pgmahout": result} | result["peers"]
    head = [f"{name} {column['version']}" for name, column in columns.items()]
    if what == "failover":
        rows = [
            [failover.title(key), *[f"{column[key]['median']:.2f} s / {column[key]['worst']:.2f} s"
                                    for column in columns.values()]]
            for key in failover.EVENTS]
        quorum = result["node_lost_quorum_s"]
        rows.insert(1, ["node lost, synchronous: quorum", f"{quorum['median']:.2f} s / {quorum['worst']:.2f} s",
                        *["—" for _ in result["peers"]]])
        rows.append(["acknowledged rows lost", *[str(column["lost_rows"]) for column in columns.values()]])
        head = ["time without a write: median / worst", *head]
    else:
        rows = [[name, *["—" if column[key] is None else str(column[key]) for column in columns.values()]]
                for key, name in NAMES.items()]
        head = ["one manager of three, the worst", *head]
    print("\n".join(render(head, rows, right=set(range(1, len(head))))))


def print_soak(result: dict) -> None:
    rows = [
        ["nodes lost in a row", str(result["failovers"])],
        *[[name, f"{result[key]['median']:.2f} s / {result[key]['worst']:.2f} s"] for key, name in
          {"outage_s": "without a write: median / worst", "streaming_again_s": "until all stream again"}.items()],
        ["acknowledged rows lost", str(result["lost_rows"])]]
    print("\n".join(render([f"mode {result['mode']}", f"pgmahout {result['version']}"], rows, right={1})))


if __name__ == "__main__":
    sys.exit(main())
