"""Keeps every project that has a webhook told of its events (API.md 12).

One for the whole service, with rounds for each webhook (`control.delivery`). Woken when events were
committed, and by the service when it wrote a webhook; until then, or the next attempt, they do nothing.
"""

import asyncio
from collections import Counter
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from typing import Self

import structlog

from memstored.control.delivery import RETRY, Courier, Delivery
from memstored.control.rounds import Over, Rounds
from memstored.domain.webhook import WebhookSurvey
from memstored.store.errors import StoreTrouble

__all__ = ["Notifier"]

log = structlog.get_logger()

STATES = ("working", "failing", "disabled")


@dataclass(frozen=True, slots=True)
class _Desk:
    delivery: Delivery
    rounds: Rounds


class Notifier:
    """Keeps rounds for each webhook. Used from the event loop alone, but for `announced`."""

    def __init__(self, courier: Courier) -> None:
        self._courier = courier
        self._desks: dict[str, _Desk] = {}
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
        await asyncio.gather(*(desk.rounds.end() for desk in self._desks.values()))

    # What others tell and ask

    def wake(self, project_id: str) -> None:
        """A project's webhook was written: look at it now."""
        desk = self._desks.get(project_id)
        if desk is None:
            self._desks[project_id] = self._begun(project_id)
        else:
            desk.rounds.wake()

    def _begun(self, project_id: str) -> _Desk:
        turn = partial(self._turn, project_id)
        rounds = Rounds(f"webhook of {project_id}", turn, revival=RETRY)
        # Nothing that they do, or log, belongs to the request that woke them.
        Context().run(rounds.begin)
        return _Desk(Delivery(project_id, self._courier), rounds)

    def announced(self, project_id: str) -> None:
        """A project has new events. May be called in any thread, and when nothing is at work."""
        if (loop := self._loop) is not None:
            loop.call_soon_threadsafe(self._look_again, project_id)

    def _look_again(self, project_id: str) -> None:
        if (desk := self._desks.get(project_id)) is not None:
            desk.rounds.wake()

    def survey(self) -> WebhookSurvey:
        """What there is to say of all webhooks, as they were last seen; nothing is asked of the store."""
        deliveries = [desk.delivery for desk in self._desks.values()]
        states = Counter(_state(it) for it in deliveries)
        waits = [it.waiting_since for it in deliveries if it.waiting_since is not None]
        return WebhookSurvey(
            by_state={state: states[state] for state in STATES}, waiting_since=min(waits, default=None)
        )

    async def _turn(self, project_id: str) -> float | None:
        """One of a project's; the last is that which finds that it has no webhook any more."""
        desk = self._desks[project_id]
        try:
            pause = await desk.delivery.turn()
        except StoreTrouble as trouble:
            log.warning("store_trouble", trouble=str(trouble))
            return RETRY
        # One that was made anew meanwhile has woken the rounds.
        if desk.delivery.seen is None and not desk.rounds.woken:
            del self._desks[project_id]
            raise Over
        return pause


def _state(delivery: Delivery) -> str:
    webhook = delivery.seen
    if webhook is None:
        return "unknown"
    if webhook.disabled is not None:
        return "disabled"
    return "failing" if webhook.failing else "working"
