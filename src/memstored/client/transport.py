"""What both clients share of httpx, and of the file with the first admin's credential."""

import json
import ssl
from dataclasses import replace
from pathlib import Path
from typing import TypedDict

import httpx

from memstored.client.errors import ClientError, Unreachable, UnreadableAnswer
from memstored.client.session import Access
from memstored.client.wire import JSON_LINES, Reply, Silence

__all__ = ["Lines", "access_of", "are_lines", "head_of", "read_access", "reply_of", "silence_of", "trust"]

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
    return replace(head_of(response), content=response.content)


def head_of(response: httpx.Response) -> Reply:
    """An answer whose content went elsewhere."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(status=response.status_code, headers=headers, content=b"")


def are_lines(response: httpx.Response) -> bool:
    """Whether the answer is JSON lines; a refusal is not, and neither is what knows none."""
    return bool(response.headers.get("content-type") == JSON_LINES)


def silence_of(error: httpx.RequestError, url: httpx.URL) -> Silence:
    """What is known when no answer came."""
    why = str(error) or type(error).__name__
    return Silence(
        why=f"The service at {url} does not answer: {why}", begun=not isinstance(error, _NEVER_SENT)
    )


class Lines:
    """The lines of an answer, out of the pieces in which it comes.

    Only a line feed ends one: JSON may hold what else Unicode takes for the end of a line.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._given = False

    def take(self, piece: bytes) -> list[str]:
        """Those that end in it; raises `UnreadableAnswer` when they are no text."""
        *whole, self._rest = (self._rest + piece).split(b"\n")
        self._given = self._given or bool(whole)
        try:
            return [line.decode() for line in whole]
        except UnicodeDecodeError:
            raise UnreadableAnswer("The answer is no UTF-8, so this is no memstored.") from None

    def end(self) -> None:
        """There is no more; raises `Unreachable` in the middle of a line."""
        if self._rest:
            raise Unreachable("The answer broke off in the middle of a line.")

    def broken(self, silence: Silence) -> Silence:
        """The answer broke off; raises `Unreachable` when lines were given, for nobody takes those back."""
        if self._given:
            raise Unreachable(f"The answer broke off. {silence.why}")
        return silence
