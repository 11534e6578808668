"""Shapes of the webhook routes (API.md 12)."""

from typing import Annotated, Self

from pydantic import Field

from memstored.api.schemas.forms import Document, Form
from memstored.api.schemas.times import in_milliseconds, in_seconds
from memstored.domain.requests.webhook import WebhookWishes
from memstored.domain.webhook import Attempt, Disabled, DisabledCode, Failing, Secret
from memstored.service.webhooks import WebhookView

__all__ = ["PutWebhook", "WebhookDocument", "WebhookSecret", "WebhookTrial"]


class PutWebhook(Form):
    """Where events are to go. Without `eventNames` all of them do."""

    url: Annotated[
        str,
        Field(
            min_length=1,
            max_length=2048,
            description="Give a URL like https://example.com/events of at most 2048 characters.",
            examples=["https://example.com/events"],
        ),
    ]
    event_names: Annotated[
        list[str],
        Field(
            max_length=100,
            description="Give an array of events' names; none for all.",
            examples=[["Cluster Failover", "Cluster Node Down"]],
        ),
    ] = Field(default_factory=list)
    enabled: Annotated[bool, Field(description="Give true or false; false: events wait.")] = True

    def wishes(self) -> WebhookWishes:
        """The wishes in the words of the domain."""
        return WebhookWishes(url=self.url, event_names=tuple(self.event_names), enabled=self.enabled)


class WebhookSecret(Document):
    """A webhook and its new secret, which is shown this once."""

    object_id: str
    secret: Annotated[str, Field(examples=["whsec_…"])]


class FailingRow(Document):
    """Since when the receiver takes nothing, and when it is tried again; null: it is not."""

    since: str
    attempts: int
    message: str
    next_try: str | None

    @classmethod
    def of(cls, failing: Failing) -> Self:
        """In the words of the API."""
        return cls(
            since=in_seconds(failing.since),
            attempts=failing.attempts,
            message=failing.message,
            next_try=None if failing.next_try is None else in_seconds(failing.next_try),
        )


class DisabledRow(Document):
    """Why nothing is sent, and since when."""

    code: DisabledCode
    message: str
    since: str

    @classmethod
    def of(cls, disabled: Disabled) -> Self:
        """In the words of the API."""
        return cls(code=disabled.code, message=disabled.message, since=in_seconds(disabled.since))


class SecretRow(Document):
    """A secret that signs messages, without itself. The newest never expires."""

    expires_at: str | None

    @classmethod
    def of(cls, secret: Secret) -> Self:
        """In the words of the API."""
        return cls(expires_at=None if secret.until is None else in_seconds(secret.until))


class WebhookDocument(Document):
    """A project's webhook. `waiting` counts events that are to be sent, up to 10000.

    `failing` is null while the receiver takes what is sent, `disabled` exactly while `enabled` is true.
    """

    id: str
    project_id: str
    url: str
    event_names: list[str]
    enabled: bool
    waiting: int
    last_delivered_at: str | None
    failing: FailingRow | None
    disabled: DisabledRow | None
    secrets: list[SecretRow]
    created_at: str
    updated_at: str

    @classmethod
    def of(cls, view: WebhookView) -> Self:
        """The webhook in the words of the API."""
        it = view.webhook
        return cls(
            id=it.id,
            project_id=it.project_id,
            url=it.url,
            event_names=list(it.event_names),
            enabled=it.disabled is None,
            waiting=view.waiting,
            last_delivered_at=None if it.delivered_at is None else in_milliseconds(it.delivered_at),
            failing=FailingRow.of(it.failing) if it.failing else None,
            disabled=DisabledRow.of(it.disabled) if it.disabled else None,
            secrets=[SecretRow.of(secret) for secret in view.signing],
            created_at=in_seconds(it.created_at),
            updated_at=in_seconds(it.updated_at),
        )


class WebhookTrial(Document):
    """What came of a test: the status of the answer, null when there was none, after so many milliseconds."""

    delivered: bool
    status: int | None
    milliseconds: int
    message: str

    @classmethod
    def of(cls, attempt: Attempt) -> Self:
        """In the words of the API."""
        return cls(
            delivered=attempt.delivered,
            status=attempt.status,
            milliseconds=round(attempt.seconds * 1000),
            message=attempt.message,
        )
