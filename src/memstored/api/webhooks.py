"""Routes of the project's webhook (API.md 12, ours)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from memstored.api.answers import Answer, answer, written
from memstored.api.body import json_body, without_nulls
from memstored.api.caller import ReadingCaller, WritingCaller
from memstored.api.openapi import answers, refusals, request_body, writes
from memstored.api.reading import read_whole
from memstored.api.schemas.forms import NoQuery
from memstored.api.schemas.webhooks import PutWebhook, WebhookDocument, WebhookSecret, WebhookTrial
from memstored.service.webhooks import WebhookService

__all__ = ["router"]

router = APIRouter(prefix="/v1/webhook", tags=["webhook"])


async def _service(request: Request) -> WebhookService:
    service: WebhookService = request.app.state.services.webhooks
    return service


Webhooks = Annotated[WebhookService, Depends(_service)]
NoQueries = Annotated[NoQuery, Query()]


@router.get(
    "", summary="Show the webhook", responses=answers(WebhookDocument, "The webhook.") | refusals(404)
)
async def show_webhook(caller: ReadingCaller, webhooks: Webhooks, _query: NoQueries) -> Answer:
    """Where the project's events go, how far that is, and what is wrong if something is."""
    return answer(WebhookDocument.of(await webhooks.show(caller)))


@router.put(
    "",
    summary="Make or change the webhook",
    responses=writes("The id of the webhook, which is as wished for.")
    | answers(WebhookSecret, "The id of the new webhook and its secret.", 201),
    openapi_extra=request_body(PutWebhook),
)
async def put_webhook(
    request: Request, caller: WritingCaller, webhooks: Webhooks, _query: NoQueries
) -> Answer:
    """Send events from now on to a URL, or go on at another one. The secret is shown this once."""
    wanted = read_whole(PutWebhook, without_nulls(await json_body(request)))
    done = await webhooks.put(caller, wanted.wishes())
    if done.secret is None:
        return written(done.id)
    return answer(WebhookSecret(object_id=done.id, secret=done.secret), 201)


@router.delete(
    "", summary="Delete the webhook", responses=writes("The id of the webhook that is gone.") | refusals(404)
)
async def delete_webhook(caller: WritingCaller, webhooks: Webhooks, _query: NoQueries) -> Answer:
    """Events go nowhere any more, those neither that wait."""
    return written(await webhooks.delete(caller))


@router.post(
    "/test",
    summary="Try the webhook",
    responses=answers(WebhookTrial, "What came of it.") | refusals(404),
)
async def try_webhook(caller: WritingCaller, webhooks: Webhooks, _query: NoQueries) -> Answer:
    """Send a message without events, of type `ping`, and say what came of it."""
    return answer(WebhookTrial.of(await webhooks.test(caller)))


@router.post(
    "/secret",
    summary="Give the webhook another secret",
    responses=answers(WebhookSecret, "The id of the webhook and its new secret.") | refusals(404),
)
async def rotate_secret(caller: WritingCaller, webhooks: Webhooks, _query: NoQueries) -> Answer:
    """Sign with a new secret, shown this once, and for a day with the one before as well."""
    done = await webhooks.rotate(caller)
    assert done.secret is not None, "a rotation makes one"
    return answer(WebhookSecret(object_id=done.id, secret=done.secret))
