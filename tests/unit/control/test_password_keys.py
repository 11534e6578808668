"""Keys for passwords: made, given out, replaced, tried a day longer, removed; and what they open."""

import asyncio
import hashlib
import threading
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from clocks import StillClock
from memstored.control import password_keys as making
from memstored.control.password_keys import PasswordKeys, key_pair
from memstored.domain.errors import Unavailable
from memstored.domain.password_key import PasswordKey
from memstored.domain.requests.order import Login
from memstored.service import passwords as service
from memstored.service.passwords import PasswordService
from memstored.store.cipher import Cipher
from memstored.store.database import Database
from memstored.store.errors import StoreTrouble
from memstored.store.password_keys import PasswordKeyRepository

PERIOD, DAY = 30 * 24 * 3600.0, 24 * 3600.0
PADDING = OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=None)


class Ground:
    """The keys of a service: who makes them, who gives them out, and the store between them."""

    def __init__(self, database: Database, pairs: Iterator[tuple[str, str]]) -> None:
        self.clock = StillClock()
        self.database = database
        self.pairs = pairs
        self.use(Cipher(Fernet.generate_key().decode()))

    def use(self, cipher: Cipher) -> None:
        """Begin anew, as at a start with that encryption key."""
        self.kept = PasswordKeyRepository(self.database, cipher)
        self.maker = PasswordKeys(self.kept, self.clock, period=PERIOD, make=lambda: next(self.pairs))
        self.service = PasswordService(keys=self.kept, maker=self.maker, clock=self.clock)

    async def pass_time(self, seconds: float) -> None:
        """Let time pass and the maker look."""
        self.clock.now += seconds
        await self.maker.turn()


@pytest.fixture(scope="module")
def pairs() -> list[tuple[str, str]]:
    """Key pairs to take, one after the other."""
    return [key_pair() for _ in range(3)]


@pytest.fixture
async def ground(tmp_path: Path, pairs: list[tuple[str, str]]) -> AsyncIterator[Ground]:
    """A service that has no key yet."""
    database = await Database.open(f"sqlite:///{tmp_path / 'store.db'}")
    yield Ground(database, iter(pairs))
    await database.close()


def login(key: PasswordKey, password: str) -> Login:
    """A user whose password is encrypted with that key."""
    public = load_pem_public_key(key.public_key.encode())
    assert isinstance(public, RSAPublicKey)
    return Login(name="app", password=b64encode(public.encrypt(password.encode(), PADDING)).decode())


async def test_a_start_does_not_wait_for_its_first_key(ground: Ground) -> None:
    """It is made in another thread, at most once; who asks for it waits until it is there."""
    threads, go = [], threading.Event()

    def make() -> tuple[str, str]:
        threads.append(threading.current_thread())
        assert go.wait(10)
        return next(ground.pairs)

    maker = PasswordKeys(ground.kept, ground.clock, period=PERIOD, make=make)
    passwords = PasswordService(keys=ground.kept, maker=maker, clock=ground.clock)
    async with maker:
        asking = asyncio.create_task(passwords.key())
        assert await ground.kept.all() == []
        go.set()
        key = await asking
        await maker.made()

    assert [key] == await ground.kept.all()
    assert [thread is threading.main_thread() for thread in threads] == [False]


async def test_a_store_that_is_away_is_asked_again(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, logs: list[dict[str, Any]]
) -> None:
    """The key is made as soon as it can be kept; the reason for the delay is in the log."""
    monkeypatch.setattr(making, "RETRY", 0.01)
    ground.maker = PasswordKeys(ground.kept, ground.clock, period=PERIOD, make=lambda: next(ground.pairs))
    read, away = ground.kept.all, iter([StoreTrouble("The disk is gone."), ValueError("unforeseen")])

    async def once_away() -> list[PasswordKey]:
        for trouble in away:
            raise trouble
        return await read()

    monkeypatch.setattr(ground.kept, "all", once_away)

    async with ground.maker:
        await ground.maker.made()

    assert [line["event"] for line in logs] == [
        "password_keys_not_kept",
        "duty_failed",
        "password_key_made",
    ]
    assert logs[0]["reason"] == "The disk is gone."


