"""The repository of certificate authorities; their private keys are kept sealed."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from memstored.domain.authorities import Authority
from memstored.domain.model import EventDraft
from memstored.domain.words import AuthorityId
from memstored.store.cipher import Cipher
from memstored.store.codec import plain, restore
from memstored.store.database import Database, fetch
from memstored.store.errors import WrongKey
from memstored.store.events import Resource, write_events
from memstored.store.tables import authorities

__all__ = ["AuthorityRepository", "KeptAuthority", "Told"]

RESOURCE = "certificate-authority"
"""What events of authorities are about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptAuthority:
    """An authority with its private key in PEM; None when that can not be opened: then it can not sign."""

    authority: Authority
    key: str | None = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """An audit line, and the project that reads it: that of who asked."""

    project_id: str
    event: EventDraft


class AuthorityRepository:
    """Keeps authorities. Every method raises `StoreTrouble` when the database can not be used."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    async def load_all(self) -> list[KeptAuthority]:
        """All of them, the oldest first."""
        rows = await self._database.read(_all)
        return [
            KeptAuthority(authority=restore(Authority, row), key=self._opened(row["sealed_key"]))
            for row in rows
        ]

    def _opened(self, sealed: str) -> str | None:
        try:
            return self._cipher.open(sealed)
        except WrongKey:
            return None

    async def add(self, authority: Authority, key: str, told: Told | None = None) -> None:
        """Keep a new one with its private key (PEM), and the audit line of who asked for it."""
        row = {**plain(authority), "sealed_key": self._cipher.seal(key)}
        await self._database.write(_add, row, told)

    async def retire(self, authority_id: AuthorityId, at: float) -> None:
        """Record that another one signs in its place since then (seconds since 1970)."""
        await self._database.write(_retire, authority_id, at)

    async def remove(self, authority_id: AuthorityId) -> None:
        """Forget it and its key."""
        await self._database.write(_remove, authority_id)


def _all(connection: Connection) -> list[dict[str, Any]]:
    return fetch(connection, select(authorities).order_by(authorities.c.created_at, authorities.c.id))


def _add(connection: Connection, row: dict[str, Any], told: Told | None) -> None:
    connection.execute(insert(authorities), row)
    if told is not None:
        name = f"memstored authority {row['id']}"
        resource = Resource(project_id=told.project_id, type=RESOURCE, id=row["id"], name=name)
        write_events(connection, resource, (told.event,), row["created_at"])


def _retire(connection: Connection, authority_id: AuthorityId, at: float) -> None:
    connection.execute(update(authorities).where(authorities.c.id == authority_id).values(retired_at=at))


def _remove(connection: Connection, authority_id: AuthorityId) -> None:
    connection.execute(delete(authorities).where(authorities.c.id == authority_id))
