"""Brings the events of one project to its webhook (API.md 12), a batch a turn.

Each turn reads the webhook and what follows its place, sends one batch, and records what came of it, as
`domain.webhook` decides. What is stored is all that the next turn needs, so a restart loses nothing.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from memstored.domain.clock import Clock
from memstored.domain.webhook import (
    Attempt,
    Batch,
    Line,
    Webhook,
    begun,
    cut,
    judged,
    passed_over,
    signing,
    wait,
)
from memstored.notify.message import of_events
from memstored.notify.sender import Sender
from memstored.store.errors import Stale, StoreTrouble
from memstored.store.events import Event, EventRepository
from memstored.store.webhooks import WebhookRepository
from memstored.telemetry.measures import Measures

__all__ = ["RETRY", "Courier", "Delivery"]

log = structlog.get_logger()

WORKING, FAILING = 16, 8
"""How many attempts may be under way at the same time: to receivers that took the last, and to the others."""
SCAN = 200
"""Events that are looked at for one batch."""
RETRY = 5.0
"""Seconds after which a store that was away is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Courier:
    """What all deliveries share. `render` gives the JSON of an event as the API shows it; `chance` gives
    numbers from 0 to 1; a receiver is given up that failed for `give_up_after` seconds.

    Who fails has places of its own: receivers that let each attempt run into its deadline hold up each other,
    and nobody who takes what is sent.
    """

    webhooks: WebhookRepository
    events: EventRepository
    sender: Sender
    render: Callable[[Event], str]
    measures: Measures
    clock: Clock
    chance: Callable[[], float]
    give_up_after: float
    working: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(WORKING))
    failing: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(FAILING))


class Delivery:
    """One project's. `seen` is its webhook as it was last read or recorded; None: it has none (any more).

    `waiting_since` is the time of the oldest event that waits to be sent (seconds since 1970; None: none).
    """

    def __init__(self, project_id: str, courier: Courier) -> None:
        self.project_id = project_id
        self.seen: Webhook | None = None
        self.waiting_since: float | None = None
        self._courier = courier

    async def turn(self) -> float | None:
        """Send one batch, if one is due; returns the seconds until the next turn, None: until it is woken.

        Raises `StoreTrouble`, with nothing sent.
        """
        before = self.seen
        webhook = self.seen = await self._courier.webhooks.of(self.project_id)
        waits = self.waiting_since is not None and webhook == before
        if waits and webhook is not None and (pause := self._pause(webhook)):
            # Nothing that has come since goes before what waits, so it is not looked for.
            return pause
        self.waiting_since = None
        if webhook is None or webhook.disabled is not None:
            return None
        batch = cut(webhook, await self._following(webhook))
        if batch is None:
            return None
        # Whoever writes the webhook meanwhile is faster: it is read again.
        with suppress(Stale):
            return await self._take(webhook, batch)
        return 0.0

    async def _take(self, webhook: Webhook, batch: Batch) -> float:
        if not batch.lines:
            self.seen = await self._courier.webhooks.commit(webhook, passed_over(webhook, batch))
            return 0.0
        self.waiting_since = batch.lines[0].time
        if pause := self._pause(webhook):
            return pause
        sending = begun(webhook, batch)
        if sending != webhook:
            sending = await self._courier.webhooks.commit(webhook, sending)
        await self._record(sending, await self._send(sending, batch))
        return 0.0

    def _pause(self, webhook: Webhook) -> float:
        return wait(webhook, self._courier.clock.wall())

    async def _following(self, webhook: Webhook) -> list[Line]:
        found = await self._courier.events.following(webhook.project_id, webhook.position, SCAN)
        return [
            Line(sequence=place, id=it.id, name=it.name, time=it.time, text=self._courier.render(it))
            for place, it in found
        ]

    async def _require(self, webhook: Webhook) -> None:
        """Raise `Stale` when its owner changed or deleted it, for which there was time in the queue."""
        if await self._courier.webhooks.of(self.project_id) != webhook:
            raise Stale

    async def _send(self, webhook: Webhook, batch: Batch) -> Attempt:
        courier = self._courier
        async with courier.failing if webhook.failing else courier.working:
            await self._require(webhook)
            message, keys = of_events(webhook, batch.lines), signing(webhook, courier.clock.wall())
            attempt = await courier.sender.send(webhook.url, message, keys)
        courier.measures.notified(attempt.verdict, attempt.seconds)
        if not attempt.delivered:
            why = attempt.message
            log.info("webhook_not_delivered", project=self.project_id, id=webhook.id, why=why)
        return attempt

    async def _record(self, webhook: Webhook, attempt: Attempt) -> None:
        """What is not recorded would be sent again, so a store that is away is waited for. Raises `Stale`."""
        courier = self._courier
        after, events = judged(
            webhook,
            attempt,
            courier.clock.wall(),
            chance=courier.chance(),
            give_up_after=courier.give_up_after,
        )
        while True:
            try:
                self.seen = await courier.webhooks.commit(webhook, after, events)
            except StoreTrouble as trouble:
                log.warning("store_trouble", trouble=str(trouble))
                await asyncio.sleep(RETRY)
            else:
                break
        if after.disabled is not None:
            log.warning("webhook_disabled", project=self.project_id, id=webhook.id, code=after.disabled.code)
