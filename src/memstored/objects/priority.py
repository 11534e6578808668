"""Threads that move data in bulk, whom nobody waits for as for a write."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

__all__ = ["NICENESS", "pool_behind_all"]

NICENESS = 10
"""The nice value of these threads, as of the servers' children that copy."""


def pool_behind_all() -> ThreadPoolExecutor:
    """One thread behind everybody else on this machine. To be shut down by who asked.

    The service itself goes before the servers: work on a piece of a backup at that priority would hold up a
    server's clients for milliseconds.
    """
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="objects", initializer=_step_back)


def _step_back() -> None:
    # To Linux a thread is a process of its own here, so the rest of the service keeps its priority.
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
