"""What both clients share of httpx, and of the file with the first admin's credential."""

import json
import ssl
from pathlib import Path
from typing import TypedDict

import httpx

from memstored.client.errors import ClientError, Unreachable
from memstored.client.session import Access
from memstored.client.wire import Reply, Silence

__all__ = ["access_of", "read_access", "reply_of", "silence_of", "trust"]

IDENTITY = "/identity/v3"
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


def access_of(url: str, auth_url: str | None, credential_id: str, secret: str, token: str | None) -> Access:
    """Who calls the service at `url`; raises `Unreachable` for what is no address."""
    identity = auth_url or f"{url.rstrip('/')}{IDENTITY}"
    for address in (url, identity):
        _require_address(address)
    return Access(
        auth_url=identity,
        credential_id=credential_id,
        secret=secret,
        token=token,
    )


def _require_address(text: str) -> None:
    try:
        address = httpx.URL(text)
        usable = address.scheme in ("http", "https") and bool(address.host)
    except httpx.InvalidURL:
        usable = False
    if not usable:
        raise Unreachable(f"{text} is no address of a service; give one like http://127.0.0.1:8700.")


class _Named(TypedDict):
    url: str
    auth_url: str
    credential_id: str
    secret: str


def read_access(file: Path) -> _Named:
    """Service and credential that a `credentials.json` names; raises `ClientError` for any other file."""
    try:
        content = json.loads(file.read_text())
        auth_url = str(content["authUrl"])
        return {
            "url": auth_url.removesuffix(IDENTITY),
            "auth_url": auth_url,
            "credential_id": str(content["applicationCredentialId"]),
            "secret": str(content["applicationCredentialSecret"]),
        }
    except (ValueError, KeyError, TypeError):
        raise ClientError(f"{file} is no file with a credential of memstored's.") from None


def trust(ca_file: Path | None) -> ssl.SSLContext | bool:
    """Which certificates of services are trusted: those in the file, or the system's."""
    return True if ca_file is None else ssl.create_default_context(cafile=ca_file)


def reply_of(response: httpx.Response) -> Reply:
    """The answer as scripts read it."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(status=response.status_code, headers=headers, content=response.content)


def silence_of(error: httpx.RequestError, url: httpx.URL) -> Silence:
    """What is known when no answer came."""
    why = str(error) or type(error).__name__
    return Silence(
        why=f"The service at {url} does not answer: {why}", begun=not isinstance(error, _NEVER_SENT)
    )
