"""The second port of the proxy: what tests order and ask for, in JSON.

    GET  /state    {violations, accepted}
    GET  /calls    the requests for a bucket (?bucket=NAME), oldest first
    POST /bucket   {name, region?}: makes one
    POST /fill     {bucket, prefix, count}: objects of one byte whose names end in their number
    POST /habits   {bucket, region?, clock?}
    POST /fault, /heal {bucket?}: see signature_faults.py
    POST /identity {key, secret}: adds one, or gives it another secret; /forget {key}; /expire {key}
    POST /lifetime {seconds}: of credentials that are given out from now on
    POST /raw      {method, target, headers?, body?}: to moto, past all checks
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, urlsplit

from signature_check import Identity


# moto takes any signature, but wants to see one.
SIGNED = ("Authorization", "AWS4-HMAC-SHA256 Credential=CONTROL/20150830/us-east-1/s3/aws4_request,"
          "SignedHeaders=host,Signature=0")


class ControlHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    service = None

    def log_message(self, *arguments):
        pass

    def handle_any(self):
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            result, status = getattr(self, f"order_{parts.path[1:]}")(json.loads(body) if body else query), 200
        except Exception as error:  # whatever it is, the test has to see it
            result, status = {"error": f"{type(error).__name__}: {error}"}, 400
        answer = json.dumps(result).encode()
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = handle_any

    def order_state(self, _) -> dict:
        with self.service.lock:
            return {"violations": self.service.violations, "accepted": self.service.accepted}

    def order_calls(self, order) -> list:
        with self.service.lock:
            return [call for call in self.service.calls if call["bucket"] == order["bucket"]]

    def order_bucket(self, order) -> dict:
        status, _, body = self.service.forward("PUT", f"/{order['name']}", [SIGNED], b"")
        if status != 200:
            raise ValueError(body.decode())
        self.service.habits_of(order["name"]).region = order.get("region", "us-east-1")
        return {}

    def order_fill(self, order) -> dict:
        def put(number: int) -> int:
            target = f"/{order['bucket']}/{quote(order['prefix'])}{number:06}"
            return self.service.forward("PUT", target, [SIGNED], b"x")[0]

        with ThreadPoolExecutor(4) as pool:
            if set(pool.map(put, range(order["count"]))) != {200}:
                raise ValueError("moto did not take them all")
        return {}

    def order_habits(self, order) -> dict:
        habits = self.service.habits_of(order["bucket"])
        habits.region = order.get("region", habits.region)
        habits.clock = order.get("clock", habits.clock)
        return {}

    def order_fault(self, order) -> dict:
        self.service.faults.add(order)
        return {}

    def order_heal(self, order) -> dict:
        self.service.faults.heal(order.get("bucket"))
        return {}

    def order_identity(self, order) -> dict:
        with self.service.lock:
            self.service.identities[order["key"]] = Identity(order["secret"])
        return {}

    def order_forget(self, order) -> dict:
        with self.service.lock:
            self.service.identities.pop(order["key"], None)
        return {}

    def order_expire(self, order) -> dict:
        with self.service.lock:
            self.service.identities[order["key"]].expired = True
        return {}

    def order_lifetime(self, order) -> dict:
        self.service.lifetime = order["seconds"]
        return {}

    def order_raw(self, order) -> dict:
        headers = [SIGNED, *order.get("headers", {}).items()]
        status, headers, body = self.service.forward(
            order["method"], order["target"], headers, order.get("body", "").encode())
        return {"status": status, "headers": {name.lower(): value for name, value in headers},
                "body": body.decode("utf-8", "replace")}


def control_server(service) -> ThreadingHTTPServer:
    handler = type("BoundControlHandler", (ControlHandler,), {"service": service})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    return server
