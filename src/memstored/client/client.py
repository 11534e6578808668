"""Calls to a memstored service with an application credential; the token is fetched and renewed by itself.

With nothing but a token it serves as long as that is valid.

Raises `ApiFault` when the service refused (status, code, message, details), `Unreachable` when it did not
answer.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from memstored.client.errors import ApiFault, Unreachable

__all__ = ["Client"]

UNAUTHORIZED = 401
FIRST_REFUSAL = 400


class Client:
    """A caller with one application credential, or a token. Use as a context manager."""

    def __init__(
        self, *, url: str, auth_url: str, credential_id: str, secret: str, timeout: float = 30.0
    ) -> None:
        self._http = httpx.Client(base_url=url, timeout=timeout)
        self._auth_url = auth_url
        self._credential_id = credential_id
        self._secret = secret
        self._token: str | None = None

    @classmethod
    def from_file(cls, file: Path, *, timeout: float = 30.0) -> Self:
        """A client for the service and credential that a `credentials.json` names."""
        content = json.loads(file.read_text())
        auth_url = str(content["authUrl"])
        return cls(
            url=auth_url.removesuffix("/identity/v3"),
            auth_url=auth_url,
            credential_id=content["applicationCredentialId"],
            secret=content["applicationCredentialSecret"],
            timeout=timeout,
        )

    @classmethod
    def with_token(cls, url: str, token: str, *, timeout: float = 30.0) -> Self:
        """A client of the service at `url` with that token and no credential to fetch another with.

        Raises `Unreachable` for what is no address.
        """
        try:
            made = cls(url=url, auth_url="", credential_id="", secret="", timeout=timeout)
        except httpx.InvalidURL as error:
            raise Unreachable(f"{url} is no address of a service: {error}") from None
        made._token = token
        return made

    def __enter__(self) -> Self:
        """Keep connections open until the end of the block."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _fault: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._http.close()

    def new_token(self) -> str:
        """Fetch a fresh token (valid for 12 hours)."""
        credential = {"id": self._credential_id, "secret": self._secret}
        identity = {"methods": ["application_credential"], "application_credential": credential}
        answer = self._send("POST", f"{self._auth_url}/auth/tokens", {}, {"auth": {"identity": identity}})
        if answer.status_code >= FIRST_REFUSAL:
            raise refusal(answer)
        self._token = answer.headers["X-Subject-Token"]
        return self._token

    def get(self, path: str, **query: str) -> Any:  # noqa: ANN401 - JSON as it comes
        """`GET` and the decoded answer."""
        return self._call("GET", path, query, None)

    def text(self, path: str) -> str:
        """`GET` of what is no JSON, as it comes."""
        return self._answer("GET", path, {}, None).text

    def post(self, path: str, body: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON as it comes
        """`POST` and the decoded answer."""
        return self._call("POST", path, {}, body)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON as it comes
        """`PATCH` and the decoded answer."""
        return self._call("PATCH", path, {}, body)

    def delete(self, path: str, **query: str) -> Any:  # noqa: ANN401 - JSON as it comes
        """`DELETE` and the decoded answer."""
        return self._call("DELETE", path, query, None)

    def _call(self, method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any] | None) -> Any:  # noqa: ANN401 - JSON as it comes
        return self._answer(method, path, query, body).json()

    def _answer(
        self, method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any] | None
    ) -> httpx.Response:
        token = self._token or self.new_token()
        answer = self._send(method, path, query, body, token=token)
        if answer.status_code == UNAUTHORIZED and self._credential_id:
            answer = self._send(method, path, query, body, token=self.new_token())
        if answer.status_code >= FIRST_REFUSAL:
            raise refusal(answer)
        return answer

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None,
        *,
        token: str | None = None,
    ) -> httpx.Response:
        headers = {"X-Auth-Token": token} if token else {}
        try:
            return self._http.request(method, path, params=dict(query), json=body, headers=headers)
        except httpx.TransportError as error:
            raise Unreachable(f"The service at {self._http.base_url} does not answer: {error}") from error


def refusal(response: httpx.Response) -> ApiFault:
    """What an error body says, whether it is in our form or in Keystone's."""
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        error = {"code": "unreadable_answer", "message": response.text[:200]}
    details = list(error.get("details", []))
    return ApiFault(response.status_code, str(error["code"]), str(error["message"]), details)
