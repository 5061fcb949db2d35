"""One connection to the proxy: checks, applies what is wrong by order, passes on."""

from __future__ import annotations

import datetime
import json
import re
import socket
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

from signature_check import Identity, Refusal, Request, check, violation

Answer = tuple[int, list[tuple[str, str]], bytes]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body go separately, and the second would wait for the first to be acknowledged.
    disable_nagle_algorithm = True
    service = None

    def log_message(self, *arguments):
        pass

    def handle_any(self):
        request = Request(
            self.command, self.requestline.split()[1], list(self.headers.items()),
            self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        if request.path.startswith("/latest/") or request.path == "/container":
            return self.reply(*self.metadata(request))
        if request.header("authorization") is None and b"AssumeRoleWithWebIdentity" in request.body:
            return self.reply(*self.assume(request))
        bucket, key, target = self.place(request)
        operation = operation_of(request, key)
        rule = self.service.faults.take(operation, bucket, key) or {}
        status, headers, body = self.answer(request, target, operation, bucket, rule)
        with self.service.lock:
            self.service.calls.append({
                "operation": operation, "bucket": bucket, "key": key, "status": status,
                "headers": {name.lower(): value for name, value in request.headers}})
        self.reply(status, headers, body, rule, self.service.habits_of(bucket).clock)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

    def place(self, request: Request) -> tuple[str, str, str]:
        """Bucket, key, and the target with the bucket in its path."""
        host = (request.header("host") or "").rpartition(":")[0]
        target = request.target
        if host.endswith(".localhost"):
            target = f"/{host.removesuffix('.localhost')}{target}"
        bucket, _, key = target.partition("?")[0][1:].partition("/")
        return unquote(bucket), unquote(key), target

    def answer(self, request: Request, target: str, operation: str, bucket: str, rule: dict) -> Answer:
        service, effect = self.service, rule.get("effect", "")
        habits = service.habits_of(bucket)
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=habits.clock)
        try:
            check(request, service.identities, habits.region, now)
            if effect in ("delay", "hang"):
                time.sleep(rule.get("milliseconds", 0) / 1000)
                if effect == "hang":
                    service.faults.hang()
                    return 503, [], b""
            if effect == "no-s3":
                return 404, [("Content-Type", "text/html")], b"<html><body>default backend - 404</body></html>"
            refused = Refusal(rule.get("status", 503), rule.get("code", "SlowDown"), "by order")
            if effect == "status":
                raise refused
            if effect == "error-200":
                return 200, [], b" " * 100 + error_document(refused)
            if effect == "cut":
                return 0, [], b""
            if effect == "refuse-condition" and request.header("if-none-match"):
                raise Refusal(501, "NotImplemented", "a header you provided implies functionality that is not there")
            answer = self.carry_out(request, target, operation, rule)
            if effect == "apply-status":
                raise refused
            if effect == "apply-error-200":
                return 200, [], b" " * 100 + error_document(refused)
            return (0, [], b"") if effect == "apply-cut" else answer
        except Refusal as refusal:
            if refusal.is_violation:
                with service.lock:
                    service.violations.append(f"{operation} {target}: {refusal.code}: {refusal.message}")
            headers = [("Content-Type", "application/xml"), *refusal.headers.items()]
            if rule.get("retryAfter") is not None:
                headers.append(("Retry-After", str(rule["retryAfter"])))
            return refusal.status, headers, error_document(refusal)

    def carry_out(self, request: Request, target: str, operation: str, rule: dict) -> Answer:
        effect = rule.get("effect", "")
        if operation == "CompleteMultipartUpload":
            self.check_parts(request)
        dropped = {"ignore-range": "range", "ignore-condition": "if-none-match"}.get(effect)
        headers = [(name, value) for name, value in request.headers if name.lower() != dropped]
        if effect == "small-pages":
            target = target.replace("max-keys=1000", f"max-keys={rule['entries']}")
            target = re.sub(r"(start-after=[^&]*)%2F(&|$)", r"\1\2", target)
        if request.header("if-none-match"):
            with self.service.writing:
                answer = self.service.forward(request.method, target, headers, request.body)
        else:
            answer = self.service.forward(request.method, target, headers, request.body)
        if effect == "overtaken":
            plain = [(name, value) for name, value in headers if name.lower() in ("authorization", "content-type")]
            self.service.forward("PUT", target, plain, b"somebody else's")
        if operation == "UploadPart" and answer[0] == 200:
            query = dict(request.query)
            with self.service.lock:
                sizes = self.service.parts.setdefault(query["uploadId"], {})
                sizes[int(query["partNumber"])] = len(request.body)
        return answer

    def check_parts(self, request: Request) -> None:
        upload = dict(request.query)["uploadId"]
        with self.service.lock:
            sizes = [size for _, size in sorted(self.service.parts.get(upload, {}).items())]
        if len(set(sizes[:-1])) > 1 or (len(sizes) > 1 and sizes[-1] > sizes[0]):
            raise violation("InvalidPart", f"parts of different sizes: {sizes}", 400)

    # Credentials

    def assume(self, request: Request) -> Answer:
        service = self.service
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        with service.lock:
            service.calls.append({"operation": "AssumeRole", "bucket": "", "key": form["WebIdentityToken"],
                                  "status": 200, "headers": {}})
        rule = service.faults.take("AssumeRole", "", "")
        if rule:
            error = error_document(Refusal(rule["status"], rule.get("code", "InternalFailure"), "by order"))
            document = b"<ErrorResponse>" + error.partition(b"?>")[2] + b"</ErrorResponse>"
            return rule["status"], [("Content-Type", "text/xml")], document
        status, headers, body = service.forward("POST", "/", request.headers, request.body)
        text = body.decode()

        def found(name: str) -> str:
            return re.search(f"<{name}>(.*?)</{name}>", text, re.S)[1].strip()

        if status == 200:
            with service.lock:
                service.identities[found("AccessKeyId")] = Identity(found("SecretAccessKey"), found("SessionToken"))
            text = text.replace(found("Expiration"), service.expiration())
        return status, headers, text.encode()

    def metadata(self, request: Request) -> Answer:
        plain = [("Content-Type", "text/plain")]
        if request.path == "/container":
            if request.header("authorization") != "container-token":
                return 401, plain, b"another token"
            return 200, plain, json.dumps(self.service.new_identity()).encode()
        if request.method == "PUT" and request.path == "/latest/api/token":
            is_complete = request.header("x-aws-ec2-metadata-token-ttl-seconds")
            return (200, plain, b"session==") if is_complete else (400, plain, b"")
        if request.header("x-aws-ec2-metadata-token") != "session==":
            return 401, plain, b"no session"
        role = "/latest/meta-data/iam/security-credentials/"
        if request.path == role:
            return 200, plain, b"archive role\n"
        if unquote(request.path) == role + "archive role":
            return 200, plain, json.dumps(self.service.new_identity()).encode()
        return 404, plain, b""

    # The wire

    def reply(self, status: int, headers, body: bytes, rule: dict | None = None, clock: float = 0) -> None:
        effect = (rule or {}).get("effect", "")
        if status == 0:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response_only(status)
        skipped = ("transfer-encoding", "connection", "content-length", "date", "server")
        for name, value in headers:
            if name.lower() not in skipped:
                self.send_header(name, value)
        if not any(name.lower() == "x-amz-request-id" for name, _ in headers) and effect != "no-s3":
            self.send_header("x-amz-request-id", "4442587FB7D0A2F9")
        self.send_header("Date", formatdate(time.time() + clock, usegmt=True))
        length = len(body)
        if self.command == "HEAD":
            length = int(dict((name.lower(), value) for name, value in headers).get("content-length", 0))
            body = b""
        elif effect in ("truncate", "short"):
            body = body[: length // 2]
            length = len(body) if effect == "short" else length
        elif effect == "long":
            length += 1000
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.send_body(body, rule or {})
        if effect == "truncate":
            self.close_connection = True
        if effect == "long":
            self.service.faults.hang()
            self.close_connection = True

    def send_body(self, body: bytes, rule: dict) -> None:
        if rule.get("effect") != "trickle":
            self.wfile.write(body)
            return
        for start in range(0, len(body), max(1, len(body) // 10)):
            self.wfile.write(body[start:start + max(1, len(body) // 10)])
            self.wfile.flush()
            time.sleep(rule.get("milliseconds", 50) / 1000)


def operation_of(request: Request, key: str) -> str:
    """The name that S3 has for it."""
    names, method = {name for name, _ in request.query}, request.method
    if not key:
        if method == "GET":
            return "ListMultipartUploads" if "uploads" in names else "ListObjects"
        return {"POST": "DeleteObjects", "HEAD": "HeadBucket"}.get(method, method)
    if "uploads" in names:
        return "CreateMultipartUpload"
    if "uploadId" in names:
        return {"PUT": "UploadPart", "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload",
                "GET": "ListParts"}.get(method, method)
    return {"PUT": "PutObject", "GET": "GetObject", "HEAD": "HeadObject", "DELETE": "DeleteObject"}.get(method, method)


def error_document(refusal: Refusal) -> bytes:
    fields = {"Code": refusal.code, "Message": refusal.message, **refusal.fields, "RequestId": "4442587FB7D0A2F9"}
    content = "".join(f"<{name}>{escape(value)}</{name}>" for name, value in fields.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{content}</Error>'.encode()
