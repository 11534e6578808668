"""Signature version 4 of AWS, for the requests about unfinished uploads that obstore does not offer. Pure.

Source: "Authenticating Requests (AWS Signature Version 4)" of the Amazon S3 API reference.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote

__all__ = ["Keys", "canonical_query", "signed"]

_EMPTY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What S3 knows us by. `token` is there for temporary keys only."""

    access: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


def signed(
    method: str, host: str, path: str, query: Mapping[str, str], *, keys: Keys, region: str, now: datetime
) -> dict[str, str]:
    """The headers of a request without a body, valid for some minutes from `now` (UTC).

    `path` is not quoted; the request must be sent with `canonical_query(query)`.
    """
    headers = {"host": host, "x-amz-content-sha256": _EMPTY, "x-amz-date": f"{now:%Y%m%dT%H%M%SZ}"}
    if keys.token:
        headers["x-amz-security-token"] = keys.token
    names = ";".join(sorted(headers))
    lines = [f"{name}:{headers[name]}" for name in sorted(headers)]
    request = "\n".join([method, _quoted(path, "/"), canonical_query(query), *lines, "", names, _EMPTY])
    scope = f"{now:%Y%m%d}/{region}/s3/aws4_request"
    text = "\n".join(
        ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hashlib.sha256(request.encode()).hexdigest()]
    )
    signature = _signature(keys.secret, scope, text)
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys.access}/{scope},SignedHeaders={names},Signature={signature}"
    )
    return headers


def canonical_query(query: Mapping[str, str]) -> str:
    """The query string as it is signed and sent."""
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in sorted(query.items()))


def _signature(secret: str, scope: str, text: str) -> str:
    key = f"AWS4{secret}".encode()
    for word in (*scope.split("/"), text):
        key = hmac.digest(key, word.encode(), "sha256")
    return key.hex()


def _quoted(text: str, also: str = "") -> str:
    return quote(text, safe=f"-_.~{also}")
