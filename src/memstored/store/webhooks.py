"""The repository of webhooks, one a project at most; what they sign with is sealed.

Called by `service` with what callers want, and by `control`, which sends. Every change is one transaction
with its events, made only from the revision that was read.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from memstored.domain.clock import Clock
from memstored.domain.model import EventDraft
from memstored.domain.requests.webhook import host_of
from memstored.domain.webhook import Webhook
from memstored.store.cipher import Cipher
from memstored.store.codec import plain, restore
from memstored.store.database import Database, fetch
from memstored.store.errors import Stale
from memstored.store.events import Resource, write_events
from memstored.store.rows import Row, record_changes
from memstored.store.tables import events, webhooks

__all__ = ["RESOURCE", "WebhookRepository"]

RESOURCE = "webhook"
"""What events of webhooks are about."""


class WebhookRepository:
    """Keeps webhooks. Every method raises `StoreTrouble` when the database can not be used."""

    def __init__(self, database: Database, clock: Clock, cipher: Cipher) -> None:
        self._database = database
        self._clock = clock
        self._cipher = cipher

    async def of(self, project_id: str) -> Webhook | None:
        """The project's webhook; None when it has none."""
        row = await self._database.read(_row, project_id)
        return self._opened(row) if row else None

    async def projects(self) -> list[str]:
        """The projects that have one."""
        return await self._database.read(_projects)

    async def waiting(self, webhook: Webhook, limit: int) -> int:
        """How many events wait to be sent, counted up to `limit`."""
        return await self._database.read(_waiting, webhook, limit)

    async def add(self, webhook: Webhook, drafts: Sequence[EventDraft]) -> None:
        """Keep a new one: its place is after everything that was written, these events too.

        Raises `Stale` when the project has one already.
        """
        row = self._sealed(plain(webhook))
        await self._database.write(_add, webhook, row, drafts, self._clock.wall())

    async def commit(self, before: Webhook, after: Webhook, drafts: Sequence[EventDraft] = ()) -> Webhook:
        """Record what differs between the two; returns what is kept.

        Raises `Stale` when it was changed since, or is gone.
        """
        kept = replace(after, revision=before.revision + 1)
        changes = self._sealed(record_changes(before, kept))
        await self._database.write(_commit, before, changes, after, drafts, self._clock.wall())
        return kept

    async def remove(self, webhook: Webhook, drafts: Sequence[EventDraft]) -> None:
        """Forget it; its events stay. Raises `Stale` when it was changed since, or is gone."""
        await self._database.write(_remove, webhook, drafts, self._clock.wall())

    def _sealed(self, row: Row) -> Row:
        """The row with its secrets, if it has any, as they are kept."""
        secrets = row.pop("secrets", None)
        return row if secrets is None else {**row, "sealed": self._cipher.seal(json.dumps(secrets))}

    def _opened(self, row: Mapping[str, Any]) -> Webhook:
        secrets = json.loads(self._cipher.open(row["sealed"]))
        return restore(Webhook, {**row, "secrets": secrets})


def _row(connection: Connection, project_id: str) -> Row | None:
    found = fetch(connection, select(webhooks).where(webhooks.c.project_id == project_id))
    return found[0] if found else None


def _projects(connection: Connection) -> list[str]:
    return list(connection.execute(select(webhooks.c.project_id)).scalars())


def _waiting(connection: Connection, webhook: Webhook, limit: int) -> int:
    wanted = select(events.c.sequence).where(
        events.c.project_id == webhook.project_id, events.c.sequence > webhook.position
    )
    if webhook.event_names:
        wanted = wanted.where(events.c.name.in_(webhook.event_names))
    found: int = connection.execute(
        select(func.count()).select_from(wanted.limit(limit).subquery())
    ).scalar_one()
    return found


def _add(
    connection: Connection, webhook: Webhook, row: Row, drafts: Sequence[EventDraft], now: float
) -> None:
    if _row(connection, webhook.project_id) is not None:
        raise Stale("The project has a webhook already; read it.")
    _write(connection, webhook, drafts, now)
    newest = connection.execute(select(func.max(events.c.sequence))).scalar_one() or 0
    connection.execute(insert(webhooks), {**row, "position": newest})


def _commit(
    connection: Connection,
    before: Webhook,
    changes: Row,
    after: Webhook,
    drafts: Sequence[EventDraft],
    now: float,
) -> None:
    _require_one(connection.execute(update(webhooks).where(_still(before)).values(changes)).rowcount)
    _write(connection, after, drafts, now)


def _remove(connection: Connection, webhook: Webhook, drafts: Sequence[EventDraft], now: float) -> None:
    _require_one(connection.execute(delete(webhooks).where(_still(webhook))).rowcount)
    _write(connection, webhook, drafts, now)


def _still(webhook: Webhook) -> ColumnElement[bool]:
    """That it is as it was read."""
    return (webhooks.c.id == webhook.id) & (webhooks.c.revision == webhook.revision)


def _require_one(rows: int) -> None:
    if rows != 1:
        raise Stale("The webhook was changed since it was read; read it again.")


def _write(connection: Connection, webhook: Webhook, drafts: Sequence[EventDraft], now: float) -> None:
    resource = Resource(
        project_id=webhook.project_id, type=RESOURCE, id=webhook.id, name=host_of(webhook.url)
    )
    write_events(connection, resource, drafts, now)
