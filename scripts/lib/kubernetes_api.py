"""A stand-in for the Kubernetes API server: the part of it that pgmahout uses, on loopback, over TLS.

    usage: kubernetes_api.py --directory DIR [--namespace NAME] [--role FILE] [--port N] [--control-port N] …

Leases, pods and events behave as they were seen to on kube-apiserver 1.36. DIR gets the certificates and
`serviceaccount/` as the kubelet would mount it. Prints one JSON object with its addresses when it is ready, and ends
with its standard input (unless --detached), or with SIGTERM. Faults are ordered over a second port, in plain HTTP:
`GET /_control/state`, `/_control/calls`, `/_control/log`, and `POST /_control/…`, see kubernetes_control.py.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from http.server import ThreadingHTTPServer

from kubernetes_access import Access, Tokens, rules_of
from kubernetes_control import control_server
from kubernetes_faults import Faults
from kubernetes_handler import Handler
from kubernetes_objects import Storage

class Cluster:
    """Everything that the handlers share."""

    def __init__(self, options: argparse.Namespace, ca: str):
        self.namespace = options.namespace
        self.storage = Storage(options.namespace)
        self.faults = Faults()
        self.tokens = Tokens(os.path.join(options.directory, "serviceaccount"), options.namespace, ca,
                             options.token_lifetime)
        rules = rules_of(options.role) if options.role else None
        self.access = Access(options.namespace, options.service_account, rules)
        self.bookmark_seconds = options.bookmark_seconds
        # Whether they came in over the direct port.
        self.connections: dict[socket.socket, bool] = {}
        self.accepted = 0
        self.lock = threading.Lock()
        self.listener: Listener | None = None

    def cut_connections(self, direct_too: bool = True) -> None:
        with self.lock:
            for connection, is_direct in list(self.connections.items()):
                if is_direct and not direct_too:
                    continue
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, cluster: Cluster, tls: ssl.SSLContext, port: int, is_direct: bool):
        handler = type("BoundHandler", (Handler,), {"cluster": cluster, "is_direct": is_direct})
        super().__init__(("127.0.0.1", port), handler)
        self.cluster, self.tls, self.is_direct = cluster, tls, is_direct

    def process_request_thread(self, request, client_address):
        cluster, connection = self.cluster, request
        try:
            cluster.faults.pass_pause(is_request=False)
            connection = self.tls.wrap_socket(request, server_side=True)
            with cluster.lock:
                cluster.accepted += 1
                cluster.connections[connection] = self.is_direct
            self.finish_request(connection, client_address)
        except (OSError, ssl.SSLError):
            pass
        finally:
            with cluster.lock:
                cluster.connections.pop(connection, None)
            self.shutdown_request(connection)


class Listener:
    """The port that members use: it can be taken away, so that connections are refused, and come back."""

    def __init__(self, cluster: Cluster, tls: ssl.SSLContext, port: int):
        self.cluster, self.tls = cluster, tls
        self.server: Server | None = None
        self.port = port
        self.open()

    def open(self) -> None:
        if self.server is None:
            self.server = Server(self.cluster, self.tls, self.port, is_direct=False)
            self.port = self.server.server_port
            threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.socket.close()
            self.server = None
            self.cluster.cut_connections(direct_too=False)


def make_certificates(directory: str) -> None:
    """A CA, a certificate of it for loopback, and another CA that signed nothing."""
    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650"]
    for name in ("ca", "other-ca"):
        openssl("req", "-x509", *key, "-keyout", f"{name}.key", "-out", f"{name}.crt", "-subj", f"/CN={name} of a test")
    openssl("req", "-x509", *key, "-CA", "ca.crt", "-CAkey", "ca.key", "-keyout", "server.key", "-out", "server.crt",
            "-subj", "/CN=kube-apiserver", "-addext", "basicConstraints=critical,CA:FALSE", "-addext",
            "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--directory", required=True)
    parser.add_argument("--namespace", default="default")
    parser.add_argument("--service-account", default="pgmahout")
    parser.add_argument("--role", help="manifest of the Role; without it everything is allowed")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--direct-port", type=int, default=0, help="the same, but for the rules of faults")
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--token-lifetime", type=float, default=3600, help="seconds")
    parser.add_argument("--bookmark-seconds", type=float, default=60)
    parser.add_argument("--detached", action="store_true", help="does not end with its standard input")
    options = parser.parse_args()
    options.directory = os.path.abspath(options.directory)

    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    os.makedirs(options.directory, exist_ok=True)
    if not os.path.exists(os.path.join(options.directory, "server.crt")):
        make_certificates(options.directory)
    with open(os.path.join(options.directory, "ca.crt"), encoding="utf-8") as stream:
        ca = stream.read()
    cluster = Cluster(options, ca)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(os.path.join(options.directory, "server.crt"), os.path.join(options.directory, "server.key"))
    cluster.listener = Listener(cluster, tls, options.port)
    direct = Server(cluster, tls, options.direct_port, is_direct=True)
    control = control_server(cluster, options.control_port)
    for each in (direct, control):
        threading.Thread(target=each.serve_forever, daemon=True).start()
    account = os.path.join(options.directory, "serviceaccount")
    port = cluster.listener.port
    print(json.dumps({
        "url": f"https://127.0.0.1:{port}", "port": port, "directURL": f"https://127.0.0.1:{direct.server_port}",
        "control": f"http://127.0.0.1:{control.server_port}", "namespace": options.namespace,
        "serviceAccount": account, "tokenFile": os.path.join(account, "token"),
        "caFile": os.path.join(account, "ca.crt"), "otherCAFile": os.path.join(options.directory, "other-ca.crt"),
    }), flush=True)
    if options.detached:
        signal.pause()
    sys.stdin.read()


if __name__ == "__main__":
    main()
