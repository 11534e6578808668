"""Calls about the project's webhook (API.md 12)."""

from collections.abc import Sequence

from memstored.client.calls.reading import get, object_id, one, removal
from memstored.client.models import Webhook, WebhookTrial, WrittenWebhook
from memstored.client.wire import Call, Reply, Request, path

__all__ = ["delete_webhook", "put_webhook", "rotate_webhook_secret", "show_webhook", "test_webhook"]


def show_webhook() -> Call[Webhook]:
    """Where the project's events go, and how far that is."""
    return get(path("webhook"), one(Webhook))


def put_webhook(url: str, *, event_names: Sequence[str] = (), enabled: bool = True) -> Call[WrittenWebhook]:
    """Send events to that URL from now on; no `event_names`: all. Whatever is not given is as by default.

    Not repeated by itself: the secret of a new one would be lost with the first answer.
    """
    body = {"url": url, "eventNames": list(event_names), "enabled": enabled}
    request = Request(method="PUT", url=path("webhook"), body=body)
    return Call(request=request, read=_written, harmless=False)


def test_webhook() -> Call[WebhookTrial]:
    """Send a message without events, and return what came of it."""
    request = Request(method="POST", url=path("webhook", "test"), body={})
    return Call(request=request, read=one(WebhookTrial), harmless=False)


def rotate_webhook_secret() -> Call[WrittenWebhook]:
    """Sign with another secret, and for a day with the one before as well."""
    request = Request(method="POST", url=path("webhook", "secret"), body={})
    return Call(request=request, read=_written, harmless=False)


def delete_webhook() -> Call[str]:
    """Send events nowhere any more."""
    return removal(path("webhook"), "")


def _written(reply: Reply) -> WrittenWebhook:
    return WrittenWebhook(object_id=object_id(reply), secret=reply.json().get("secret"))
