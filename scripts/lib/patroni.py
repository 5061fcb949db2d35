"""A cluster of Patroni with etcd, at its defaults: what ours is measured beside."""

from __future__ import annotations

import os
import shutil
import subprocess

import processes
from cluster import Cluster, Member, request

PACKAGES = ("patroni[etcd3]", "psycopg[binary]")

CONFIGURATION = """\
scope: bench
name: {member.name}
restapi: {{listen: 127.0.0.1:{member.api_port}, connect_address: 127.0.0.1:{member.api_port}}}
etcd3: {{host: 127.0.0.1:{etcd_port}}}
bootstrap:
  dcs:
    postgresql:
      use_pg_rewind: true
      use_slots: true
      parameters: {{wal_log_hints: "on", shared_buffers: 64MB, max_connections: 50}}
  initdb: [{{encoding: UTF8}}, {{locale: C}}, data-checksums]
  pg_hba: ["host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"]
postgresql:
  listen: 127.0.0.1:{member.port}
  connect_address: 127.0.0.1:{member.port}
  data_dir: {member.data}
  bin_dir: {postgres_bin}
  authentication:
    superuser: {{username: postgres, password: unused}}
    replication: {{username: replicator, password: unused}}
    rewind: {{username: rewind, password: unused}}
  parameters: {{unix_socket_directories: {member.directory}}}
"""


class PatroniCluster(Cluster):
    name = "patroni"
    ready_path = "/readiness"
    probe_paths = ("/liveness", "/readiness", "/metrics")
    join_timeout = 180

    def __init__(self, base: str, postgres_bin: str, packages: str, first_port: int = 5501):
        """`packages`: the directory that `install` filled. It is copied, since the user of postgres may not be able to
        enter it."""
        super().__init__(base, postgres_bin, first_port)
        self.packages = shutil.copytree(packages, os.path.join(base, "patroni"))
        self.etcd: subprocess.Popen[bytes] | None = None
        self.etcd_port, self.etcd_peer_port = processes.free_ports(2, self.members[-1].api_port + 1)
        for member in self.members:
            processes.make_directory(member.directory)
            text = CONFIGURATION.format(member=member, etcd_port=self.etcd_port, postgres_bin=postgres_bin)
            processes.write_file(self.configuration(member), text)

    @staticmethod
    def install(packages: str) -> None:
        """Brings Patroni from the package index, once."""
        if os.path.exists(os.path.join(packages, "patroni")):
            return
        unfinished = packages + ".new"
        shutil.rmtree(unfinished, ignore_errors=True)
        subprocess.run(
            ["/usr/bin/python3", "-m", "pip", "install", "--quiet", "--no-input", "--root-user-action=ignore",
             "--target", unfinished, *PACKAGES],
            check=True, stdout=subprocess.DEVNULL)
        os.rename(unfinished, packages)

    def configuration(self, member: Member) -> str:
        return os.path.join(member.directory, "patroni.yml")

    def version(self) -> str:
        said = processes.run(["/usr/bin/python3", "-m", "patroni", "--version"], self.base, PYTHONPATH=self.packages)
        return said.split()[-1]

    def start(self) -> None:
        self.start_etcd()
        super().start()

    def start_etcd(self) -> None:
        client, peer = (f"http://127.0.0.1:{port}" for port in (self.etcd_port, self.etcd_peer_port))
        directory = processes.make_directory(os.path.join(self.base, "etcd"))
        self.etcd = processes.spawn(
            ["/usr/bin/etcd", "--data-dir", os.path.join(directory, "data"), "--listen-client-urls", client,
             "--advertise-client-urls", client, "--listen-peer-urls", peer,
             "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"],
            os.path.join(directory, "log"), directory)
        processes.wait_until(lambda: request("GET", client + "/health")[0] == 200, 30, "etcd answers")

    def start_member(self, member: Member) -> None:
        member.process = processes.spawn(
            ["/usr/bin/python3", "-m", "patroni", self.configuration(member)], member.log, member.directory,
            PYTHONPATH=self.packages)

    def switchover(self, source: Member, target: Member) -> None:
        code, body = request(
            "POST", source.api + "/switchover", {"leader": source.name, "candidate": target.name}, timeout=60)
        if code not in (200, 202):
            raise RuntimeError(f"switchover from {source.name} to {target.name} failed: {code} {body.strip()}")

    def stop(self, timeout: float = 30) -> None:
        super().stop(timeout)
        if self.etcd:
            self.etcd.terminate()
            self.etcd.wait(timeout)
