"""Processes by identity: a number alone may meanwhile belong to another one."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass

POSTGRES_USER = "postgres"


@dataclass(frozen=True)
class Process:
    """One run of one process: `started` is field 22 of /proc/PID/stat, in clock ticks since boot."""

    pid: int
    started: int

    @staticmethod
    def of(pid: int) -> Process | None:
        stat = read_stat(pid)
        return Process(pid, stat.started) if stat else None

    def alive(self) -> bool:
        stat = read_stat(self.pid)
        return stat is not None and stat.started == self.started and stat.state not in "ZX"

    def signal(self, number: int) -> None:
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


@dataclass(frozen=True)
class Stat:
    name: str
    state: str
    parent: int
    started: int
    ticks: int


def read_stat(pid: int) -> Stat | None:
    """None when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError:
        return None
    # The name may contain blanks and parentheses: the fields begin after the last one.
    name = text[text.index("(") + 1 : text.rindex(")")]
    fields = text[text.rindex(")") + 2 :].split()
    return Stat(name, fields[0], int(fields[1]), int(fields[19]), int(fields[11]) + int(fields[12]))


def tree(root: Process | None, data_directory: str) -> list[Process]:
    """`root`, its descendants, and every process that works in `data_directory` with its descendants; parents first.

    Postgres is found by its directory too: after the death of its manager it is nobody's descendant."""
    stats = {pid: stat for pid in process_ids() if (stat := read_stat(pid)) and stat.state not in "ZX"}
    children: dict[int, list[int]] = {}
    for pid, stat in stats.items():
        children.setdefault(stat.parent, []).append(pid)
    found = [root.pid] if root and root.alive() else []
    found += [pid for pid in stats if pid not in found and works_in(pid, data_directory)]
    for pid in found:
        found += [child for child in children.get(pid, []) if child not in found]
    return [Process(pid, stats[pid].started) for pid in found if pid in stats and pid != os.getpid()]


def kill_tree(root: Process | None, data_directory: str) -> int:
    """Kills all of `tree` as nearly at once as signals allow; returns how many processes it killed."""
    killed: set[Process] = set()
    for _ in range(50):
        targets = [process for process in tree(root, data_directory) if process not in killed]
        for process in targets:
            process.signal(signal.SIGKILL)
        killed.update(targets)
        if not any(process.alive() for process in killed) and not targets:
            break
        time.sleep(0.005 if not targets else 0)
    return len(killed)


def process_ids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def works_in(pid: int, directory: str) -> bool:
    try:
        return os.readlink(f"/proc/{pid}/cwd") == os.path.realpath(directory)
    except OSError:
        return False


def arguments_of(pid: int) -> list[str]:
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
            return file.read().split("\0")[:-1]
    except OSError:
        return []


def postmaster(data_directory: str) -> Process | None:
    """The running postmaster of a data directory, or None."""
    try:
        with open(os.path.join(data_directory, "postmaster.pid"), encoding="utf-8") as file:
            pid = int(file.readline())
    except (OSError, ValueError):
        return None
    return Process.of(pid) if works_in(pid, data_directory) else None


def as_postgres(arguments: list[str]) -> list[str]:
    """The command that runs `arguments` as the user of postgres, which refuses root."""
    if os.getuid() != 0:
        return arguments
    return ["setpriv", f"--reuid={POSTGRES_USER}", f"--regid={POSTGRES_USER}", "--init-groups", "--", *arguments]


def give_to_postgres(path: str) -> None:
    if os.getuid() == 0:
        os.chown(path, pwd.getpwnam(POSTGRES_USER).pw_uid, grp.getgrnam(POSTGRES_USER).gr_gid)


def make_directory(path: str, mode: int = 0o700) -> str:
    """A directory that belongs to the user of postgres."""
    os.makedirs(path, exist_ok=True)
    os.chmod(path, mode)
    give_to_postgres(path)
    return path


def write_file(path: str, text: str, mode: int = 0o600) -> str:
    """A file that belongs to the user of postgres."""
    with open(path, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        file.write(text)
    give_to_postgres(path)
    return path


def environment(**extra: str) -> dict[str, str]:
    """Small and the same everywhere: what the caller's shell has set for postgres or for pods must not leak in."""
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", **extra}


def spawn(arguments: list[str], log: str, directory: str, **extra: str) -> subprocess.Popen[bytes]:
    """Starts a command as the user of postgres in a session of its own, so that Ctrl-C does not reach it."""
    with open(log, "ab") as output:
        return subprocess.Popen(
            as_postgres(arguments), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            cwd=directory, env=environment(**extra), start_new_session=True)


def run(arguments: list[str], directory: str, timeout: float = 300, **extra: str) -> str:
    """Runs a command as the user of postgres to its end and returns its output; raises with its errors if it fails."""
    result = subprocess.run(
        as_postgres(arguments), stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=directory,
        env=environment(**extra), timeout=timeout, check=False)
    if result.returncode != 0:
        said = (result.stderr or result.stdout).strip()
        raise RuntimeError(f"{' '.join(arguments[:3])} … ended with {result.returncode}: {said}")
    return result.stdout


@contextlib.contextmanager
def uninterrupted():
    """Cleaning up goes on to its end, however often somebody presses Ctrl-C."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, handlers):
            signal.signal(number, handler)


def end_like_an_interrupt() -> None:
    """SIGTERM and SIGHUP unwind the stack as Ctrl-C does, so that every `finally` runs; and so does SIGINT where a
    shell that started this in the background had it ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: sys.exit(128 + received))


def free_ports(count: int, start: int) -> list[int]:
    """Free TCP ports from `start` upwards: below the range from which the kernel draws for outgoing connections, so
    that the port of a member that is down stays free."""
    ports: list[int] = []
    for port in range(start, 32000):
        if len(ports) == count:
            break
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                ports.append(port)
    if len(ports) < count:
        raise RuntimeError(f"no {count} free ports from {start} upwards")
    return ports


def wait_until(condition, timeout: float, what: str, every: float = 0.05):
    """The first true value of `condition()`; raises after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout:.0f} s: {what}")
        time.sleep(every)
