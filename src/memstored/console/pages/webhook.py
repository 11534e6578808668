"""The project's webhook: where events are sent, how that goes, and a try of it (API.md 12).

A secret is shown once: on the answer that made it.
"""

from starlette.responses import Response

from memstored.api.body import without_nulls
from memstored.api.reading import read_whole
from memstored.api.schemas.webhooks import PutWebhook
from memstored.console.forms import NOTHING_REFUSED, Refusal, refusal_of
from memstored.console.group import PageGroup
from memstored.console.languages import english
from memstored.console.pages.project import group as project
from memstored.console.visit import Visit
from memstored.domain.errors import Conflict, Fault, InvalidRequest, NotFound
from memstored.domain.webhook import Attempt
from memstored.domain.words import EventName
from memstored.service.webhooks import COUNTED, WebhookView, Written

__all__ = ["group"]

group = PageGroup(
    within=project,
    notices={
        "webhook_changed": english("The webhook is as you wished."),
        "webhook_deleted": english("The webhook is deleted. Events go nowhere any more."),
    },
)


_CHANGED = Refusal(
    status=409,
    message=english(
        "Somebody changed the webhook in between. It is shown as it is now; the form has what you filled in."
    ),
)


@group.get("/webhook", name="webhook")
async def show_webhook(visit: Visit) -> Response:
    """Where events go, how far that is, and what is wrong if something is."""
    return await _show(visit)


async def _show(
    visit: Visit,
    refusal: Refusal = NOTHING_REFUSED,
    *,
    seen: str | None = None,
    attempt: Attempt | None = None,
) -> Response:
    """`seen`: of when the webhook is that the form was filled in by, if that was not the present one."""
    return visit.page(
        "webhook/webhook.html",
        status=refusal.status,
        refusal=refusal,
        view=await _view(visit),
        seen=seen,
        names=tuple(EventName),
        counted=COUNTED,
        attempt=attempt,
    )


async def _view(visit: Visit) -> WebhookView | None:
    try:
        return await visit.services.webhooks.show(visit.caller)
    except NotFound:
        return None


@group.post("/webhook", name="put_webhook", fields=("url", "eventNames", "enabled", "updatedAt"))
async def put_webhook(visit: Visit) -> Response:
    """Make the webhook, and show its secret this once; or make it as it is wished for."""
    posted = visit.posted
    seen = posted.text("updatedAt") or ""
    document = {
        "url": posted.text("url"),
        "eventNames": posted.all("eventNames"),
        "enabled": posted.checked("enabled"),
    }
    try:
        wishes = read_whole(PutWebhook, without_nulls(document)).wishes()
        done = await visit.services.webhooks.put(visit.caller, wishes, seen=seen)
    except Conflict:
        return await _show(visit, _CHANGED)
    except Fault as fault:
        return await _show(visit, refusal_of(fault), seen=seen)
    if done.secret is None:
        return visit.redirect("webhook", notice="webhook_changed")
    return _made(visit, done)


@group.post("/webhook/secret", name="rotate_webhook_secret", fields=("updatedAt",))
async def rotate_secret(visit: Visit) -> Response:
    """Sign with another secret, and show it this once."""
    seen = visit.posted.text("updatedAt") or ""
    return _made(visit, await visit.services.webhooks.rotate(visit.caller, seen=seen))


def _made(visit: Visit, done: Written) -> Response:
    return visit.page("webhook/made.html", status=201, secret=done.secret)


@group.post("/webhook/test", name="test_webhook")
async def try_webhook(visit: Visit) -> Response:
    """Send a message without events now, and show what came of it."""
    try:
        attempt = await visit.services.webhooks.test(visit.caller)
    except InvalidRequest as fault:
        return await _show(visit, refusal_of(fault))
    return await _show(visit, attempt=attempt)


@group.post("/webhook/delete", name="delete_webhook")
async def delete_webhook(visit: Visit) -> Response:
    """End it, with the events that wait."""
    await visit.services.webhooks.delete(visit.caller)
    return visit.redirect("webhook", notice="webhook_deleted")
