"""Looking until something is so."""

import asyncio
from collections.abc import Callable

__all__ = ["DEADLINE", "eventually"]

DEADLINE = 10.0
"""Seconds that anything here may take."""


async def eventually(holds: Callable[[], bool]) -> None:
    """Return when it is so."""
    async with asyncio.timeout(DEADLINE):
        while not holds():  # noqa: ASYNC110 - what is waited for is seen, not announced
            await asyncio.sleep(0.005)
