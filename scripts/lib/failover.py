"""The write outage that a client sees when the primary's node is lost, its postmaster is killed, or it hands over."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import processes
from cluster import Cluster, Member
from writer import Writer

# Rows that must have been acknowledged after an event, without a gap, before its run counts as over.
STEADY_SECONDS = 2.0


@dataclass(frozen=True)
class Run:
    outage: float
    acknowledged: int
    lost: int
    unknown: int
    path: list[str]


# Each event returns a question: has it taken effect? A switchover begins some time after it was asked for.
def node_lost(cluster: Cluster, primary: Member) -> Callable[[], bool]:
    cluster.lose_node(primary)
    return lambda: True


def postmaster_killed(cluster: Cluster, primary: Member) -> Callable[[], bool]:
    cluster.kill_postmaster(primary)
    return lambda: True


def switchover(cluster: Cluster, primary: Member) -> Callable[[], bool]:
    target = next(member for member in cluster.members if member is not primary)
    cluster.switchover(primary, target)
    return lambda: cluster.primary() is target


EVENTS = {"node_lost_s": node_lost, "postmaster_killed_s": postmaster_killed, "switchover_s": switchover}


def measure(cluster: Cluster, event, label: str) -> Run:
    """One event under one writer, until every member is back and writes are steady."""
    primary = cluster.wait_healthy()
    writer = Writer(cluster, label)
    writer.start()
    try:
        processes.wait_until(lambda: writer.acknowledged >= 100, 30, "the writer writes")
        began = time.monotonic()
        took_effect = event(cluster, primary)
        processes.wait_until(took_effect, cluster.join_timeout, f"{label} takes effect")
        processes.wait_until(
            lambda: writer.acknowledged_since(began + 0.25) and writer.longest_gap(time.monotonic() - 1) < 0.5,
            cluster.join_timeout, f"writes after {label}")
        for member in cluster.members:
            if not member.manager:
                cluster.start_member(member)
        cluster.wait_healthy()
        time.sleep(STEADY_SECONDS)
    finally:
        writer.finish()
    fate = writer.fate()
    return Run(writer.longest_gap(began), writer.acknowledged, len(fate.lost), fate.unknown, writer.path)


def measure_all(cluster: Cluster, runs: int, events: dict) -> dict:
    """`{median, worst, lost_rows}` of every kind of event, and the sum of `lost_rows`."""
    result: dict = {}
    for key, event in events.items():
        found = []
        for number in range(1, runs + 1):
            run = measure(cluster, event, f"{key}-{number}")
            found.append(run)
            say(f"{cluster.name}: {title(key)} {number}/{runs}: {run.outage:.3f} s without a write, "
                f"{run.acknowledged} rows acknowledged, {run.lost} lost, {run.unknown} of unknown fate, "
                f"written to {' → '.join(run.path)}")
        lost = sum(run.lost for run in found)
        result[key] = median_and_worst([run.outage for run in found]) | {"lost_rows": lost}
    result["lost_rows"] = sum(result[key]["lost_rows"] for key in events)
    return result


def soak(cluster: Cluster, runs: int) -> dict:
    """The node of the primary is lost again and again under load; who was lost is started again at once."""
    outages, rejoins, lost, unknown = [], [], 0, 0
    for number in range(1, runs + 1):
        primary = cluster.wait_healthy()
        writer = Writer(cluster, f"soak-{number}")
        writer.start()
        try:
            processes.wait_until(lambda: writer.acknowledged >= 50, 30, "the writer writes")
            began = time.monotonic()
            cluster.lose_node(primary)
            processes.wait_until(
                lambda: writer.acknowledged_since(began + 0.25), cluster.join_timeout, "writes after a lost node")
            started = time.monotonic()
            cluster.start_member(primary)
            cluster.wait_healthy()
            rejoins.append(time.monotonic() - started)
        finally:
            writer.finish()
        fate = writer.fate()
        outages.append(writer.longest_gap(began))
        lost += len(fate.lost)
        unknown += fate.unknown
        say(f"{cluster.name}: failover {number}/{runs}: {outages[-1]:.3f} s without a write, "
            f"all members stream again after {rejoins[-1]:.1f} s, {len(fate.lost)} rows lost")
    return {
        "failovers": runs, "outage_s": median_and_worst(outages), "streaming_again_s": median_and_worst(rejoins),
        "lost_rows": lost, "rows_of_unknown_fate": unknown}


def median_and_worst(values: list[float]) -> dict[str, float]:
    return {"median": round(statistics.median(values), 3), "worst": round(max(values), 3)}


def title(key: str) -> str:
    return key.removesuffix("_s").replace("_", " ")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
