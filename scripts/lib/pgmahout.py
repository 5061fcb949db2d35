"""A cluster of pgmahout: file lease, archive in a directory."""

from __future__ import annotations

import json
import os
import secrets
import shutil

import processes
from cluster import Cluster, Member, request

BINARIES = ("pgmahout", "pgmahout-guard", "pgmahout-wal")

CONFIGURATION = """\
cluster: {cluster}
member: {member.name}
dataDirectory: {member.data}
runDirectory: {member.directory}/run
postgres:
  binDirectory: {postgres_bin}
  listen: 127.0.0.1
  host: 127.0.0.1
  port: {member.port}
  superuserPasswordFile: {base}/secrets/superuser
  replicationPasswordFile: {base}/secrets/replication
  parameters: {{shared_buffers: 64MB, max_connections: 50}}
  hba: ["host all all 127.0.0.1/32 scram-sha-256"]
http: {{listen: 127.0.0.1, port: {member.api_port}, advertise: 127.0.0.1}}
lease:
  store: file
  file: {{path: {base}/lease/{cluster}.lease}}
archive:
  directory: {base}/archive
bootstrap: {{patience: 0s}}
peers: {{secretFile: {base}/secrets/peers}}
synchronous: {{mode: {synchronous}}}
"""


class PgmahoutCluster(Cluster):
    name = "pgmahout"
    ready_path = "/readyz"
    probe_paths = ("/healthz", "/readyz", "/metrics")
    join_timeout = 60

    def __init__(self, base: str, postgres_bin: str, binaries: str, first_port: int = 5501, cluster: str = "demo",
                 synchronous: str = "off"):
        """`binaries`: the directory of the release build. They are copied, since the user of postgres may not be able
        to enter it. `synchronous`: the mode of synchronous replication."""
        super().__init__(base, postgres_bin, first_port)
        self.cluster = cluster
        self.bin = os.path.join(base, "bin")
        os.makedirs(self.bin)
        for binary in BINARIES:
            shutil.copy(os.path.join(binaries, binary), self.bin)
        for directory in ("lease", "archive", "secrets"):
            processes.make_directory(os.path.join(base, directory))
        self.password = secrets.token_urlsafe(12)
        processes.write_file(os.path.join(base, "secrets", "superuser"), self.password)
        for secret in ("replication", "peers"):
            processes.write_file(os.path.join(base, "secrets", secret), secrets.token_urlsafe(24))
        for member in self.members:
            processes.make_directory(member.directory)
            processes.make_directory(os.path.join(member.directory, "run"))
            text = CONFIGURATION.format(
                member=member, base=base, cluster=cluster, postgres_bin=postgres_bin, synchronous=synchronous)
            processes.write_file(self.configuration(member), text)

    @property
    def program(self) -> str:
        return os.path.join(self.bin, "pgmahout")

    def configuration(self, member: Member) -> str:
        return os.path.join(member.directory, "pgmahout.yaml")

    def version(self) -> str:
        return self.command("version").strip().removeprefix("pgmahout ")

    def command(self, *arguments: str, timeout: float = 300) -> str:
        """Runs `pgmahout …` to its end and returns its output."""
        return processes.run([self.program, *arguments], self.base, timeout)

    def start_member(self, member: Member) -> None:
        member.process = processes.spawn(
            [self.program, "run", "--config", self.configuration(member)], member.log, member.directory)

    def status(self, member: Member) -> dict | None:
        """`GET /v1/status`; None when the member does not answer."""
        code, body = request("GET", member.api + "/v1/status", timeout=0.5)
        return json.loads(body) if code == 200 else None

    def healthy(self) -> Member | None:
        """The primary, when each of the others could take over from it, by what it says and by the record."""
        primary = super().healthy()
        if not primary:
            return None
        code, body = request("GET", primary.api + "/v1/cluster")
        answer = json.loads(body) if code == 200 else {}
        # In quorum and strict nobody else may take over before standbys are recorded.
        promise = answer.get("synchronous") or {"mode": "off"}
        if promise["mode"] in ("quorum", "strict") and promise["votes"] > len(promise["members"]):
            return None
        entries = answer.get("members", [])
        known = [entry["status"] for entry in entries if entry.get("status")]
        ready = [status for status in known if status["role"] == "primary" or status["candidate"]]
        return primary if len(ready) == len(self.members) else None

    def switchover(self, source: Member, target: Member) -> None:
        code, body = request(
            "POST", source.api + "/v1/switchover", {"from": source.name, "to": target.name}, timeout=5)
        if code != 202:
            raise RuntimeError(f"switchover from {source.name} to {target.name} was refused: {code} {body.strip()}")

    def switch_over_and_wait(self, source: Member, target: Member) -> None:
        self.command(
            "switchover", "--config", self.configuration(source), "--from", source.name, "--to", target.name)

    def back_up(self, member: Member) -> str:
        """Takes a base backup and returns its id."""
        said = json.loads(self.command("backup", "create", "--config", self.configuration(member), "--output", "json"))
        return said["id"]

    def archive_bytes(self, folder: str) -> int:
        """Bytes of `base` or `wals` in the archive."""
        root = os.path.join(self.base, "archive", self.cluster, folder)
        return sum(
            os.path.getsize(os.path.join(directory, name)) for directory, _, names in os.walk(root) for name in names)

    def archive_everything(self, primary: Member) -> None:
        """Ends the current WAL segment and waits until it is in the archive."""
        segment = self.query(primary, "select pg_walfile_name(pg_current_wal_insert_lsn())")[0][0]
        self.query(primary, "select pg_switch_wal()")
        processes.wait_until(
            lambda: (self.query(primary, "select last_archived_wal from pg_stat_archiver")[0][0] or "") >= segment,
            60, f"segment {segment} is archived")

    def restore(self, member: Member) -> str:
        """Restores the latest backup and all WAL into a new directory, and returns that."""
        target = os.path.join(processes.make_directory(os.path.join(self.base, "restored")), "data")
        self.command("restore", "--config", self.configuration(member), "--target-directory", target)
        return target
