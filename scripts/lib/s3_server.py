"""moto's S3 on loopback, without checks of signatures: the same store for everybody who is measured."""

from __future__ import annotations

import os
import subprocess
import urllib.request
import xml.etree.ElementTree

import processes

BUCKET = "bench"
KEY, SECRET = "AKIDBENCH", "secretBENCH"
# moto takes any signature, but wants to see one.
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=BENCH/20150830/us-east-1/s3/aws4_request,"
                           "SignedHeaders=host,Signature=0"}
LISTING = "{http://s3.amazonaws.com/doc/2006-03-01/}"


class S3Server:
    def __init__(self, base: str, program: str, first_port: int):
        """`program`: moto_server."""
        self.directory = processes.make_directory(os.path.join(base, "s3"), 0o755)
        self.port = processes.free_ports(1, first_port)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with open(os.path.join(self.directory, "log"), "ab") as log:
            self.process = subprocess.Popen(
                [self.program, "-H", "127.0.0.1", "-p", str(self.port)], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, cwd=self.directory, start_new_session=True)
        processes.wait_until(self.make_bucket, 60, "moto answers", every=0.2)

    def make_bucket(self) -> bool:
        try:
            return self.ask("PUT", f"/{BUCKET}") is not None
        except OSError:
            return False

    def ask(self, method: str, target: str) -> bytes:
        request = urllib.request.Request(self.url + target, method=method, headers=SIGNED)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()

    def bytes(self, prefix: str) -> int:
        """Of all objects below a prefix."""
        total, token = 0, ""
        while True:
            page = xml.etree.ElementTree.fromstring(
                self.ask("GET", f"/{BUCKET}?list-type=2&prefix={prefix}{token}"))
            total += sum(int(size.text) for size in page.iter(LISTING + "Size"))
            next_token = page.findtext(LISTING + "NextContinuationToken")
            if not next_token:
                return total
            token = f"&continuation-token={urllib.request.quote(next_token, safe='')}"

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait(10)
