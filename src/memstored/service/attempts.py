"""Changes that are judged anew when somebody else, most often the control loop, was faster."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from memstored.domain.errors import Unavailable
from memstored.store.errors import Stale

__all__ = ["until_fresh"]

ATTEMPTS = 10
"""How often a change is judged anew because what it changes was changed in between."""

Outcome = TypeVar("Outcome")


async def until_fresh(attempt: Callable[[], Awaitable[Outcome]]) -> Outcome:
    """What comes of an attempt that reads, judges and writes, and is made again while it is `Stale`.

    Raises `Unavailable` when it is so time and again.
    """
    for _ in range(ATTEMPTS):
        try:
            return await attempt()
        except Stale:
            continue
    raise Unavailable("What is to be changed changes too fast at the moment; try again later")
