"""Stands between a client and moto's S3, whose own check of signatures refuses even what is right.

    usage: signature_proxy.py --key ID --secret SECRET [--moto PROGRAM]

Starts moto_server, and lets through only what is signed correctly and every S3 service understands: the signature is
computed again from the bytes on the wire (signature_check.py), Content-MD5 is demanded, parts have to be of one size.
Does to requests what it is ordered to (signature_faults.py). Also plays the instance's metadata service (/latest/) and
that of a container (/container). Prints one JSON object with its addresses when it is ready, and ends with its
standard input. Orders come over a second port, see signature_control.py.
"""

from __future__ import annotations

import argparse
import ctypes
import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import ThreadingHTTPServer

from signature_check import Identity
from signature_control import control_server
from signature_faults import Faults
from signature_handler import Handler


class Habits:
    """What is special about a bucket."""

    def __init__(self):
        self.region = "us-east-1"
        # Seconds by which its clock is ahead.
        self.clock = 0.0


class Service:
    """Everything that the handlers share."""

    def __init__(self, upstream: int, key: str, secret: str):
        self.upstream = upstream
        self.identities = {key: Identity(secret)}
        self.faults = Faults()
        self.habits: dict[str, Habits] = {}
        self.parts: dict[str, dict[int, int]] = {}
        self.violations: list[str] = []
        self.calls: list[dict] = []
        self.accepted = 0
        self.lifetime = 3600.0
        self.lock = threading.Lock()
        # A real store decides about a condition and writes in one step; moto does not.
        self.writing = threading.Lock()

    def habits_of(self, bucket: str) -> Habits:
        with self.lock:
            return self.habits.setdefault(bucket, Habits())

    def forward(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes):
        connection = http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=60)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", f"127.0.0.1:{self.upstream}")
            for name, value in headers:
                if name.lower() not in ("host", "connection", "content-length", "accept-encoding"):
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def new_identity(self) -> dict[str, str]:
        """In the form of the metadata services."""
        key, secret, token = f"ASIA{secrets.token_hex(8).upper()}", secrets.token_hex(20), secrets.token_urlsafe(60)
        with self.lock:
            self.identities[key] = Identity(secret, token)
        return {"Code": "Success", "AccessKeyId": key, "SecretAccessKey": secret, "Token": token,
                "Expiration": self.expiration()}

    def expiration(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + self.lifetime))


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, service: Service):
        super().__init__(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"service": service}))
        self.service = service

    def process_request(self, request, client_address):
        with self.service.lock:
            self.service.accepted += 1
        super().process_request(request, client_address)

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def start_moto(program: str) -> tuple[subprocess.Popen, int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    die_with_parent = 1
    libc = ctypes.CDLL(None)
    process = subprocess.Popen(
        [program, "-H", "127.0.0.1", "-p", str(port)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, preexec_fn=lambda: libc.prctl(die_with_parent, signal.SIGKILL))
    for _ in range(600):
        if process.poll() is not None:
            sys.exit(f"{program} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return process, port
        except OSError:
            time.sleep(0.05)
    sys.exit(f"{program} does not listen")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--key", required=True)
    parser.add_argument("--secret", required=True)
    parser.add_argument("--moto", default="moto_server")
    options = parser.parse_args()
    program = shutil.which(options.moto)
    if program is None:
        sys.exit(f"{options.moto} is not installed: pip install 'moto[server]'")
    moto, port = start_moto(program)
    service = Service(port, options.key, options.secret)
    server, control = Server(service), control_server(service)
    for one in (server, control):
        threading.Thread(target=one.serve_forever, daemon=True).start()
    # moto itself too: for clients that are no test of ours, whatever they sign and send.
    addresses = {"port": server.server_port, "control": control.server_port, "moto": port}
    print(json.dumps(addresses), flush=True)
    sys.stdin.buffer.read()
    moto.kill()
    moto.wait()
    os._exit(0)


if __name__ == "__main__":
    main()
