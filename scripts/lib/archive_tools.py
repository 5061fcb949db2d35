"""Whoever archives: pgmahout, pgBackRest, barman-cloud. Each drains WAL, takes a backup, and restores it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import threading
import time

import processes
from archive_source import Source
from s3_server import BUCKET, KEY, SECRET, S3Server

# Four in flight, as the bound on memory is for; two processors do the work.
IN_FLIGHT = 4


def directory_bytes(root: str) -> int:
    return sum(os.path.getsize(os.path.join(directory, name))
               for directory, _, names in os.walk(root) for name in names)


class Memory(threading.Thread):
    """The most resident memory, in MB, that the processes with a word in their command line had at one moment."""

    def __init__(self, word: str):
        super().__init__(daemon=True, name="memory")
        self.word = word
        self.most = 0.0
        self._halt = threading.Event()

    def run(self) -> None:
        while not self._halt.wait(0.05):
            found = 0
            for pid in processes.process_ids():
                arguments = processes.arguments_of(pid)
                # The shell that postgres starts has the word too.
                if any(self.word in argument for argument in arguments) and os.path.basename(arguments[0]) != "sh":
                    found += resident_kilobytes(pid, "VmRSS:")
            self.most = max(self.most, found / 1024)

    def finish(self) -> float:
        self._halt.set()
        self.join()
        return round(self.most, 1)


def resident_kilobytes(pid: int, field: str) -> int:
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            return next((int(line.split()[1]) for line in file if line.startswith(field)), 0)
    except OSError:
        return 0


class Tool:
    """A way to archive a server, with a directory of its own."""

    # Whether its WAL goes to S3, for which a second key of the results is.
    to_s3 = False

    def __init__(self, source: Source, name: str):
        self.source = source
        self.name = name
        self.home = processes.make_directory(os.path.join(source.base, name.replace(" ", "-")), 0o755)
        self.target = os.path.join(self.home, "restored")

    def prepare(self) -> None:
        """Whatever comes before the first segment."""

    def drain(self) -> tuple[float, float]:
        """Seconds, and MB of resident memory at the most."""
        raise NotImplementedError

    def wal_bytes(self) -> int:
        raise NotImplementedError

    def back_up(self) -> None:
        raise NotImplementedError

    def backup_bytes(self) -> int:
        raise NotImplementedError

    def restore(self) -> None:
        """Files in place, ready to start."""
        raise NotImplementedError

    def finish(self) -> None:
        """Ends what it started."""


CONFIGURATION = """\
cluster: bench
member: bench-1
dataDirectory: {source.data}
runDirectory: {source.run_directory}
postgres:
  binDirectory: {source.bin}
  host: 127.0.0.1
  port: {source.port}
  superuserPasswordFile: {home}/password
  replicationPasswordFile: {home}/password
