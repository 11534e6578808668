"""Routes by which administrators handle application credentials (API.md 3)."""

from typing import Annotated

from fastapi import APIRouter, Query, Request

from memstored.api.answers import Answer, answer, written
from memstored.api.body import form, json_body, without_nulls
from memstored.api.caller import AdminCaller, project_of
from memstored.api.openapi import answers, refusals, request_body, writes
from memstored.api.schemas.credentials import (
    CreateCredential,
    CredentialDocument,
    CredentialList,
    NewCredentialDocument,
)
from memstored.api.schemas.forms import NoQuery
from memstored.service.credentials import CredentialService

__all__ = ["router"]

router = APIRouter(prefix="/v1/credentials", tags=["credentials"])

NoQueries = Annotated[NoQuery, Query()]


@router.get(
    "",
    summary="List the credentials",
    responses=answers(CredentialList, "All credentials, the oldest first."),
)
async def list_credentials(request: Request, _caller: AdminCaller, _query: NoQueries) -> Answer:
    """The credentials of every project, without their secrets."""
    found = await _service(request).all()
    return answer(CredentialList(credentials=[CredentialDocument.of(credential) for credential in found]))


@router.get(
    "/{credential_id}",
    summary="Show a credential",
    responses=answers(CredentialDocument, "The credential.") | refusals(404),
)
async def show_credential(
    request: Request, credential_id: str, _caller: AdminCaller, _query: NoQueries
) -> Answer:
    """A credential without its secret."""
    return answer(CredentialDocument.of(await _service(request).show(credential_id)))


@router.post(
    "",
    status_code=201,
    summary="Create a credential",
    responses=answers(NewCredentialDocument, "The id and the secret.", 201) | refusals(409),
    openapi_extra=request_body(CreateCredential),
)
async def create_credential(request: Request, caller: AdminCaller, _query: NoQueries) -> Answer:
    """The answer shows the secret: this once, and never again."""
    wanted = form(CreateCredential, without_nulls(await json_body(request)))
    made = await _service(request).create(caller, wanted.order(project_of(caller)))
    shown = NewCredentialDocument(object_id=made.credential.id, secret=made.secret)
    return answer(shown, 201)


@router.delete(
    "/{credential_id}",
    summary="Delete a credential",
    responses=writes("The id of the credential that is gone.") | refusals(404),
)
async def delete_credential(
    request: Request, credential_id: str, caller: AdminCaller, _query: NoQueries
) -> Answer:
    """Its tokens end at once. The last administrator's credential stays."""
    await _service(request).delete(caller, credential_id)
    return written(credential_id)


def _service(request: Request) -> CredentialService:
    service: CredentialService = request.app.state.services.credentials
    return service
