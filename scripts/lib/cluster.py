"""Three members on loopback, whoever manages them: what the demo and the measurements have in common."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field

import psycopg

import processes
from processes import Process

# sockaddr_un holds 107 bytes; what a member appends to the base is `/pg-1/run/.s.PGSQL.15432.lock`.
LONGEST_BASE = 107 - 30
MARKER = ".pgmahout-scratch"


class Scratch:
    """A directory of ours, with everything that a cluster writes: made new, removed whole.

    Its path is the same every time, so that a later call finds what an earlier one left running."""

    def __init__(self, name: str):
        self.path = next(
            (path for parent in dict.fromkeys([tempfile.gettempdir(), "/tmp"])
             if len(path := os.path.join(os.path.realpath(parent), name)) <= LONGEST_BASE and reachable(parent)),
            None)
        if self.path is None:
            raise RuntimeError("no short path that the user of postgres can enter: set TMPDIR to one")

    def exists(self) -> bool:
        """Whether there is one, of ours; raises when something else has the name (/tmp is everybody's)."""
        try:
            found = os.lstat(self.path)
        except FileNotFoundError:
            return False
        ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
        if not ours or not os.path.exists(os.path.join(self.path, MARKER)):
            raise RuntimeError(f"{self.path} is not of our making: move it away, or set TMPDIR")
        return True

    def make(self) -> None:
        os.mkdir(self.path, 0o755)
        os.chmod(self.path, 0o755)
        with open(os.path.join(self.path, MARKER), "w", encoding="utf-8"):
            pass

    def running(self) -> list[Process]:
        """Processes that run from here: a program of ours, or a postgres on a data directory of ours."""
        found = []
        for pid in processes.process_ids():
            with contextlib.suppress(OSError):
                program = os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")
                here = self.contains(program)
                if not here and (os.path.basename(program) in ("postgres", "etcd") or is_python(program)):
                    here = self.contains(os.readlink(f"/proc/{pid}/cwd"))
                if here and pid != os.getpid() and (process := Process.of(pid)) and process.alive():
                    found.append(process)
        return found

    def stop(self, timeout: float = 30) -> None:
        """SIGTERM to every manager that runs from here, and a wait until nothing does."""
        for process in self.running():
            if processes.arguments_of(process.pid)[1:2] == ["run"]:
                process.signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            processes.wait_until(lambda: not self.running(), timeout, "everything has ended")

    def contains(self, path: str) -> bool:
        return path.startswith(self.path + "/")

    def remove(self) -> None:
        """Ends what still runs from here and removes everything."""
        for attempt in range(20):
            running = self.running()
            for process in running:
                process.signal(signal.SIGKILL)
            if not running and attempt > 0:
                break
            time.sleep(0.05)
        with contextlib.suppress(FileNotFoundError):
            if self.exists():
                shutil.rmtree(self.path)


def is_python(program: str) -> bool:
    return os.path.basename(program).startswith("python")


def reachable(directory: str) -> bool:
    check = processes.as_postgres(["test", "-x", directory])
    return subprocess.run(check, stderr=subprocess.DEVNULL, check=False).returncode == 0


@dataclass
class Member:
    name: str
    directory: str
    port: int
    api_port: int
    process: subprocess.Popen[bytes] | None = field(default=None, compare=False)

    @property
    def data(self) -> str:
        return os.path.join(self.directory, "data")

    @property
    def log(self) -> str:
        return os.path.join(self.directory, "log")

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    @property
    def manager(self) -> Process | None:
        """The process that is PID 1 in a pod."""
        return Process.of(self.process.pid) if self.process and self.process.poll() is None else None

    def tail(self, lines: int = 15) -> str:
        with contextlib.suppress(OSError), open(self.log, encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-lines:])
        return ""


class Cluster:
    """What every manager of PostgreSQL offers in some way. Subclasses say how."""

    name: str
    ready_path: str
    probe_paths: tuple[str, ...]
    join_timeout: float

    def __init__(self, base: str, postgres_bin: str, first_port: int):
        self.base = base
        self.postgres_bin = postgres_bin
        ports = processes.free_ports(6, first_port)
        self.members = [
            Member(f"pg-{i + 1}", os.path.join(base, f"pg-{i + 1}"), ports[i], ports[i + 3]) for i in range(3)]
        self.password = ""

    def version(self) -> str:
        raise NotImplementedError

    def start_member(self, member: Member) -> None:
        raise NotImplementedError

    def switchover(self, source: Member, target: Member) -> None:
        """Asks for it; may return before it is done."""
        raise NotImplementedError

    def start(self) -> None:
        for member in self.members:
            self.start_member(member)

    def connect(self, member: Member, **extra) -> psycopg.Connection:
        return psycopg.connect(
            host="127.0.0.1", port=member.port, user="postgres", dbname="postgres", password=self.password,
            connect_timeout=2, autocommit=True, **extra)

    def query(self, member: Member, sql: str, *parameters) -> list[tuple]:
        with self.connect(member, options="-c statement_timeout=60s") as connection:
            return connection.execute(sql, parameters or None).fetchall()

    def execute(self, member: Member, statement: str) -> None:
        with self.connect(member, options="-c statement_timeout=60s") as connection:
            connection.execute(statement)

    def primary(self) -> Member | None:
        """The only member out of recovery; None when there is none, or, for a moment, more than one."""
        found = []
        for member in self.members:
            with contextlib.suppress(psycopg.Error):
                if not self.query(member, "select pg_is_in_recovery()")[0][0]:
                    found.append(member)
        return found[0] if len(found) == 1 else None

    def healthy(self) -> Member | None:
        """The primary, when all others stream from it and every member says that it is ready."""
        primary = self.primary()
        if not primary:
            return None
        with contextlib.suppress(psycopg.Error):
            streaming = self.query(primary, "select count(*) from pg_stat_replication where state = 'streaming'")[0][0]
            if streaming >= len(self.members) - 1 and all(self.ready(member) for member in self.members):
                return primary
        return None

    def ready(self, member: Member) -> bool:
        return request("GET", member.api + self.ready_path)[0] == 200

    def wait_healthy(self, timeout: float | None = None) -> Member:
        timeout = timeout or self.join_timeout
        return processes.wait_until(
            self.healthy, timeout, f"a primary with {len(self.members) - 1} streaming replicas", every=0.2)

    def lose_node(self, member: Member) -> int:
        """kill -9 of the manager and of everything below it, at once. Returns the number of processes."""
        killed = processes.kill_tree(member.manager, member.data)
        if member.process:
            member.process.wait(10)
        return killed

    def kill_postmaster(self, member: Member) -> None:
        process = processes.postmaster(member.data)
        if not process:
            raise RuntimeError(f"no postmaster in {member.data}")
        process.signal(signal.SIGKILL)

    def stop(self, timeout: float = 30) -> None:
        """SIGTERM to every manager, and SIGKILL to what is still there after `timeout` seconds."""
        for member in self.members:
            if manager := member.manager:
                manager.signal(signal.SIGTERM)
        deadline = time.monotonic() + timeout
        for member in self.members:
            if member.process:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    member.process.wait(max(0.1, deadline - time.monotonic()))
            processes.kill_tree(member.manager, member.data)


def request(method: str, url: str, body: object = None, timeout: float = 1, token: str = "") -> tuple[int, str]:
    """Status and body of an answer; (0, reason) when there was none."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = json.dumps(body).encode() if body is not None else None
    try:
        with urllib.request.urlopen(
                urllib.request.Request(url, data, headers, method=method), timeout=timeout) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except (OSError, ValueError) as error:
        return 0, str(error)
