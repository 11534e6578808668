"""Keeps every project that has a webhook told of its events (API.md 12).

One for the whole service, with a task for each webhook (`control.delivery`). Woken when events were
committed, and by the service when it wrote a webhook; until then, or the next attempt, a task does nothing.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass, field
from typing import Self

import structlog

from memstored.control.delivery import RETRY, Courier, Delivery
from memstored.domain.webhook import WebhookSurvey
from memstored.store.errors import StoreTrouble

__all__ = ["Notifier"]

log = structlog.get_logger()

STATES = ("working", "failing", "disabled")


@dataclass(slots=True)
class _Desk:
    delivery: Delivery
    awake: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class Notifier:
    """Keeps a task for each webhook. Used from the event loop alone, but for `announced`."""

    def __init__(self, courier: Courier) -> None:
        self._courier = courier
        self._desks: dict[str, _Desk] = {}
        self._again: set[asyncio.TimerHandle] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        """Go on with every webhook from where it is. Raises `StoreTrouble`."""
        self._loop = asyncio.get_running_loop()
        for project_id in await self._courier.webhooks.projects():
            self.wake(project_id)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Stop; what was being sent is sent again by the next run."""
        self._loop = None
        tasks = [desk.task for desk in self._desks.values() if desk.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # Only now: one that ended by a fault just then was to be taken up again.
        for handle in self._again:
            handle.cancel()

    # What others tell and ask

    def wake(self, project_id: str) -> None:
        """A project's webhook was written: look at it now."""
        desk = self._desks.get(project_id)
        if desk is None:
            desk = self._desks[project_id] = _Desk(Delivery(project_id, self._courier))
            self._take_up(desk)
        desk.awake.set()

    def announced(self, project_id: str) -> None:
        """A project has new events. May be called in any thread, and when nothing is at work."""
        if (loop := self._loop) is not None:
            loop.call_soon_threadsafe(self._look_again, project_id)

    def _look_again(self, project_id: str) -> None:
        if (desk := self._desks.get(project_id)) is not None:
            desk.awake.set()

    def survey(self) -> WebhookSurvey:
        """What there is to say of all webhooks, as they were last seen; nothing is asked of the store."""
        deliveries = [desk.delivery for desk in self._desks.values()]
        states = Counter(_state(it) for it in deliveries)
        waits = [it.waiting_since for it in deliveries if it.waiting_since is not None]
        return WebhookSurvey(
            by_state={state: states[state] for state in STATES}, waiting_since=min(waits, default=None)
        )

    # The tasks

    def _take_up(self, desk: _Desk) -> None:
        # Nothing that it does, or logs, belongs to the request that woke it.
        name, nobody = f"webhook of {desk.delivery.project_id}", Context()
        desk.task = asyncio.create_task(self._serve(desk), name=name, context=nobody)
        desk.task.add_done_callback(lambda task: self._ended(desk, task))

    def _ended(self, desk: _Desk, task: asyncio.Task[None]) -> None:
        """Take a task up again that ended by an unforeseen fault, after saying so."""
        if task.cancelled() or task.exception() is None:
            return
        log.error("webhook_failed", project=desk.delivery.project_id, exc_info=task.exception())

        def take_up() -> None:
            self._again.discard(handle)
            self._take_up(desk)

        handle = asyncio.get_running_loop().call_later(RETRY, take_up)
        self._again.add(handle)

    async def _serve(self, desk: _Desk) -> None:
        """Turn after turn, until the project has no webhook any more."""
        while True:
            desk.awake.clear()
            try:
                pause = await desk.delivery.turn()
            except StoreTrouble as trouble:
                log.warning("store_trouble", trouble=str(trouble))
                pause = RETRY
            else:
                # One that was made anew meanwhile has woken this task.
                if desk.delivery.seen is None and not desk.awake.is_set():
                    del self._desks[desk.delivery.project_id]
                    return
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await desk.awake.wait()


def _state(delivery: Delivery) -> str:
    webhook = delivery.seen
    if webhook is None:
        return "unknown"
    if webhook.disabled is not None:
        return "disabled"
    return "failing" if webhook.failing else "working"
