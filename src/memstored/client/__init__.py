"""A typed client of the API; knows nothing of the server's own code, and needs httpx alone.

`Client` waits for answers, `AsyncClient` is for asyncio; both have one method for each operation of
docs/reference/api.md, and some that wait and follow. Everything is loaded when it is asked for: the HTTP
library takes half of what a small command takes, and whoever wants the errors only does without.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memstored.client.async_client import AsyncClient
    from memstored.client.client import Client
    from memstored.client.errors import (
        ApiFault,
        Busy,
        CannotBeMet,
        ClientError,
        ComesToNothing,
        Conflict,
        Detail,
        Forbidden,
        InvalidRequest,
        NotFound,
        ServiceFault,
        TimedOut,
        TooLarge,
        Unauthorized,
        Unavailable,
        Unreachable,
        UnreadableAnswer,
    )
    from memstored.client.models import RestoreSource, User
    from memstored.client.passwords import hashed
    from memstored.client.session import NEVER, Patience

__all__ = [
    "NEVER",
    "ApiFault",
    "AsyncClient",
    "Busy",
    "CannotBeMet",
    "Client",
    "ClientError",
    "ComesToNothing",
    "Conflict",
    "Detail",
    "Forbidden",
    "InvalidRequest",
    "NotFound",
    "Patience",
    "RestoreSource",
    "ServiceFault",
    "TimedOut",
    "TooLarge",
    "Unauthorized",
    "Unavailable",
    "Unreachable",
    "UnreadableAnswer",
    "User",
    "hashed",
]

_ROOMS = {
    "AsyncClient": "async_client",
    "Client": "client",
    "NEVER": "session",
    "Patience": "session",
    "RestoreSource": "models",
    "User": "models",
    "hashed": "passwords",
}
"""Where what is named above is, when it is not among the errors."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(name)
    found: object = getattr(import_module(f"memstored.client.{_ROOMS.get(name, 'errors')}"), name)
    return found
