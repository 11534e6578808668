"""A registry in memory that can be made to wait."""

import asyncio
from collections.abc import Sequence
from itertools import count

from memstored.domain.credentials import Credential, Session, Token
from memstored.identity.registry import Judge

NOW = 1_795_458_157.75
"""2026-11-23T18:22:37.75Z"""
PUBLIC_URL = "http://127.0.0.1:8700"


class Counted:
    """Bytes that are not random: 1, 2, 3 … in as many bytes as asked for."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def __call__(self, size: int) -> bytes:
        """The next number."""
        return next(self._numbers).to_bytes(size, "big")


class Shelf:
    """A registry in memory. It counts the look-ups; while `open` is not set they wait before answering."""

    def __init__(self) -> None:
        self.kept: dict[str, Credential] = {}
        self.tokens: dict[str, Token] = {}
        self.looked_up = 0
        self.looking = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def add(self, credential: Credential) -> bool:
        """As the protocol says."""
        if await self.named(credential.user_id, credential.name):
            return False
        self.kept[credential.id] = credential
        return True

    async def credential(self, credential_id: str) -> Credential | None:
        """As the protocol says."""
        return self.kept.get(credential_id)

    async def named(self, user_id: str, name: str) -> Credential | None:
        """As the protocol says."""
        return next((c for c in self.kept.values() if (c.user_id, c.name) == (user_id, name)), None)

    async def all(self) -> Sequence[Credential]:
        """As the protocol says."""
        return list(self.kept.values())

    async def remove(self, credential_id: str, judge: Judge) -> Credential | None:
        """As the protocol says."""
        if credential_id in self.kept:
            judge(self.kept[credential_id], [it for it in self.kept.values() if it.id != credential_id])
        self.tokens = {h: t for h, t in self.tokens.items() if t.credential_id != credential_id}
        return self.kept.pop(credential_id, None)

    async def add_token(self, token: Token) -> bool:
        """As the protocol says."""
        if token.credential_id not in self.kept:
            return False
        self.tokens[token.hash] = token
        return True

    async def session(self, token_hash: str) -> Session | None:
        """As the protocol says; the answer is that of the moment of asking."""
        self.looked_up += 1
        token = self.tokens.get(token_hash)
        session = Session(token=token, credential=self.kept[token.credential_id]) if token else None
        self.looking.set()
        await self.open.wait()
        return session

    async def revoke(self, token_hash: str) -> bool:
        """As the protocol says."""
        return self.tokens.pop(token_hash, None) is not None
