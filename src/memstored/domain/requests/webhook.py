"""What callers may want of their project's webhook (API.md 12)."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import SplitResult, urlsplit

from memstored.domain.destinations import Destinations
from memstored.domain.errors import Detail, NotFound
from memstored.domain.model import EventDraft
from memstored.domain.requests.change import Call, event, refusal
from memstored.domain.webhook import OVERLAP, Disabled, DisabledCode, Failing, Secret, Webhook
from memstored.domain.words import EventName, WebhookId

__all__ = [
    "WebhookChange",
    "WebhookWishes",
    "check",
    "create",
    "host_of",
    "remove",
    "revise",
    "rotate",
    "webhook_unknown",
]

_LABELS = re.compile(r"(?!.*\.\.)[A-Za-z0-9_-][A-Za-z0-9._-]{0,252}")
_LABEL = 63
"""Characters of a part of a name, as DNS has it."""
_PAUSED = "Its owner disabled it; enable it, and the events that wait go out."


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookWishes:
    """Where events are to go, and which; no `event_names`: all of them."""

    url: str
    event_names: tuple[str, ...] = ()
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookChange:
    """The webhook as it will be, and the audit lines to write with it."""

    after: Webhook
    events: tuple[EventDraft, ...] = ()


def webhook_unknown() -> NotFound:
    """The refusal while the project has none."""
    return NotFound("This project has no webhook; make one with PUT /v1/webhook.", code="webhook_unknown")


def check(wishes: WebhookWishes, destinations: Destinations) -> None:
    """Raise `InvalidRequest` with everything that is wrong."""
    faults = [*_url_faults(wishes.url, destinations), *_name_faults(wishes.event_names)]
    if faults:
        raise refusal(faults)


def host_of(url: str) -> str:
    """The host of a URL that was checked: all of it that events and logs show, for the rest may be secret."""
    return urlsplit(url).hostname or ""


def _url_faults(url: str, destinations: Destinations) -> Iterator[Detail]:
    parts = _parts(url)
    if parts is None:
        message = "Give a URL like https://example.com/events: ASCII, without user, password and fragment."
        yield Detail("url", "malformed", message)
    elif parts.scheme == "http" and not destinations.http:
        yield Detail("url", "url_without_tls", "Give a URL that begins with https://.")
    elif not destinations.admit_host(parts.hostname or ""):
        message = "Give the URL of a public receiver; this service does not connect to that address."
        yield Detail("url", "address_not_allowed", message)


def _parts(url: str) -> SplitResult | None:
    """The parts of a URL that events may be sent to, wherever that is; None when it is none."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        sound = parts.port != 0
    except ValueError:
        return None
    sound = sound and parts.scheme in ("http", "https") and "@" not in parts.netloc and "#" not in url
    return parts if sound and _host(parts) else None


def _host(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    if ":" in host:
        return parts.netloc.startswith("[") and "%" not in host
    return bool(_LABELS.fullmatch(host)) and all(len(label) <= _LABEL for label in host.split("."))


def _name_faults(names: Sequence[str]) -> Iterator[Detail]:
    known = {name.value for name in EventName}
    for index, name in enumerate(names):
        field = f"eventNames[{index}]"
        if name not in known:
            yield Detail(field, "unknown_event_name", "Give the name of an event as GET /v1/events shows it.")
        elif name in names[:index]:
            yield Detail(field, "duplicate", "Name each event once.")


def create(
    wishes: WebhookWishes, call: Call, *, webhook_id: WebhookId, project_id: str, secret: str
) -> WebhookChange:
    """A new webhook out of wishes that were checked."""
    made = Webhook(
        id=webhook_id,
        project_id=project_id,
        url=wishes.url,
        event_names=_names(wishes),
        created_at=call.at,
        updated_at=call.at,
        secrets=(Secret(value=secret),),
        disabled=None if wishes.enabled else _paused(call),
    )
    return WebhookChange(
        after=made,
        events=(event(EventName.WEBHOOK_CREATE, call, f"Events go to {host_of(made.url)} from now on."),),
    )


def revise(webhook: Webhook, wishes: WebhookWishes, call: Call) -> WebhookChange:
    """The webhook as wished for, by wishes that were checked.

    What is so already is no change, but who asks again has what waits tried at once. Any change forgets how
    it failed. What ended it, or paused it before, stays while it is not enabled.
    """
    disabled = None if wishes.enabled else webhook.disabled or _paused(call)
    wanted = replace(webhook, url=wishes.url, event_names=_names(wishes), disabled=disabled)
    if wanted == webhook:
        return WebhookChange(after=replace(webhook, failing=_due(webhook, call)))
    after = replace(wanted, failing=None, updated_at=call.at)
    words = "enabled" if disabled is None else "disabled"
    message = f"Events go to {host_of(after.url)}; the webhook is {words}."
    return WebhookChange(after=after, events=(event(EventName.WEBHOOK_UPDATE, call, message),))


def rotate(webhook: Webhook, call: Call, secret: str) -> WebhookChange:
    """The webhook with another secret. The one before signs beside it for a day, any older one no more."""
    former = replace(webhook.secrets[0], until=call.at + OVERLAP)
    after = replace(webhook, secrets=(Secret(value=secret), former), updated_at=call.at)
    message = "Messages are signed with a new secret, and for a day with the one before as well."
    return WebhookChange(after=after, events=(event(EventName.WEBHOOK_ROTATE, call, message),))


def remove(webhook: Webhook, call: Call) -> tuple[EventDraft, ...]:
    """The audit line of its end."""
    message = f"Events do not go to {host_of(webhook.url)} any more."
    return (event(EventName.WEBHOOK_DELETE, call, message),)


def _names(wishes: WebhookWishes) -> tuple[EventName, ...]:
    return tuple(EventName(name) for name in wishes.event_names)


def _due(webhook: Webhook, call: Call) -> Failing | None:
    """How it fails, with the next try made now; one that is disabled has none."""
    failing = webhook.failing
    if failing is None or failing.next_try is None:
        return failing
    return replace(failing, next_try=min(failing.next_try, call.at))


def _paused(call: Call) -> Disabled:
    return Disabled(code=DisabledCode.BY_REQUEST, message=_PAUSED, since=call.at)
