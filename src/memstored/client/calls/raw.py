"""The door for what has no call of its own: a path, and JSON as it comes."""

from collections.abc import Mapping
from typing import Any

from memstored.client.wire import Call, Reply, Request

__all__ = ["delete", "get", "patch", "post"]


def get(path: str, **query: str) -> Call[Any]:
    """`GET` and the decoded answer."""
    return Call(request=Request(method="GET", url=path, query=query), read=Reply.json, harmless=True)


def post(path: str, body: Mapping[str, Any]) -> Call[Any]:
    """`POST` and the decoded answer."""
    return Call(request=Request(method="POST", url=path, body=body), read=Reply.json, harmless=False)


def patch(path: str, body: Mapping[str, Any]) -> Call[Any]:
    """`PATCH` and the decoded answer."""
    return Call(request=Request(method="PATCH", url=path, body=body), read=Reply.json, harmless=False)


def delete(path: str, **query: str) -> Call[Any]:
    """`DELETE` and the decoded answer."""
    return Call(request=Request(method="DELETE", url=path, query=query), read=Reply.json, harmless=True)
