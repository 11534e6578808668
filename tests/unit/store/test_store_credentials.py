"""Application credentials and tokens in the store."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from samples import NOW
from sqlalchemy import text

from memstored.domain.credentials import Credential, Session, Token
from memstored.store.credentials import CredentialRepository
from memstored.store.database import Database

CREDENTIAL = Credential(
    id="c" * 32,
    name="deploy",
    secret_hash="5" * 64,
    user_id="d" * 32,
    user_name="somebody",
    project_id="p" * 32,
    project_name="shop",
    roles=("member", "reader"),
    created_at=NOW,
    expires_at=NOW + 60,
)
TOKEN = Token(hash="7" * 64, credential_id=CREDENTIAL.id, audit_id="audit", issued_at=NOW, expires_at=NOW + 9)


async def test_a_credential_is_kept(credentials: CredentialRepository) -> None:
    """It is found by id, by its user's name for it, and in the list."""
    assert await credentials.add(CREDENTIAL)

    assert await credentials.credential(CREDENTIAL.id) == CREDENTIAL
    assert await credentials.named(CREDENTIAL.user_id, "deploy") == CREDENTIAL
    assert await credentials.all() == [CREDENTIAL]


async def test_a_name_is_used_once_by_a_user(credentials: CredentialRepository) -> None:
    """The same user's second of a name is refused; another user's is not."""
    await credentials.add(CREDENTIAL)

    assert not await credentials.add(replace(CREDENTIAL, id="e" * 32))
    assert await credentials.add(replace(CREDENTIAL, id="f" * 32, user_id="g" * 32))
    assert [c.id[0] for c in await credentials.all()] == ["c", "f"]


async def test_what_is_not_there(credentials: CredentialRepository) -> None:
    """Unknown ids, names and hashes are answered with nothing."""
    assert await credentials.credential("none") is None
    assert await credentials.named(CREDENTIAL.user_id, "none") is None
    assert await credentials.session("none") is None
    assert await credentials.remove("none", judge=_spare) is None
    assert not await credentials.revoke("none")


async def test_a_token_leads_to_its_credential(credentials: CredentialRepository) -> None:
    """A request knows its caller by the hash of the token."""
    await credentials.add(CREDENTIAL)
    assert await credentials.add_token(TOKEN)

    assert await credentials.session(TOKEN.hash) == Session(token=TOKEN, credential=CREDENTIAL)


async def test_a_revoked_token_is_gone(credentials: CredentialRepository) -> None:
    """It leads nowhere, and can not be revoked twice."""
    await credentials.add(CREDENTIAL)
    await credentials.add_token(TOKEN)

    assert await credentials.revoke(TOKEN.hash)

    assert await credentials.session(TOKEN.hash) is None
    assert not await credentials.revoke(TOKEN.hash)


async def test_tokens_go_with_their_credential(credentials: CredentialRepository) -> None:
    """Deleting a credential ends what it was exchanged for, and it can be exchanged no more."""
    await credentials.add(CREDENTIAL)
    await credentials.add_token(TOKEN)

    assert await credentials.remove(CREDENTIAL.id, judge=lambda _doomed, _others: None) == CREDENTIAL

    assert await credentials.session(TOKEN.hash) is None
    assert not await credentials.add_token(TOKEN)


async def test_what_has_to_stay_is_not_removed(credentials: CredentialRepository) -> None:
    """Whoever judges is told the credential and the others, and can keep it with its tokens."""
    other = replace(CREDENTIAL, id="e" * 32, name="other")
    await credentials.add(CREDENTIAL)
    await credentials.add(other)
    await credentials.add_token(TOKEN)
    with pytest.raises(_Spared) as told:
        await credentials.remove(CREDENTIAL.id, judge=_spare)

    assert told.value.args == (CREDENTIAL, [other])
    assert await credentials.session(TOKEN.hash) is not None


class _Spared(Exception):
    """The credential stays."""


def _spare(doomed: Credential, others: Sequence[Credential]) -> None:
    raise _Spared(doomed, others)


@pytest.mark.parametrize(("now", "left"), [(NOW + 8.9, 1), (NOW + 9, 0)])
async def test_expired_tokens_are_purged(
    database: Database, credentials: CredentialRepository, now: float, left: int
) -> None:
    """A token is forgotten from the moment it expires, not before."""
    await credentials.add(CREDENTIAL)
    await credentials.add_token(TOKEN)

    assert await credentials.purge(now) == 1 - left

    assert await _tokens(database) == left


async def test_a_new_token_sweeps_out_the_expired(
    database: Database, credentials: CredentialRepository
) -> None:
    """Tokens do not pile up though nobody purges them."""
    await credentials.add(CREDENTIAL)
    await credentials.add_token(TOKEN)

    await credentials.add_token(replace(TOKEN, hash="8" * 64, issued_at=NOW + 9, expires_at=NOW + 20))

    assert await _tokens(database) == 1


async def _tokens(database: Database) -> int:
    count: int = await database.read(lambda c: c.execute(text("SELECT count(*) FROM tokens")).scalar_one())
    return count