async def test_a_key_that_does_not_come_is_not_waited_for_long(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it is told that it is being made, and when to ask again."""
    monkeypatch.setattr(service, "PATIENCE", 0.01)

    with pytest.raises(Unavailable, match="ask again") as refusal:
        await ground.service.key()

    assert refusal.value.code == "password_key_unavailable"
    assert refusal.value.retry_after > 0


async def test_a_restart_goes_on_with_the_same_key(ground: Ground) -> None:
    """Until its period is over, to the second."""
    await ground.maker.turn()
    first = await ground.service.key()

    await ground.pass_time(PERIOD - 1)
    same = await ground.service.key()
    await ground.pass_time(1)
    next_one = await ground.service.key()

    assert (same, next_one.created_at) == (first, first.created_at + PERIOD)
    assert next_one.id != first.id
    assert next_one.public_key != first.public_key


async def test_a_retired_key_opens_for_a_day(ground: Ground) -> None:
    """To the second, whenever the maker looks; then it is removed."""
    await ground.maker.turn()
    sent = login(await ground.service.key(), "open sesame")
    await ground.pass_time(PERIOD)

    await ground.pass_time(DAY - 1)
    within = await ground.service.read(sent)
    ground.clock.now += 1
    late = await ground.service.read(sent)
    kept = len(await ground.kept.all())
    await ground.maker.turn()

    assert (within.clear, within.password) == ("open sesame", hashlib.sha256(b"open sesame").hexdigest())
    assert late == sent
    assert (kept, len(await ground.kept.all())) == (2, 1)


async def test_every_key_is_tried_at_every_text(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """The right one first, last, or none: the work is the same, so time tells nothing."""
    await ground.maker.turn()
    old = await ground.service.key()
    await ground.pass_time(PERIOD)
    tried: list[str] = []
    opened = service._opened  # noqa: SLF001 - counted, not changed
    monkeypatch.setattr(service, "_opened", lambda sent, key: tried.append(key) or opened(sent, key))
    counts = []

    for sent in (
        login(await ground.service.key(), "x"),
        login(old, "x"),
        Login(name="a", password="A" * 512),
    ):
        await ground.service.read(sent)
        counts.append(len(tried))

    assert counts == [2, 4, 6]


async def test_what_is_no_ciphertext_costs_nothing(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key is looked at for a hash, or for a text that no key could have made."""
    monkeypatch.setattr(ground.kept, "all", None)
    texts = ["ab" * 32, "AB" * 32, "hunter2", "A" * 1028, "A" * 510 + "B=", "A" * 511 + "\n", "é" * 512]

    assert [await ground.service.read(Login(name="a", password=t)) for t in texts] == [
        Login(name="a", password=t) for t in texts
    ]


async def test_of_two_services_one_makes_the_key(ground: Ground) -> None:
    """Both saw that there was none; the later one keeps what the earlier one made."""
    first = PasswordKey(id="1", public_key="p", private_key="q", created_at=1.0)
    second = PasswordKey(id="2", public_key="p", private_key="q", created_at=2.0)

    assert await ground.kept.add(first, after=None)
    assert not await ground.kept.add(second, after=None)
    assert await ground.kept.all() == [first]


async def test_a_key_whose_encryption_key_is_lost_is_replaced(ground: Ground) -> None:
    """It opens nothing any more: to give it out would only lead callers astray."""
    await ground.maker.turn()
    lost = await ground.service.key()
    ground.use(Cipher(Fernet.generate_key().decode()))

    await ground.pass_time(1)
    new = await ground.service.key()

    assert new.id != lost.id
    assert (await ground.service.read(login(new, "x"))).clear == "x"
    assert (await ground.service.read(login(lost, "x"))).clear is None


async def test_private_keys_are_sealed(ground: Ground, tmp_path: Path) -> None:
    """Nothing of one can be read in the store, nor in what a log would show of it."""
    await ground.maker.turn()
    [key] = await ground.kept.all()

    assert key.private_key is not None
    lines = [line.encode() for line in key.private_key.splitlines()[1:-1]]
    stored = b"".join(file.read_bytes() for file in (tmp_path / "store.db", tmp_path / "store.db-wal"))
    assert key.id.encode() in stored
    assert not any(line in stored for line in (*lines, b"PRIVATE KEY"))
    assert "PRIVATE" not in repr(key)
