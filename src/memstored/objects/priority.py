"""Threads that move data in bulk, whom nobody waits for as for a write."""

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

__all__ = ["NICENESS", "TURN", "in_turns", "pool_behind_all"]

NICENESS = 10
"""The nice value of these threads, as of the servers' children that copy."""

TURN = 128 * 1024
"""Bytes that such a thread works on before it lets others go first."""
_REST = 0.0001
"""Seconds that it lets them."""


def pool_behind_all() -> ThreadPoolExecutor:
    """One thread behind everybody else on this machine. To be shut down by who asked.

    The service itself goes before the servers: work on a piece of a backup at that priority would hold up a
    server's clients for milliseconds.
    """
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="bulk", initializer=_step_back)


def _step_back() -> None:
    # To Linux a thread is a process of its own here, so the rest of the service keeps its priority.
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def in_turns(piece: bytes) -> Iterator[memoryview]:
    """The piece in parts of `TURN` bytes, with a rest between two of them.

    A scheduler lets whoever computes, or is within the system, go on for milliseconds, also when somebody
    waits who comes first; who has just rested makes room at once.
    """
    whole = memoryview(piece)
    for begin in range(0, len(whole), TURN):
        if begin:
            time.sleep(_REST)
        yield whole[begin : begin + TURN]
