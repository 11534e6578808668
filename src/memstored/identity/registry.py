"""Where the embedded issuer keeps credentials and tokens; `store.credentials` is the one in use."""

from collections.abc import Callable, Sequence
from typing import Protocol

from memstored.domain.credentials import Credential, Session, Token

__all__ = ["Judge", "Registry"]

Judge = Callable[[Credential, Sequence[Credential]], None]
"""Told a credential that is to go and all others; raises when it has to stay."""


class Registry(Protocol):
    """Keeps records that hold hashes and no secrets."""

    async def add(self, credential: Credential) -> bool:
        """Keep a credential; False when its user has one of that name, and then nothing is kept."""
        ...

    async def credential(self, credential_id: str) -> Credential | None:
        """The credential of that id."""
        ...

    async def named(self, user_id: str, name: str) -> Credential | None:
        """The user's credential of that name."""
        ...

    async def all(self) -> Sequence[Credential]:
        """Every credential, the oldest first."""
        ...

    async def remove(self, credential_id: str, judge: Judge) -> Credential | None:
        """Remove a credential and all its tokens, and return it; None when there is none such.

        Nobody else's change comes between the judgement and the removal. What `judge` raises is raised here,
        and then nothing is removed.
        """
        ...

    async def add_token(self, token: Token) -> bool:
        """Keep a token, and forget expired ones; False when its credential is not there (any more)."""
        ...

    async def session(self, token_hash: str) -> Session | None:
        """The token of that hash with its credential, expired or not."""
        ...

    async def revoke(self, token_hash: str) -> bool:
        """Forget a token; False when there is none such."""
        ...
