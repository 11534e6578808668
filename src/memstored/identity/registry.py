"""Where the embedded issuer keeps credentials and tokens; `store.credentials` is the one in use."""

from collections.abc import Sequence
from typing import Protocol

from memstored.domain.credentials import Credential, Session, Token

__all__ = ["Registry"]


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

    async def remove(self, credential_id: str) -> bool:
        """Remove a credential and all its tokens; False when there is none such."""
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
