"""A small HTTP client of the API; knows nothing of the server's own code.

`Client` is loaded when it is asked for: its HTTP library takes half of what a small command takes. Whoever
wants the errors only does without.
"""

from typing import TYPE_CHECKING

from memstored.client.errors import ApiFault, Unreachable

if TYPE_CHECKING:
    from memstored.client.client import Client

__all__ = ["ApiFault", "Client", "Unreachable"]


def __getattr__(name: str) -> object:
    if name != "Client":
        raise AttributeError(name)
    from memstored.client.client import Client  # noqa: PLC0415 - see the head of the file

    return Client
