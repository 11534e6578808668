"""The repository of the keys that callers encrypt passwords with; private keys are sealed."""

from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from memstored.domain.password_key import PasswordKey
from memstored.store.cipher import Cipher
from memstored.store.database import Database, fetch
from memstored.store.errors import WrongKey
from memstored.store.tables import password_keys

__all__ = ["PasswordKeyRepository"]


class PasswordKeyRepository:
    """Keeps key pairs. Every method raises `StoreTrouble` when the database can not be used."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    async def all(self) -> list[PasswordKey]:
        """Every key, the newest first."""
        rows = await self._database.read(_rows)
        return [PasswordKey(private_key=self._opened(row.pop("sealed_key")), **row) for row in rows]

    async def add(self, new: PasswordKey, *, after: PasswordKey | None) -> bool:
        """Keep `new`, not yet retired, in the place of the one in use, which is retired at that time.

        `after` is the one that is not retired, as it was read. False when another took its place meanwhile:
        then nothing is kept.
        """
        assert new.private_key is not None, "a key without its private half opens nothing"
        row = {
            "id": new.id,
            "public_key": new.public_key,
            "sealed_key": self._cipher.seal(new.private_key),
            "created_at": new.created_at,
        }
        return await self._database.write(_add, row, after.id if after else None)

    async def remove(self, key_id: str) -> None:
        """Forget a key; harmless when there is none such."""
        await self._database.write(_remove, key_id)

    def _opened(self, sealed: str) -> str | None:
        """The private key; None when its encryption key is lost, which costs nothing but another key."""
        try:
            return self._cipher.open(sealed)
        except WrongKey:
            return None


def _rows(connection: Connection) -> list[dict[str, Any]]:
    query = select(password_keys).order_by(password_keys.c.created_at.desc(), password_keys.c.id)
    return fetch(connection, query)


def _add(connection: Connection, row: dict[str, Any], after: str | None) -> bool:
    unretired = password_keys.c.retired_at.is_(None)
    if connection.execute(select(password_keys.c.id).where(unretired)).scalar_one_or_none() != after:
        return False
    connection.execute(update(password_keys).where(unretired), {"retired_at": row["created_at"]})
    connection.execute(insert(password_keys), row)
    return True


def _remove(connection: Connection, key_id: str) -> None:
    connection.execute(delete(password_keys).where(password_keys.c.id == key_id))
