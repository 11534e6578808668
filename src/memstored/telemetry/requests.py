"""Which request the running task serves: its id stands in answers, log lines and events alike.

Set by the HTTP house at the start of a request; read wherever something is logged or written down.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from uuid import uuid4

__all__ = ["current_request_id", "new_request_id", "serving"]

_request_id: ContextVar[str | None] = ContextVar("memstored_request_id", default=None)


def new_request_id() -> str:
    """A fresh request id: a random UUID."""
    return str(uuid4())


def current_request_id() -> str | None:
    """The id of the request that is being served; None outside of one."""
    return _request_id.get()


@contextmanager
def serving(request_id: str) -> Iterator[None]:
    """Mark everything that runs inside as done for this request."""
    token = _request_id.set(request_id)
    try:
        yield
    finally:
        _request_id.reset(token)
