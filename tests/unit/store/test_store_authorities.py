"""Certificate authorities in the store."""

from dataclasses import replace

import pytest
from cryptography.fernet import Fernet
from samples import NOW
from sqlalchemy import text

from memstored.domain.authorities import Authority
from memstored.domain.words import AuthorityId
from memstored.store.authorities import AuthorityRepository
from memstored.store.cipher import Cipher
from memstored.store.database import Database

FIRST = Authority(
    id=AuthorityId("a" * 36), certificate="PEM of the first", created_at=NOW, not_after=NOW + 100
)
SECOND = replace(FIRST, id=AuthorityId("b" * 36), certificate="PEM of the second", created_at=NOW + 1)
KEY = "-----BEGIN PRIVATE KEY-----"


@pytest.fixture
def authorities(database: Database, cipher: Cipher) -> AuthorityRepository:
    """An empty repository."""
    return AuthorityRepository(database, cipher)


async def test_authorities_are_kept_with_their_keys(authorities: AuthorityRepository) -> None:
    """The oldest first, whatever the order they came in."""
    await authorities.add(SECOND, KEY + "2")
    await authorities.add(FIRST, KEY + "1")

    kept = await authorities.load_all()

    assert [(each.authority, each.key) for each in kept] == [(FIRST, KEY + "1"), (SECOND, KEY + "2")]


async def test_a_key_is_nowhere_in_clear(authorities: AuthorityRepository, database: Database) -> None:
    """Neither in the row nor in what is shown of the record."""
    await authorities.add(FIRST, KEY)

    row = await database.read(lambda c: c.execute(text("SELECT * FROM authorities")).one())

    assert KEY not in str(row)
    assert KEY not in repr((await authorities.load_all())[0])


async def test_one_is_retired_and_another_forgotten(authorities: AuthorityRepository) -> None:
    """Each alone."""
    await authorities.add(FIRST, KEY)
    await authorities.add(SECOND, KEY)

    await authorities.retire(FIRST.id, NOW + 5)
    retired = [each.authority for each in await authorities.load_all()]
    await authorities.remove(FIRST.id)
    left = [each.authority for each in await authorities.load_all()]

    assert retired == [replace(FIRST, retired_at=NOW + 5), SECOND]
    assert left == [SECOND]


async def test_a_key_that_was_sealed_with_another_key_is_missing(
    authorities: AuthorityRepository, database: Database
) -> None:
    """The certificate is known still: what it signed can be verified."""
    await authorities.add(FIRST, KEY)

    stranger = AuthorityRepository(database, Cipher(Fernet.generate_key().decode()))

    assert [(each.authority, each.key) for each in await stranger.load_all()] == [(FIRST, None)]
