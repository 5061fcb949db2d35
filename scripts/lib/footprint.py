"""What the manager of one member costs: memory, processor time at rest, and the start of the client that postgres runs
for every WAL segment. 1 MB is 1024 kB of /proc/PID/status here, as in ps and top."""

from __future__ import annotations

import itertools
import os
import socket
import statistics
import sys
import tempfile
import threading
import time

import processes
from cluster import Cluster, Member, request

SETTLE_SECONDS = 15
IDLE_SECONDS = 30
# Between two scrapes, as is usual for Prometheus.
SCRAPE_SECONDS = 15
CLIENT_STARTS = 50


class Probes(threading.Thread):
    """Asks every member what a kubelet asks once a second, and for its metrics as often as a Prometheus does."""

    def __init__(self, cluster: Cluster):
        super().__init__(daemon=True, name="probes")
        self.cluster = cluster
        self.failed: list[str] = []
        self._halt = threading.Event()

    def run(self) -> None:
        for second in itertools.count():
            if self._halt.is_set():
                return
            began = time.monotonic()
            paths = [path for path in self.cluster.probe_paths if path != "/metrics" or second % SCRAPE_SECONDS == 0]
            for member in self.cluster.members:
                for path in paths:
                    code, _ = request("GET", member.api + path)
                    if code != 200:
                        self.failed.append(f"{member.name} {path}: {code}")
            self._halt.wait(max(0, began + 1 - time.monotonic()))

    def finish(self) -> None:
        self._halt.set()
        self.join()


def measure(cluster: Cluster) -> dict:
    """The worst of the three members, while nothing but probes goes on."""
    probes = Probes(cluster)
    probes.start()
    time.sleep(SETTLE_SECONDS)
    before = [manager_ticks(member) for member in cluster.members]
    began = time.monotonic()
    time.sleep(IDLE_SECONDS)
    elapsed = time.monotonic() - began
    ticks = max(manager_ticks(member) - start for member, start in zip(cluster.members, before))
    memory = [memory_of(member) for member in cluster.members]
    probes.finish()
    if probes.failed:
        raise RuntimeError(f"{len(probes.failed)} probes failed, the first: {probes.failed[0]}")
    return {
        "rss_mb": round(max(rss for rss, _ in memory), 1),
        "anon_mb": round(max(anonymous for _, anonymous in memory), 1),
        "idle_cpu_percent": round(100 * ticks / os.sysconf("SC_CLK_TCK") / elapsed, 2),
    }


def manager_ticks(member: Member) -> int:
    """User and system time of the manager so far, in clock ticks."""
    stat = processes.read_stat(member.manager.pid) if member.manager else None
    if not stat:
        raise RuntimeError(f"the manager of {member.name} is not running")
    return stat.ticks


def memory_of(member: Member) -> tuple[float, float]:
    """VmRSS and RssAnon of the manager in MB."""
    if not member.manager:
        raise RuntimeError(f"the manager of {member.name} is not running")
    with open(f"/proc/{member.manager.pid}/status", encoding="utf-8") as file:
        values = {line.split(":")[0]: line.split()[1] for line in file if line.startswith(("VmRSS", "RssAnon"))}
    return int(values["VmRSS"]) / 1024, int(values["RssAnon"]) / 1024


def wal_client_milliseconds(program: str) -> float:
    """Median time from the start to the end of one `pgmahout-wal push` that is answered at once."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "archiver.sock")
        server = start_answering(path)
        try:
            arguments = [program, "push", "--socket", path, "/nonexistent/000000010000000000000001",
                         "000000010000000000000001"]
            times = []
            for _ in range(CLIENT_STARTS):
                began = time.perf_counter()
                child = os.posix_spawn(program, arguments, {})
                status = os.waitpid(child, 0)[1]
                times.append(time.perf_counter() - began)
                if status != 0:
                    raise RuntimeError(f"{program} ended with {os.waitstatus_to_exitcode(status)}")
        finally:
            os.kill(server, 9)
            os.waitpid(server, 0)
    return round(1000 * statistics.median(times), 2)


def start_answering(path: str) -> int:
    """A process that says `ok` to every request; in a process of its own, so that it shares no lock with the clock."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    child = os.fork()
    if child == 0:
        try:
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"ok\n")
        finally:
            os._exit(1)
    listener.close()
    return child


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
