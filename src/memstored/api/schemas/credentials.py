"""Shapes of the credential routes (API.md 3)."""

from typing import Annotated, Literal, Self

from pydantic import Field

from memstored.api.schemas.forms import Document, Form
from memstored.api.schemas.times import in_seconds
from memstored.domain.credentials import Credential
from memstored.service.credentials import CredentialOrder

__all__ = ["CreateCredential", "CredentialDocument", "CredentialList", "NewCredentialDocument"]

Role = Literal["reader", "member", "admin"]

Line = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""One line of text without control characters."""


class CreateCredential(Form):
    """A credential to make; without `projectId` for the caller's project, without `userId` for a new user."""

    name: Line
    roles: Annotated[list[Role], Field(min_length=1)]
    project_id: Line | None = None
    project_name: Line | None = None
    user_id: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None = None
    user_name: Line | None = None

    def order(self, own_project: str) -> CredentialOrder:
        """What the service is to make."""
        return CredentialOrder(
            name=self.name,
            roles=tuple(self.roles),
            project_id=self.project_id or own_project,
            project_name=self.project_name,
            user_id=self.user_id,
            user_name=self.user_name,
        )


class NewCredentialDocument(Document):
    """A fresh credential; its secret is shown this once and kept nowhere."""

    object_id: str
    secret: str


class CredentialDocument(Document):
    """A credential without its secret."""

    id: str
    name: str
    roles: list[Role]
    project_id: str
    project_name: str
    user_id: str
    user_name: str
    created_at: str

    @classmethod
    def of(cls, credential: Credential) -> Self:
        """The credential as it is shown."""
        return cls.model_validate(
            {
                "id": credential.id,
                "name": credential.name,
                "roles": list(credential.roles),
                "project_id": credential.project_id,
                "project_name": credential.project_name,
                "user_id": credential.user_id,
                "user_name": credential.user_name,
                "created_at": in_seconds(credential.created_at),
            }
        )


class CredentialList(Document):
    """All credentials, the oldest first."""

    credentials: list[CredentialDocument]
