"""Application credentials, as an administrator handles them (API.md 3).

The role admin is the operator's: an administrator handles the credentials of every project, so that new
projects can be given their first. Who did what is in the log; secrets are in neither log nor store.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from memstored.domain.credentials import Credential
from memstored.domain.errors import NotFound
from memstored.identity.embedded import EmbeddedIssuer, NewCredential
from memstored.identity.protocol import Caller

__all__ = ["CredentialOrder", "CredentialService"]

_log = structlog.stdlib.get_logger("memstored.credentials")


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialOrder:
    """A credential that is wanted; without `user_id` for a new user, without `user_name` named like it."""

    name: str
    roles: tuple[str, ...]
    project_id: str
    project_name: str | None = None
    user_id: str | None = None
    user_name: str | None = None


@dataclass(frozen=True, slots=True)
class CredentialService:
    """The use cases; all of them are for administrators."""

    issuer: EmbeddedIssuer

    async def all(self) -> Sequence[Credential]:
        """Every credential, the oldest first."""
        return await self.issuer.credentials()

    async def show(self, credential_id: str) -> Credential:
        """The credential of that id; raises `NotFound`."""
        for credential in await self.issuer.credentials():
            if credential.id == credential_id:
                return credential
        raise NotFound("There is no such credential.", code="credential_unknown")

    async def create(self, caller: Caller, order: CredentialOrder) -> NewCredential:
        """Make a credential; its secret is told this once. Raises `Conflict`."""
        made = await self.issuer.create_credential(
            order.name,
            order.project_id,
            order.roles,
            project_name=order.project_name,
            user_id=order.user_id,
            user_name=order.user_name,
        )
        _log.info("credential created", id=made.credential.id, project=order.project_id, by=caller.user_name)
        return made

    async def delete(self, caller: Caller, credential_id: str) -> None:
        """Delete a credential; its tokens end at once.

        Raises `NotFound`, and `InvalidRequest` for the last administrator's: nobody could make another.
        """
        gone = await self.issuer.delete_credential(credential_id)
        _log.info("credential deleted", id=gone.id, project=gone.project_id, by=caller.user_name)
