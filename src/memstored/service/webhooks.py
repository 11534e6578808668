"""The webhook of the caller's project (API.md 12): what is wanted is checked and recorded.

Events themselves are sent by `control`, which is woken. The secret that messages are signed with is made here
and told once.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar
from uuid import uuid4

from memstored.domain.clock import Clock
from memstored.domain.destinations import Destinations
from memstored.domain.errors import Conflict, InvalidRequest
from memstored.domain.requests.webhook import (
    WebhookWishes,
    check,
    create,
    remove,
    revise,
    rotate,
    webhook_unknown,
)
from memstored.domain.webhook import Attempt, Secret, Webhook, signing
from memstored.domain.words import WebhookId
from memstored.identity.protocol import Caller
from memstored.notify.message import new_secret, of_test
from memstored.notify.sender import Sender
from memstored.service.attempts import until_fresh
from memstored.service.calls import call_of, project_of
from memstored.service.ports import Notifier
from memstored.store.webhooks import WebhookRepository

__all__ = ["COUNTED", "WebhookService", "WebhookView", "Written"]

T = TypeVar("T")

COUNTED = 10_000
"""So many waiting events are counted at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A webhook that was written; `secret` where a new one was made, which is told this once."""

    id: WebhookId
    secret: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookView:
    """A webhook, how many events wait to be sent, counted up to `COUNTED`, and the secrets that sign now."""

    webhook: Webhook
    waiting: int
    signing: tuple[Secret, ...]


class WebhookService:
    """The use cases. A project has one webhook at most."""

    def __init__(
        self,
        *,
        webhooks: WebhookRepository,
        sender: Sender,
        notifier: Notifier,
        destinations: Destinations,
        clock: Clock,
    ) -> None:
        self._webhooks = webhooks
        self._sender = sender
        self._notifier = notifier
        self._destinations = destinations
        self._clock = clock
        self._testing: set[str] = set()

    async def show(self, caller: Caller) -> WebhookView:
        """The project's webhook. Raises `NotFound`."""
        webhook = await self._require(caller)
        waiting = await self._webhooks.waiting(webhook, COUNTED)
        return WebhookView(webhook=webhook, waiting=waiting, signing=signing(webhook, self._clock.wall()))

    async def put(self, caller: Caller, wishes: WebhookWishes, *, seen: str | None = None) -> Written:
        """Make the project's webhook, or make it as wished for. Raises `InvalidRequest`.

        `seen` is when the webhook that the caller decided by was written, as text, "" if there was none;
        `Conflict` when that is not so any more, unless what is there is as wished for.
        """
        check(wishes, self._destinations)

        async def attempt() -> Written:
            webhook = await self._webhooks.of(project_of(caller))
            if webhook is None:
                _require_seen(None, seen)
                return await self._create(caller, wishes)
            change = revise(webhook, wishes, call_of(caller, self._clock))
            if change.events:
                _require_seen(webhook, seen)
            if change.after != webhook:
                await self._webhooks.commit(webhook, change.after, change.events)
            return Written(id=webhook.id)

        return await self._woken(caller, attempt)

    async def _create(self, caller: Caller, wishes: WebhookWishes) -> Written:
        secret = new_secret()
        new = create(
            wishes,
            call_of(caller, self._clock),
            webhook_id=WebhookId(str(uuid4())),
            project_id=project_of(caller),
            secret=secret,
        )
        await self._webhooks.add(new.after, new.events)
        return Written(id=new.after.id, secret=secret)

    async def rotate(self, caller: Caller, *, seen: str | None = None) -> Written:
        """Sign with a new secret, and with the one before for a while. Raises `NotFound`.

        `seen` as for `put`: another new secret would end the one that the receiver has.
        """

        async def attempt() -> Written:
            webhook = await self._require(caller)
            _require_seen(webhook, seen)
            secret = new_secret()
            change = rotate(webhook, call_of(caller, self._clock), secret)
            await self._webhooks.commit(webhook, change.after, change.events)
            return Written(id=webhook.id, secret=secret)

        return await until_fresh(attempt)

    async def delete(self, caller: Caller) -> WebhookId:
        """Forget the webhook, with what waits for it. Raises `NotFound`."""

        async def attempt() -> WebhookId:
            webhook = await self._require(caller)
            await self._webhooks.remove(webhook, remove(webhook, call_of(caller, self._clock)))
            return webhook.id

        return await self._woken(caller, attempt)

    async def test(self, caller: Caller) -> Attempt:
        """Send a message without events now, whatever else waits; returns what came of it.

        Raises `NotFound`, and `InvalidRequest` while the project's last one is under way.
        """
        webhook = await self._require(caller)
        now = self._clock.wall()
        with self._alone(webhook.project_id):
            return await self._sender.send(webhook.url, of_test(webhook, now), signing(webhook, now))

    @contextmanager
    def _alone(self, project_id: str) -> Iterator[None]:
        """One test a project: who calls often does not send often."""
        if project_id in self._testing:
            raise InvalidRequest("Wait for the test that is under way.", code="test_under_way")
        self._testing.add(project_id)
        try:
            yield
        finally:
            self._testing.discard(project_id)

    async def _require(self, caller: Caller) -> Webhook:
        webhook = await self._webhooks.of(project_of(caller))
        if webhook is None:
            raise webhook_unknown()
        return webhook

    async def _woken(self, caller: Caller, attempt: Callable[[], Awaitable[T]]) -> T:
        outcome = await until_fresh(attempt)
        self._notifier.wake(project_of(caller))
        return outcome


def _require_seen(webhook: Webhook | None, seen: str | None) -> None:
    """Raise `Conflict` unless it is the one that was seen; None: whatever it is."""
    if seen is not None and seen != ("" if webhook is None else str(webhook.updated_at)):
        raise Conflict("It was changed by now; look at it and decide anew.", code="webhook_changed")
