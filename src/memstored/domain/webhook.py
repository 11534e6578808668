"""A project's webhook: where its events are sent, how far that has come, and what an attempt changes.

Pure. `control.notifier` sends and records what is decided here; what callers may want of a webhook is in
`requests.webhook`. Events go out in the order in which they were written, in batches, at least once: the
place that is reached moves only when the receiver has confirmed everything before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from memstored.domain.model import EventDraft
from memstored.domain.words import EventName, Outcome, WebhookId

__all__ = [
    "BATCH_BYTES",
    "BATCH_EVENTS",
    "LONGEST_PAUSE",
    "OVERLAP",
    "Attempt",
    "Batch",
    "Disabled",
    "DisabledCode",
    "Failing",
    "Line",
    "Secret",
    "Verdict",
    "Webhook",
    "WebhookSurvey",
    "begun",
    "cut",
    "judged",
    "passed_over",
    "signing",
    "wait",
]

BATCH_EVENTS, BATCH_BYTES = 100, 256 * 1024
"""How many events go out together at most, and how long they may be; one alone may be longer."""
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 3600.0
"""Seconds to the second attempt, and at most between two of them, before chance shortens them."""
OVERLAP = 24 * 3600.0
"""Seconds for which the secret before still signs beside a new one."""


class DisabledCode(StrEnum):
    """Why nothing is sent."""

    BY_REQUEST = "by_request"
    GONE = "gone"
    FAILED_TOO_LONG = "failed_too_long"


class Verdict(StrEnum):
    """How an attempt ended: taken, refused (by a status), refused for good (410), without an answer, or not
    made, since the receiver's address may not be connected to.
    """

    DELIVERED = "delivered"
    REFUSED = "refused"
    GONE = "gone"
    UNREACHABLE = "unreachable"
    FORBIDDEN = "forbidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of sending something, in words for the owner; `status` is that of the answer, if any came.

    `asked_pause`: for so many seconds the receiver asked to be left alone (`Retry-After`).
    """

    verdict: Verdict
    message: str
    status: int | None = None
    asked_pause: float = 0.0
    seconds: float = 0.0

    @property
    def delivered(self) -> bool:
        """Whether the receiver has it."""
        return self.verdict is Verdict.DELIVERED


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """The receiver has not taken what is sent, `attempts` times in a row since then (seconds since 1970).

    `message` is about the last one. `next_try` is None when there will be none.
    """

    since: float
    attempts: int
    message: str
    next_try: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Disabled:
    """Nothing is sent since then (seconds since 1970). Events wait, and go out when it is enabled again."""

    code: DisabledCode
    message: str
    since: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """What messages are signed with: `whsec_` and 32 bytes in base64; until then, or until it is replaced."""

    value: str = field(repr=False)
    until: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Where a project's events go. No `event_names`: all of them do. Times are seconds since 1970.

    `position` is the sequence of the last event that is done with, `sending` that of the last one of a batch
    that was begun and is not confirmed: it is sent again as it was. The newest of the `secrets` comes first.
    """

    id: WebhookId
    project_id: str
    url: str
    event_names: tuple[EventName, ...]
    created_at: float
    updated_at: float
    secrets: tuple[Secret, ...]
    position: int = 0
    sending: int | None = None
    failing: Failing | None = None
    disabled: Disabled | None = None
    delivered_at: float | None = None
    revision: int = 0

    def wants(self, name: str) -> bool:
        """Whether events of that name are to be sent."""
        return not self.event_names or name in self.event_names


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSurvey:
    """How many webhooks there are by state, and since when the oldest event waits that is to be sent
    (seconds since 1970; None: none does). What waits until a webhook is enabled does not count.
    """

    by_state: Mapping[str, int]
    waiting_since: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An event as it goes out: its place in the order of writing, its time, and its JSON."""

    sequence: int
    id: str
    name: str
    time: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Events that go out together; with them, everything up to and including `upto` is done with."""

    upto: int
    lines: tuple[Line, ...]


def cut(webhook: Webhook, following: Sequence[Line]) -> Batch | None:
    """The next batch out of the events that follow the webhook's place; None: there are none.

    Without lines it only passes over what is not wanted. A batch that was begun comes out as it was, if
    the webhook is as it was.
    """
    taken: list[Line] = []
    room, upto = BATCH_BYTES, None
    for line in following:
        if webhook.sending is not None and line.sequence > webhook.sending:
            break
        if webhook.wants(line.name):
            room -= len(line.text.encode())
            if taken and (room < 0 or len(taken) == BATCH_EVENTS):
                break
            taken.append(line)
        upto = line.sequence
    return None if upto is None else Batch(upto=upto, lines=tuple(taken))


def begun(webhook: Webhook, batch: Batch) -> Webhook:
    """What is recorded before a batch is sent, so that the same one is sent again after a crash."""
    return replace(webhook, sending=batch.upto)


def passed_over(webhook: Webhook, batch: Batch) -> Webhook:
    """The webhook after events that it does not want."""
    return replace(webhook, position=batch.upto, sending=None)


def wait(webhook: Webhook, now: float) -> float:
    """Seconds until the next attempt may be made; 0: now.

    Never more than the longest pause, whatever somebody did to the clock.
    """
    if webhook.failing is None or webhook.failing.next_try is None:
        return 0.0
    return min(max(webhook.failing.next_try - now, 0.0), LONGEST_PAUSE)


def judged(
    webhook: Webhook, attempt: Attempt, now: float, *, chance: float, give_up_after: float
) -> tuple[Webhook, tuple[EventDraft, ...]]:
    """The webhook after an attempt to send its batch, and the event of its end if that is the end.

    `chance` (from 0 to 1) spreads the pauses, so that receivers that failed together are not tried together.
    """
    if attempt.delivered:
        assert webhook.sending is not None, "a batch is begun before it is sent"
        done = replace(webhook, position=webhook.sending, sending=None, failing=None, delivered_at=now)
        return done, ()
    attempts = webhook.failing.attempts + 1 if webhook.failing else 1
    failing = Failing(
        since=webhook.failing.since if webhook.failing else now,
        attempts=attempts,
        message=attempt.message,
        next_try=now + _pause(attempts, attempt, chance),
    )
    end = _end(failing, attempt, now, give_up_after)
    if end is None:
        return replace(webhook, failing=failing), ()
    event = EventDraft(name=EventName.WEBHOOK_DISABLED, message=end.message, outcome=Outcome.FAILURE)
    return replace(webhook, failing=replace(failing, next_try=None), disabled=end), (event,)


def _pause(attempts: int, attempt: Attempt, chance: float) -> float:
    """Twice as long each time, half of it left to chance; longer where the receiver asked for it."""
    longest = min(FIRST_PAUSE * 2.0 ** min(attempts - 1, 20), LONGEST_PAUSE)
    return max(longest * (1 + chance) / 2, min(attempt.asked_pause, LONGEST_PAUSE))


def _end(failing: Failing, attempt: Attempt, now: float, give_up_after: float) -> Disabled | None:
    if attempt.verdict is Verdict.GONE:
        message = "The receiver answered 410 Gone: it wants no more. Enable the webhook when it does again."
        return Disabled(code=DisabledCode.GONE, message=message, since=now)
    if now - failing.since >= give_up_after:
        message = (
            f"All {failing.attempts} attempts of the last {now - failing.since:.0f} s failed. "
            f"{failing.message} Enable the webhook when the receiver works; the events wait."
        )
        return Disabled(code=DisabledCode.FAILED_TOO_LONG, message=message, since=now)
    return None


def signing(webhook: Webhook, now: float) -> tuple[Secret, ...]:
    """The secrets that sign now, the newest first."""
    return tuple(it for it in webhook.secrets if it.until is None or now < it.until)
