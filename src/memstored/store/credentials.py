"""The repository of application credentials and tokens: only their hashes are here.

Satisfies `identity.registry.Registry`; the records are those of `domain.credentials`.
"""

from collections.abc import Callable, Sequence

from sqlalchemy import ColumnElement, Connection, delete, insert, select

from memstored.domain.credentials import Credential, Session, Token
from memstored.store.codec import plain, restore
from memstored.store.database import Database, fetch
from memstored.store.tables import credentials, tokens

__all__ = ["CredentialRepository"]


class CredentialRepository:
    """Keeps credentials and tokens. Every method raises `StoreTrouble` when the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, credential: Credential) -> bool:
        """Keep a credential; False when its user has one of that name, and then nothing is kept."""
        return await self._database.write(_add, credential)

    async def credential(self, credential_id: str) -> Credential | None:
        """The credential of that id."""
        return await self._database.read(_first, credentials.c.id == credential_id)

    async def named(self, user_id: str, name: str) -> Credential | None:
        """The user's credential of that name."""
        return await self._database.read(_first, _is_named(user_id, name))

    async def all(self) -> Sequence[Credential]:
        """Every credential, the oldest first."""
        return await self._database.read(_all)

    async def remove(
        self, credential_id: str, judge: Callable[[Credential, Sequence[Credential]], None]
    ) -> Credential | None:
        """Remove a credential and all its tokens, and return it; None when there is none such.

        `judge` is told it and all others within the transaction; what that raises is raised here, and then
        nothing is removed.
        """
        return await self._database.write(_remove, credential_id, judge)

    async def add_token(self, token: Token) -> bool:
        """Keep a token, and forget those that had expired when it was issued.

        False when its credential was removed meanwhile, and then it is not kept.
        """
        return await self._database.write(_add_token, token)

    async def session(self, token_hash: str) -> Session | None:
        """The token of that hash with its credential, expired or not."""
        return await self._database.read(_session, token_hash)

    async def revoke(self, token_hash: str) -> bool:
        """Forget a token; False when there is none such."""
        return await self._database.write(_revoke, token_hash)

    async def purge(self, now: float) -> int:
        """Forget the tokens that have expired, and return how many they were."""
        return await self._database.write(_purge, now)


def _is_named(user_id: str, name: str) -> ColumnElement[bool]:
    return (credentials.c.user_id == user_id) & (credentials.c.name == name)


def _first(connection: Connection, condition: ColumnElement[bool]) -> Credential | None:
    found = fetch(connection, select(credentials).where(condition))
    return restore(Credential, found[0]) if found else None


def _all(connection: Connection) -> list[Credential]:
    query = select(credentials).order_by(credentials.c.created_at, credentials.c.id)
    return [restore(Credential, row) for row in fetch(connection, query)]


def _add(connection: Connection, credential: Credential) -> bool:
    if _first(connection, _is_named(credential.user_id, credential.name)) is not None:
        return False
    connection.execute(insert(credentials), plain(credential))
    return True


def _remove(
    connection: Connection, credential_id: str, judge: Callable[[Credential, Sequence[Credential]], None]
) -> Credential | None:
    doomed = _first(connection, credentials.c.id == credential_id)
    if doomed is not None:
        judge(doomed, [it for it in _all(connection) if it != doomed])
        connection.execute(delete(credentials).where(credentials.c.id == credential_id))
    return doomed


def _add_token(connection: Connection, token: Token) -> bool:
    _purge(connection, token.issued_at)
    if _first(connection, credentials.c.id == token.credential_id) is None:
        return False
    connection.execute(insert(tokens), plain(token))
    return True


def _session(connection: Connection, token_hash: str) -> Session | None:
    found = fetch(connection, select(tokens).where(tokens.c.hash == token_hash))
    if not found:
        return None
    token = restore(Token, found[0])
    owner = _first(connection, credentials.c.id == token.credential_id)
    return Session(token=token, credential=owner) if owner else None


def _revoke(connection: Connection, token_hash: str) -> bool:
    return connection.execute(delete(tokens).where(tokens.c.hash == token_hash)).rowcount == 1


def _purge(connection: Connection, now: float) -> int:
    return connection.execute(delete(tokens).where(tokens.c.expires_at <= now)).rowcount
