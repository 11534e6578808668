"""Steps on one file of a folder, in a thread of their own: in order, with a deadline, safe to cancel."""

import asyncio
import errno
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, ParamSpec, Self, TypeVar

from memstored.objects.errors import ObjectTrouble
from memstored.objects.priority import ThreadBehindAll

__all__ = ["Steps"]

Arguments = ParamSpec("Arguments")
Outcome = TypeVar("Outcome")

_FULL = (errno.ENOSPC, errno.EDQUOT)
_SHUT = (errno.EACCES, errno.EPERM, errno.EROFS)


class Steps:
    """A thread for the length of a block: `async with Steps(...) as thread`.

    There is one thread only, so what closes the file comes after whatever still uses it, also when nobody
    waits for that any more. A step that takes longer than `timeout` seconds is a trouble. It is among the
    `hung` ones of its disk until it returns, and while there is one no other step is begun: each would hold
    a thread. `last`, which must not raise, is the last step: taken however the block ends.
    """

    def __init__(
        self, timeout: float, *, hung: set[Future[Any]], last: Callable[[], None] | None = None
    ) -> None:
        self._thread = ThreadBehindAll()
        self._timeout = timeout
        self._hung = hung
        self._last = last

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_raised: object) -> None:
        ending = [asyncio.wrap_future(self._thread.submit(self._last))] if self._last else []
        self._thread.end()
        if ending:
            await asyncio.wait(ending, timeout=self._timeout)

    async def do(
        self, step: Callable[Arguments, Outcome], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Outcome:
        """Take a step and wait for it. Raises `ObjectTrouble` for every `OSError`."""
        if self._hung:
            raise self._silent()
        outcome = self._thread.submit(step, *args, **kwargs)
        try:
            async with asyncio.timeout(self._timeout):
                return await asyncio.wrap_future(outcome)
        except TimeoutError:
            self._hung.add(outcome)
            outcome.add_done_callback(self._hung.discard)
            raise self._silent() from None
        except OSError as error:
            raise ObjectTrouble(_reason(error)) from None

    def _silent(self) -> ObjectTrouble:
        return ObjectTrouble(
            f"The folder of object storage did not answer for {self._timeout:g} s: is its disk alive?"
        )


def _reason(error: OSError) -> str:
    """The error in plain words, without the path: callers need not know where the operator keeps things."""
    if error.errno in _FULL:
        return "The disk of object storage is full."
    if error.errno in _SHUT:
        return f"The folder of object storage may not be used so: {error.strerror}."
    if error.errno == errno.ENAMETOOLONG:
        return "A part of the name is too long for the folder of object storage."
    return f"The folder of object storage can not be used: {error.strerror}."
