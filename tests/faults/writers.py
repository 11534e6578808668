"""Applications that write without pause and remember every write that was acknowledged to them."""

import threading
import time
from collections.abc import Sequence
from itertools import pairwise
from types import TracebackType
from typing import Self

import redis
from live_set import LiveSet
from service_process import wait_for

PACE = 0.001
"""Seconds between two writes of a writer, so that a test leaves the machine to others."""
CHUNK = 1000


class Writers:
    """Writers at a set's primary address, each with one connection. Use as a context manager.

    With `copies` a write counts only when `WAIT` says that so many replicas hold it, too.
    """

    def __init__(
        self, written: LiveSet, *, copies: int = 0, writers: int = 2, host: str | None = None
    ) -> None:
        self._set = written
        self._host = host or written.address()
        self._copies = copies
        self.refused = 0
        self._ended = threading.Event()
        self._acknowledged: list[list[tuple[float, str]]] = [[] for _ in range(writers)]
        self._threads = [threading.Thread(target=self._write, args=(n,)) for n in range(writers)]

    def __enter__(self) -> Self:
        """Begin to write, and return when the first writes were acknowledged."""
        for thread in self._threads:
            thread.start()
        try:
            self.await_more(20)
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _fault: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Stop writing."""
        self.end()

    def end(self) -> None:
        """Stop writing; harmless twice."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _write(self, number: int) -> None:
        written, client = 0, self._set.client_at(self._host)
        while not self._ended.is_set():
            written += 1
            key = f"writer:{number}:{written}"
            try:
                if self._confirmed(client, key):
                    self._acknowledged[number].append((time.monotonic(), key))
            except redis.RedisError:
                self.refused += 1
                client.connection_pool.disconnect()
            time.sleep(PACE)
        client.close()

    def _confirmed(self, client: redis.Redis, key: str) -> bool:
        if not self._copies:
            return bool(client.set(key, key))
        both = client.pipeline(transaction=False).set(key, key)
        both.execute_command("WAIT", self._copies, 500)
        stored, copies = both.execute()
        return bool(stored) and int(copies) >= self._copies

    def count(self) -> int:
        """How many writes were acknowledged so far."""
        return sum(map(len, self._acknowledged))

    def await_more(self, writes: int = 50, deadline: float = 30.0) -> None:
        """Return when so many more writes were acknowledged."""
        enough = self.count() + writes
        wait_for(lambda: self.count() >= enough, deadline=deadline, what="acknowledged writes")

    def pause(self, seconds: float) -> None:
        """Let time pass while they write, or try to."""
        time.sleep(seconds)

    def longest_gap(self) -> float:
        """The longest time in which nobody's write was acknowledged, in seconds."""
        times = sorted(at for one in self._acknowledged for at, _ in one)
        return max((later - at for at, later in pairwise(times)), default=0.0)

    def keys(self) -> list[str]:
        """What was acknowledged so far."""
        return [key for one in self._acknowledged for _, key in one]

    def missing(self) -> list[str]:
        """Acknowledged writes that the primary address does not know; empty when all is well."""
        keys = self.keys()
        assert keys, "nothing was written"
        return unknown(self._set, self._host, keys)


def unknown(made: LiveSet, host: str, keys: Sequence[str]) -> list[str]:
    """The writes among these that a set's node or address does not know."""
    with made.at(host) as client:
        present = _present(client, keys)
    return [key for key in keys if key not in present]


def _present(client: redis.Redis, keys: Sequence[str]) -> set[str]:
    chunks = [keys[at : at + CHUNK] for at in range(0, len(keys), CHUNK)]
    return {value for chunk in chunks for value in client.mget(chunk) if value is not None}
