"""AWS Signature Version 4, computed again from the bytes of a request as they came over the wire."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
from dataclasses import dataclass, field
from urllib.parse import quote, unquote_to_bytes

SKEW = datetime.timedelta(minutes=15)


@dataclass
class Refusal(Exception):
    """An answer of S3 that is an error. `is_violation`: no correct client ever gets it."""

    status: int
    code: str
    message: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    is_violation: bool = False


@dataclass
class Identity:
    secret: str
    token: str | None = None
    expired: bool = False


@dataclass
class Request:
    method: str
    # As in the request line: nothing decoded, nothing normalized.
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> list[tuple[str, str]]:
        """Still encoded."""
        text = self.target.partition("?")[2]
        return [(name, value) for name, _, value in (item.partition("=") for item in text.split("&") if item)]

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key.lower() == name]
        return ",".join(values) if values else None


def encoded(text: str, safe: str = "-_.~") -> str:
    return quote(unquote_to_bytes(text), safe=safe)


def mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def violation(code: str, message: str, status: int = 403) -> Refusal:
    return Refusal(status, code, message, is_violation=True)


def check(request: Request, identities: dict[str, Identity], region: str, now: datetime.datetime) -> None:
    """Throws a Refusal unless `request` is signed as S3 demands, for `region` and within a quarter of an hour."""
    scheme, _, rest = (request.header("authorization") or "").partition(" ")
    if scheme != "AWS4-HMAC-SHA256":
        raise violation("AccessDenied", "no signature of version 4")
    fields = dict(item.strip().split("=", 1) for item in rest.split(","))
    key, date, signed_region, service, term = fields["Credential"].split("/")
    if (service, term) != ("s3", "aws4_request"):
        raise violation("AuthorizationHeaderMalformed", fields["Credential"], 400)
    identity = identities.get(key)
    if identity is None:
        raise Refusal(403, "InvalidAccessKeyId", f"there is no key {key}")
    if signed_region != region:
        raise Refusal(400, "AuthorizationHeaderMalformed", f"the region '{signed_region}' is wrong", {"Region": region})
    signed = fields["SignedHeaders"].split(";")
    check_headers(request, signed)
    payload = check_payload(request)
    stamp = request.header("x-amz-date") or ""
    if not stamp.startswith(date):
        raise violation("AuthorizationHeaderMalformed", f"{date} is not the day of {stamp}", 400)
    lines = "".join(f"{name}:{' '.join((request.header(name) or '').split())}\n" for name in signed)
    query = sorted((encoded(name), encoded(value)) for name, value in request.query)
    canonical = "\n".join([
        request.method, encoded(request.path, "/-_.~"), "&".join(f"{name}={value}" for name, value in query), lines,
        ";".join(signed), payload])
    to_sign = "\n".join([
        "AWS4-HMAC-SHA256", stamp, f"{date}/{region}/s3/aws4_request", hashlib.sha256(canonical.encode()).hexdigest()])
    secret = f"AWS4{identity.secret}".encode()
    for part in (date, region, "s3", "aws4_request"):
        secret = mac(secret, part)
    if not hmac.compare_digest(mac(secret, to_sign).hex(), fields["Signature"]):
        # With a key that was replaced this is no mistake of the client.
        raise Refusal(403, "SignatureDoesNotMatch", canonical)
    moment = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    if abs(now - moment) > SKEW:
        raise Refusal(403, "RequestTimeTooSkewed", "the clocks differ")
    if identity.expired:
        raise Refusal(400, "ExpiredToken", "the token has expired")
    if identity.token != request.header("x-amz-security-token"):
        raise Refusal(400, "InvalidToken", "another token belongs to the key")


def check_headers(request: Request, signed: list[str]) -> None:
    if signed != sorted(signed) or "host" not in signed:
        raise violation("SignatureDoesNotMatch", f"signed headers: {signed}")
    for name in {name.lower() for name, _ in request.headers}:
        if (name.startswith("x-amz-") or name == "content-md5") and name not in signed:
            raise violation("AccessDenied", f"{name} is not signed")
        # What stores that are older than 2025 do not understand.
        if name.startswith(("x-amz-checksum-", "x-amz-sdk-checksum-")) or name in ("transfer-encoding", "expect"):
            raise violation("NotImplemented", f"{name} is a header that not every store knows", 501)


def check_payload(request: Request) -> str:
    payload = request.header("x-amz-content-sha256")
    if payload is None:
        raise violation("AccessDenied", "x-amz-content-sha256 is missing")
    if payload != hashlib.sha256(request.body).hexdigest():
        raise violation("XAmzContentSHA256Mismatch", f"{payload} is not the hash of the body", 400)
    needs_md5 = request.method == "PUT" or any(name == "delete" for name, _ in request.query)
    md5 = request.header("content-md5")
    if needs_md5 and md5 is None:
        raise violation("InvalidRequest", "content-md5 is missing", 400)
    if md5 is not None and md5 != base64.b64encode(hashlib.md5(request.body).digest()).decode():
        raise violation("BadDigest", "content-md5 does not belong to the body", 400)
    return payload
