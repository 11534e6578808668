"""Makes the key that callers encrypt passwords with, and another one when its time is over.

One for the whole service, beside the loop over its sets. A key is made in a thread: that takes some tenths of
a second of one core, in which neither the start nor a failover waits.
"""

import asyncio
from collections.abc import Callable
from typing import Self
from uuid import uuid4

import structlog
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from memstored.control.rounds import Rounds
from memstored.domain.clock import Clock
from memstored.domain.password_key import PasswordKey, outdated, over
from memstored.store.errors import StoreTrouble
from memstored.store.password_keys import PasswordKeyRepository

__all__ = ["KEY_BITS", "PasswordKeys", "key_pair"]

log = structlog.get_logger()

KEY_BITS = 3072
LOOK, RETRY = 60.0, 5.0
"""Seconds between two looks at the keys, and after one that failed."""


class PasswordKeys:
    """Keeps one key in use, each for `period` seconds. `make` makes a pair: the public half first, in PEM."""

    def __init__(
        self,
        keys: PasswordKeyRepository,
        clock: Clock,
        *,
        period: float,
        make: Callable[[], tuple[str, str]],
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._period = period
        self._make = make
        self._made = asyncio.Event()
        self._rounds = Rounds("password keys", self._look, revival=RETRY)

    async def __aenter__(self) -> Self:
        """Go to work; returns before the first key is made."""
        self._rounds.begin()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Stop; a key that is being made is not kept."""
        await self._rounds.end()

    async def made(self) -> None:
        """Return once there is a key: at once, but for the first moments of a new service."""
        await self._made.wait()

    async def turn(self) -> None:
        """Have a key in use that is not outdated, and none whose time is over. Raises `StoreTrouble`."""
        keys = await self._keys.all()
        if outdated(keys, self._clock.wall(), self._period):
            await self._replace(next((key for key in keys if key.retired_at is None), None))
        self._made.set()
        for key in keys:
            if over(key, self._clock.wall()):
                await self._keys.remove(key.id)
                log.info("password_key_removed", id=key.id)

    async def _replace(self, former: PasswordKey | None) -> None:
        public, private = await asyncio.to_thread(self._make)
        new = PasswordKey(
            id=str(uuid4()), public_key=public, private_key=private, created_at=self._clock.wall()
        )
        if await self._keys.add(new, after=former):
            log.info("password_key_made", id=new.id, instead_of=former.id if former else None)

    async def _look(self) -> float:
        """One turn; returns the seconds until the next one."""
        try:
            await self.turn()
        except StoreTrouble as trouble:
            log.warning("password_keys_not_kept", reason=str(trouble))
            return RETRY
        return LOOK


def key_pair() -> tuple[str, str]:
    """A fresh RSA key pair in PEM: SubjectPublicKeyInfo, PKCS #8. Lets other threads run meanwhile."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return public.decode(), private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
