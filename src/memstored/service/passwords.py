"""Passwords as callers send them: the key to encrypt one with, and what an encrypted one says (API.md 5).

A clear password is held for the length of one request, and never logged. What can not be opened is told
apart by nothing: not by its words, and every key is tried at every text, so not by its time either.
"""

import asyncio
import hashlib
from base64 import b64decode, b64encode
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from memstored.domain.clock import Clock
from memstored.domain.errors import Unavailable
from memstored.domain.password_key import PasswordKey, in_use, opening
from memstored.domain.requests.order import SHA_256, Login
from memstored.service.ports import KeyMaker
from memstored.store.password_keys import PasswordKeyRepository

__all__ = ["PasswordService"]

PATIENCE = 10.0
"""Seconds that a caller waits for the first key of a new service."""
LONGEST_TEXT = 1024
"""Characters of an encrypted password: room for keys of 6,144 bits; longer ones are not looked at."""
LONGEST_PASSWORD = 128
"""Bytes of UTF-8."""

_PADDING = OAEP(mgf=MGF1(SHA256()), algorithm=SHA256(), label=None)


class PasswordService:
    """Gives out the key in use, and opens what was encrypted with it or with one retired not long ago."""

    def __init__(self, *, keys: PasswordKeyRepository, maker: KeyMaker, clock: Clock) -> None:
        self._keys = keys
        self._maker = maker
        self._clock = clock

    async def key(self) -> PasswordKey:
        """The key to encrypt with. Raises `Unavailable` when the first one is not made in time."""
        key = in_use(await self._keys.all())
        if key is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(PATIENCE):
                    await self._maker.made()
            key = in_use(await self._keys.all())
        if key is None:
            raise Unavailable(
                "The key for passwords is being made; ask again in a moment.", code="password_key_unavailable"
            )
        return key

    async def read(self, login: Login) -> Login:
        """The user with the password opened, where it was sent encrypted; as it was sent where it was not."""
        sent = _ciphertext(login.password)
        if sent is None:
            return login
        keys = opening(await self._keys.all(), self._clock.wall())
        clear = await asyncio.to_thread(_decrypted, sent, keys)
        if clear is None:
            return login
        return replace(login, password=hashlib.sha256(clear.encode()).hexdigest(), clear=clear)


def _ciphertext(text: str) -> bytes | None:
    """The bytes of a standard padded base64 text; None for any other, a hash, and one that is too long."""
    if len(text) > LONGEST_TEXT or SHA_256.fullmatch(text):
        return None
    try:
        data = b64decode(text, validate=True)
    except ValueError:
        return None
    # Of the texts that decode to the same bytes, only the canonical one is taken.
    return data if b64encode(data).decode() == text else None


def _decrypted(sent: bytes, keys: Sequence[str]) -> str | None:
    """The password in it, by whichever key opens it. Every key is tried, also after the right one."""
    found = [clear for key in keys if (clear := _opened(sent, key)) is not None]
    return found[0] if found else None


def _opened(sent: bytes, pem: str) -> str | None:
    # It was checked when it was made, and sealed since; the check takes a hundred times as long as the rest.
    key = load_pem_private_key(pem.encode(), password=None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, RSAPrivateKey), "other keys are not made"
    try:
        clear = key.decrypt(sent, _PADDING)
        return clear.decode() if 0 < len(clear) <= LONGEST_PASSWORD else None
    except ValueError:
        return None