lease: {{store: file, file: {{path: {home}/lease}}}}
peers: {{secretFile: {home}/password}}
archive:
  parallel: {parallel}
{place}
"""


class Pgmahout(Tool):
    def __init__(self, source: Source, binaries: str, s3: S3Server | None = None):
        """`binaries`: copied, since the user of postgres may not be able to enter their directory."""
        super().__init__(source, "pgmahout s3" if s3 else "pgmahout")
        self.to_s3 = s3 is not None
        self.s3 = s3
        self.bin = os.path.join(self.home, "bin")
        os.mkdir(self.bin)
        for binary in ("pgmahout", "pgmahout-guard", "pgmahout-wal"):
            shutil.copy(os.path.join(binaries, binary), self.bin)
        processes.write_file(os.path.join(self.home, "password"), "unused-but-long-enough-to-be-taken")
        self.archive = os.path.join(self.home, "archive")
        if s3:
            files = {name: processes.write_file(os.path.join(self.home, name), text)
                     for name, text in {"key": KEY, "secret": SECRET}.items()}
            place = (f"  s3: {{bucket: {BUCKET}, prefix: ours, endpoint: '{s3.url}', region: us-east-1, "
                     f"accessKeyIDFile: {files['key']}, secretAccessKeyFile: {files['secret']}}}")
        else:
            processes.make_directory(self.archive)
            place = f"  directory: {self.archive}"
        self.configuration = processes.write_file(
            os.path.join(self.home, "pgmahout.yaml"),
            CONFIGURATION.format(source=source, home=self.home, place=place, parallel=IN_FLIGHT))
        self.archiver: subprocess.Popen[bytes] | None = None

    def command(self, *arguments: str) -> str:
        return processes.run([os.path.join(self.bin, "pgmahout"), *arguments, "--config", self.configuration],
                             self.home)

    def version(self) -> str:
        said = processes.run([os.path.join(self.bin, "pgmahout"), "version"], self.home)
        return said.strip().removeprefix("pgmahout ")

    def prepare(self) -> None:
        """The archiver as PID 1 starts it, but still without a lease."""
        socket = os.path.join(self.source.run_directory, "archiver.sock")
        with contextlib.suppress(FileNotFoundError):
            os.remove(socket)
        with open(os.path.join(self.home, "log"), "ab") as log:
            self.archiver = subprocess.Popen(
                processes.as_postgres(
                    [os.path.join(self.bin, "pgmahout"), "archiver", "--config", self.configuration]),
                stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=self.home, env=processes.environment(),
                start_new_session=True)
        processes.wait_until(lambda: os.path.exists(socket), 30, "the archiver listens")

    def lease(self) -> None:
        self.archiver.stdin.write(f"lease {(1 << 63) - 1}\n".encode())
        self.archiver.stdin.flush()

    def drain(self) -> tuple[float, float]:
        client = os.path.join(self.bin, "pgmahout-wal")
        socket = os.path.join(self.source.run_directory, "archiver.sock")
        seconds = self.source.drain(f"{client} push --socket {socket} %p %f", begin=self.lease)
        return seconds, round(resident_kilobytes(self.archiver.pid, "VmHWM:") / 1024, 1)

    def bytes(self, folder: str) -> int:
        if self.s3:
            return self.s3.bytes(f"ours/bench/{folder}/")
        return directory_bytes(os.path.join(self.archive, "bench", folder))

    def wal_bytes(self) -> int:
        return self.bytes("wals")

    def back_up(self) -> None:
        json.loads(self.command("backup", "create", "--output", "json"))

    def backup_bytes(self) -> int:
        return self.bytes("base")

    def restore(self) -> None:
        self.command("restore", "--target-directory", self.target, "--recovery", "at-start")

    def finish(self) -> None:
        if self.archiver:
            self.archiver.stdin.close()
            try:
                self.archiver.wait(20)
            except subprocess.TimeoutExpired:
                self.archiver.kill()
                self.archiver.wait(10)


PGBACKREST = """\
[global]
repo1-path={home}/repo
spool-path={home}/spool
lock-path={home}/lock
log-path={home}/log
log-level-console=error
log-level-file=off
archive-async=y
process-max=2
start-fast=y
compress-type={codec}
{level}

