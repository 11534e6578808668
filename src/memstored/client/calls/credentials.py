"""Calls about credentials of further callers, for administrators (API.md 3)."""

from collections.abc import Sequence

from memstored.client.calls.reading import get, given, one, removal, rows
from memstored.client.models import Credential, NewCredential, Role
from memstored.client.wire import Call, Request, path

__all__ = ["create_credential", "delete_credential", "list_credentials", "show_credential"]


def create_credential(
    name: str,
    roles: Sequence[Role],
    *,
    project_id: str | None = None,
    project_name: str | None = None,
    user_id: str | None = None,
    user_name: str | None = None,
) -> Call[NewCredential]:
    """Make a credential, by default in the caller's project and for a new user."""
    body = {
        "name": name,
        "roles": list(roles),
        "projectId": project_id,
        "projectName": project_name,
        "userId": user_id,
        "userName": user_name,
    }
    request = Request(method="POST", url=path("credentials"), body=given(body))
    return Call(request=request, read=one(NewCredential), harmless=False)


def list_credentials() -> Call[tuple[Credential, ...]]:
    """All credentials of all projects, the oldest first."""
    return get(path("credentials"), rows(Credential, "credentials"))


def show_credential(credential_id: str) -> Call[Credential]:
    """One credential."""
    return get(path("credentials", credential_id), one(Credential))


def delete_credential(credential_id: str) -> Call[str]:
    """Delete a credential; its tokens end at once."""
    return removal(path("credentials", credential_id), credential_id)
