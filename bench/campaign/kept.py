"""Data that every replica holds before a fault: none of it may be missing afterwards, whatever happened."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from redis import Redis

from sets import Stuck

CHUNK = 16 * 1024 * 1024
"""Bytes that are sent or read at once."""
PATIENCE = 60
"""Seconds without an answer, or until the replicas have it all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """So many keys with values of `size` bytes that follow from the seed, and so need not be remembered."""

    count: int
    size: int
    seed: str

    def place(self, endpoint: tuple[str, int], copies: int) -> None:
        """Empty the set, write everything and return once so many replicas have it."""
        with Redis(*endpoint, socket_timeout=PATIENCE + 1) as node:
            node.flushall()
            for keys in self._chunks():
                node.mset({key: self._value(key) for key in keys})
                # One chunk at a time: a replica that falls too far behind is cut off by its primary.
                held = node.wait(copies, PATIENCE * 1000)
                if held < copies:
                    raise Stuck(f"only {held} of {copies} replicas have the data")

    def missing(self, endpoint: tuple[str, int]) -> int:
        """How many of the keys are not there with their value."""
        with Redis(*endpoint, socket_timeout=PATIENCE) as node:
            return sum(
                value != self._value(key)
                for keys in self._chunks()
                for key, value in zip(keys, node.mget(keys), strict=True)
            )

    def _value(self, key: str) -> bytes:
        return random.Random(f"{self.seed}:{key}").randbytes(self.size)

    def _chunks(self) -> Iterator[list[str]]:
        step = max(1, min(1000, CHUNK // self.size))
        for start in range(0, self.count, step):
            yield [f"kept:{number}" for number in range(start, min(start + step, self.count))]
