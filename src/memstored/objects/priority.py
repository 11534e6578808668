"""Threads that move data in bulk, whom nobody waits for as for a write."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

__all__ = ["NICENESS", "ThreadBehindAll", "pool_behind_all"]

Arguments = ParamSpec("Arguments")
Outcome = TypeVar("Outcome")

NICENESS = 15
"""The nice value of these threads. The servers' children that copy, whom they read from, are at 10.

It says who comes first, not how soon: for that they take small steps (decision 26). Of a machine that is
busy throughout a thread gets twice as much at 15 as at 19. Other scheduling policies (sched(7)) do not help:
batch, for the threads and the children, changed nothing, idle, for the children, made it worse.
"""


def pool_behind_all() -> ThreadPoolExecutor:
    """One thread behind everybody else on this machine. To be shut down by who asked.

    The service itself goes before the servers: such work at that priority would hold up a server's clients.
    """
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="bulk", initializer=_step_back)


class ThreadBehindAll:
    """The same for what may never return, such as a step on a disk: the end of the process waits for the
    threads of pools, but not for this one. It begins with the first step, and is to be ended by `end`.
    """

    def __init__(self) -> None:
        self._steps: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._begun = False

    def submit(
        self, step: Callable[Arguments, Outcome], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Future[Outcome]:
        """Have the step taken after those before it."""
        if not self._begun:
            threading.Thread(target=self._run, name="bulk", daemon=True).start()
            self._begun = True
        outcome: Future[Outcome] = Future()

        def take() -> None:
            if not outcome.set_running_or_notify_cancel():
                return
            try:
                outcome.set_result(step(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever waits for the step
                outcome.set_exception(error)

        self._steps.put(take)
        return outcome

    def end(self) -> None:
        """Let it end after its last step."""
        self._steps.put(None)

    def _run(self) -> None:
        _step_back()
        for take in iter(self._steps.get, None):
            take()


def _step_back() -> None:
    # To Linux a thread is a process of its own here, so the rest of the service keeps its priority.
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
