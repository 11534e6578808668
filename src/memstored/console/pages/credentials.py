"""Application credentials, for administrators. A secret is shown once: on the answer that made it."""

import secrets

from starlette.responses import Response

from memstored.api.body import form, without_nulls
from memstored.api.caller import check_admin, project_of
from memstored.api.schemas.credentials import CreateCredential
from memstored.api.schemas.forms import QueryForm
from memstored.console.forms import NOTHING_REFUSED, Refusal, refusal_of
from memstored.console.group import PageGroup
from memstored.console.languages import english
from memstored.console.pages.project import group as project
from memstored.console.visit import Visit
from memstored.domain.credentials import Credential
from memstored.domain.errors import Fault, NotFound
from memstored.identity.protocol import RoleName
from memstored.service.credentials import CredentialService

__all__ = ["group"]

group = PageGroup(
    within=project,
    notices={"credential_deleted": english("The credential is deleted, and its tokens have ended.")},
)

ROLES = (RoleName.READER, RoleName.MEMBER, RoleName.ADMIN)
_TEXTS = ("name", "projectId", "projectName", "userId", "userName")


class NewQuery(QueryForm):
    """`like` is the id of the credential that the new one is to replace."""

    like: str | None = None


@group.get("/credentials", name="credentials")
async def list_credentials(visit: Visit) -> Response:
    """All credentials, of every project."""
    return await _list(visit)


async def _list(visit: Visit, refusal: Refusal = NOTHING_REFUSED) -> Response:
    found = await _service(visit).all()
    return visit.page("credentials/list.html", status=refusal.status, refusal=refusal, credentials=found)


@group.get("/credentials/new", name="new_credential")
async def new_credential(visit: Visit) -> Response:
    """The form for a credential: of a new user, or one in the place of another, of the same user."""
    service, like = _service(visit), visit.query(NewQuery).like
    old = await service.show(like) if like else None
    return _form(visit, old)


def _form(visit: Visit, old: Credential | None, refusal: Refusal = NOTHING_REFUSED) -> Response:
    return visit.page(
        "credentials/new.html",
        status=refusal.status,
        refusal=refusal,
        old=old,
        roles=ROLES,
        own_project=project_of(visit.caller),
        # A form that is sent again makes no second credential: a user has each name once.
        user_id=old.user_id if old else visit.posted.text("userId") or secrets.token_hex(16),
    )


@group.post("/credentials", name="create_credential", fields=(*_TEXTS, "roles", "like"))
async def create_credential(visit: Visit) -> Response:
    """Make a credential, and show its secret: this once, and never again."""
    service, posted = _service(visit), visit.posted
    document = {name: posted.text(name) for name in _TEXTS}
    old = await _replaced(visit, service)
    try:
        wanted = form(CreateCredential, without_nulls({**document, "roles": posted.all("roles")}))
        made = await service.create(visit.caller, wanted.order(project_of(visit.caller)))
    except Fault as fault:
        return _form(visit, old, refusal_of(fault))
    return visit.page("credentials/made.html", status=201, made=made, old=old)


async def _replaced(visit: Visit, service: CredentialService) -> Credential | None:
    """The credential that the new one is made in the place of; it stays until it is deleted."""
    like = visit.posted.text("like")
    return await service.show(like) if like else None


@group.post("/credentials/{credential_id}/delete", name="delete_credential")
async def delete_credential(visit: Visit, credential_id: str) -> Response:
    """Delete a credential; who works with its tokens is out at once."""
    try:
        await _service(visit).delete(visit.caller, credential_id)
    except NotFound:
        raise
    except Fault as fault:
        return await _list(visit, refusal_of(fault))
    return visit.redirect("credentials", notice="credential_deleted")


def _service(visit: Visit) -> CredentialService:
    """The use cases, for an administrator; `NotFound` where another service handles credentials."""
    check_admin(visit.caller)
    if visit.services.credentials is None:
        raise NotFound("Another service handles the credentials; ask there.")
    return visit.services.credentials