[bench]
pg1-path={source.data}
pg1-port={source.port}
pg1-socket-path={source.run_directory}
pg1-user=postgres
"""


class PgBackRest(Tool):
    def __init__(self, source: Source, codec: str, level: int):
        super().__init__(source, f"pgbackrest {codec} {level}")
        for name in ("repo", "spool", "lock", "log"):
            processes.make_directory(os.path.join(self.home, name))
        self.configuration = processes.write_file(
            os.path.join(self.home, "pgbackrest.conf"),
            PGBACKREST.format(home=self.home, source=source, codec=codec, level=f"compress-level={level}"))

    @staticmethod
    def version() -> str:
        return subprocess.run(["pgbackrest", "version"], capture_output=True, text=True, check=True).stdout.split()[-1]

    def arguments(self, *arguments: str) -> list[str]:
        return ["/usr/bin/pgbackrest", f"--config={self.configuration}", "--stanza=bench", *arguments]

    def prepare(self) -> None:
        processes.run(self.arguments("stanza-create"), self.home)

    def drain(self) -> tuple[float, float]:
        memory = Memory(self.configuration)
        memory.start()
        seconds = self.source.drain(" ".join(self.arguments("archive-push", "%p")))
        return seconds, memory.finish()

    def wal_bytes(self) -> int:
        return directory_bytes(os.path.join(self.home, "repo", "archive"))

    def back_up(self) -> None:
        processes.run(self.arguments("--type=full", "backup"), self.home)

    def backup_bytes(self) -> int:
        return directory_bytes(os.path.join(self.home, "repo", "backup"))

    def restore(self) -> None:
        processes.make_directory(self.target)
        processes.run(self.arguments(f"--pg1-path={self.target}", "restore"), self.home)


class BarmanCloud(Tool):
    to_s3 = True

    def __init__(self, source: Source, packages: str, s3: S3Server):
        """`packages`: what scripts/lib/barman brought; copied, as the binaries of ours."""
        super().__init__(source, "barman-cloud")
        self.s3 = s3
        self.packages = shutil.copytree(packages, os.path.join(self.home, "packages"))
        self.environment = {
            "PYTHONPATH": self.packages, "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
        }
        variables = " ".join(f"{name}={value}" for name, value in self.environment.items())
        self.script = processes.write_file(
            os.path.join(self.home, "archive.sh"),
            f"#!/bin/sh\nexec env {variables} {' '.join(self.program('walarchive'))} \"$1\"\n", 0o755)

    def version(self) -> str:
        code = "import barman.version; print(barman.version.__version__)"
        return processes.run(["/usr/bin/python3", "-c", code], self.home, **self.environment).strip()

    @property
    def place(self) -> list[str]:
        return [f"s3://{BUCKET}/theirs", "bench"]

    def program(self, name: str, *arguments: str) -> list[str]:
        # A file, because the word goes through a shell.
        starter = os.path.join(self.home, f"cloud_{name}.py")
        if not os.path.exists(starter):
            processes.write_file(
                starter, f"import sys\nfrom barman.clients.cloud_{name} import main\nsys.exit(main())\n", 0o644)
        zipped = ["--gzip"] if name in ("walarchive", "backup") else []
        return ["/usr/bin/python3", starter, "--endpoint-url", self.s3.url, *zipped, *arguments, *self.place]

    def run(self, name: str, *options: str, behind: tuple[str, ...] = ()) -> None:
        processes.run([*self.program(name, *options), *behind], self.home, timeout=400, **self.environment)

    def drain(self) -> tuple[float, float]:
        memory = Memory("cloud_walarchive.py")
        memory.start()
        seconds = self.source.drain(f"{self.script} %p")
        return seconds, memory.finish()

    def wal_bytes(self) -> int:
        return self.s3.bytes("theirs/bench/wals/")

    def back_up(self) -> None:
        self.run("backup", "--immediate-checkpoint", "--jobs", "2", *self.source.address)

    def backup_bytes(self) -> int:
        return self.s3.bytes("theirs/bench/base/")

    def restore(self) -> None:
        processes.make_directory(self.target)
        self.run("restore", behind=("auto", self.target))


def measure(tool: Tool, say) -> dict:
    """All that is measured of one tool, in the keys of the result."""
    source = tool.source
    result: dict = {}
    try:
        source.archive_nothing()
        tool.prepare()
        seconds, memory = tool.drain()
        count = len(source.segments)
        key = "wal_push_s3_mb_per_s" if tool.to_s3 else "wal_drain_mb_per_s"
        result[key] = round(count * (16 << 20) / 1e6 / seconds, 1)
        result["archiver_rss_mb"] = memory
        result["wal_bytes"] = tool.wal_bytes()
        say(f"{tool.name}: {count} segments in {seconds:.2f} s, {memory} MB")
        source.query("checkpoint")
        began = time.monotonic()
        tool.back_up()
        result["base_backup_s"] = round(time.monotonic() - began, 2)
        result["backup_bytes"] = tool.backup_bytes()
        say(f"{tool.name}: backup in {result['base_backup_s']} s, {result['backup_bytes'] / 1e6:.1f} MB")
        began = time.monotonic()
        tool.restore()
        result["restore_s"] = round(time.monotonic() - began, 2)
        if not os.path.exists(os.path.join(tool.target, "global", "pg_control")):
            raise RuntimeError(f"{tool.name} restored nothing")
        say(f"{tool.name}: restored in {result['restore_s']} s")
        source.archive_nothing()
    finally:
        tool.finish()
        shutil.rmtree(tool.target, ignore_errors=True)
    return result
