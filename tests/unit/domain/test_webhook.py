"""What becomes of a webhook: batches, attempts, pauses, its end. Time is a number."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memstored.domain.webhook import (
    BATCH_BYTES,
    BATCH_EVENTS,
    LONGEST_PAUSE,
    Attempt,
    DisabledCode,
    Failing,
    Line,
    Secret,
    Verdict,
    Webhook,
    begun,
    cut,
    judged,
    passed_over,
    signing,
    wait,
)
from memstored.domain.words import EventName, WebhookId

NOW, DAY = 1_750_000_000.0, 24 * 3600.0
GIVE_UP = 3 * DAY
HOOK = Webhook(
    id=WebhookId("hook"),
    project_id="project",
    url="https://receiver.example/",
    event_names=(),
    created_at=NOW,
    updated_at=NOW,
    secrets=(Secret(value="whsec_new"), Secret(value="whsec_old", until=NOW + DAY)),
    position=10,
)
TAKEN = Attempt(verdict=Verdict.DELIVERED, status=200, message="It answered 200.")
SILENT = Attempt(verdict=Verdict.UNREACHABLE, message="It gave no answer.")
GONE = Attempt(verdict=Verdict.GONE, status=410, message="It answered 410.")


def line(sequence: int, name: str = EventName.FAILOVER, size: int = 10) -> Line:
    """An event of that many bytes."""
    return Line(sequence=sequence, id=f"event-{sequence}", name=name, time=NOW, text="x" * size)


def lines(*sequences: int, size: int = 10) -> list[Line]:
    """Events that are alike."""
    return [line(sequence, size=size) for sequence in sequences]


def attempted(webhook: Webhook, attempt: Attempt, now: float, chance: float = 1.0) -> Webhook:
    """The webhook after an attempt."""
    return judged(webhook, attempt, now, chance=chance, give_up_after=GIVE_UP)[0]


def test_nothing_new_is_no_batch() -> None:
    """So there is nothing to send."""
    assert cut(HOOK, []) is None


def test_a_batch_is_bounded_by_number() -> None:
    """The rest comes next."""
    batch = cut(HOOK, lines(*range(11, 12 + BATCH_EVENTS)))

    assert batch is not None
    assert (len(batch.lines), batch.upto) == (BATCH_EVENTS, 10 + BATCH_EVENTS)


def test_a_batch_is_bounded_by_bytes() -> None:
    """But an event that is too long alone goes out alone: nothing is ever stuck."""
    two = cut(HOOK, lines(11, 12, 13, size=BATCH_BYTES // 2))
    one = cut(HOOK, lines(11, 12, size=BATCH_BYTES + 1))

    assert two is not None
    assert one is not None
    assert (two.upto, one.upto) == (12, 11)


def test_what_is_not_wanted_is_passed_over() -> None:
    """With what goes out, and also where nothing does."""
    picky = replace(HOOK, event_names=(EventName.FAILOVER,))
    rest = [line(13, EventName.UPDATE), line(14, EventName.UPDATE)]

    some = cut(picky, [line(11, EventName.UPDATE), line(12), *rest])
    none = cut(picky, rest)

    assert some is not None
    assert ([it.sequence for it in some.lines], some.upto) == ([12], 14)
    assert none is not None
    assert none.lines == ()
    assert passed_over(picky, none).position == 14


def test_a_batch_that_was_begun_is_sent_again_as_it_was() -> None:
    """What came meanwhile waits, so that the receiver can tell by the message's id that it has it."""
    first = cut(HOOK, lines(11, 12))
    assert first is not None

    again = cut(begun(HOOK, first), lines(11, 12, 13))

    assert again == first


def test_what_is_taken_is_done_with() -> None:
    """The next batch begins after it, and nothing is failing any more."""
    failing = Failing(since=NOW, attempts=3, message="", next_try=NOW)
    after = attempted(replace(HOOK, sending=12, failing=failing), TAKEN, NOW + 5)

    assert (after.position, after.sending, after.failing, after.delivered_at) == (12, None, None, NOW + 5)


@pytest.mark.parametrize("verdict", [Verdict.REFUSED, Verdict.UNREACHABLE, Verdict.FORBIDDEN])
def test_what_is_not_taken_stays(verdict: Verdict) -> None:
    """With why, and when it is tried again."""
    attempt = Attempt(verdict=verdict, message="It did not.")

    after = attempted(replace(HOOK, sending=12), attempt, NOW)

    assert (after.position, after.sending, after.disabled) == (10, 12, None)
    assert after.failing == Failing(since=NOW, attempts=1, message="It did not.", next_try=NOW + 5)


def test_pauses_grow_up_to_an_hour_and_differ() -> None:
    """Chance takes up to half of each."""
    webhook, longest, shortest = replace(HOOK, sending=12), [], []
    for _ in range(14):
        webhook = attempted(webhook, SILENT, NOW)
        longest.append(wait(webhook, NOW))
        shortest.append(wait(attempted(webhook, SILENT, NOW, chance=0.0), NOW))

    assert longest[:4] == [5, 10, 20, 40]
    assert longest[-1] == LONGEST_PAUSE
    assert shortest[-1] == LONGEST_PAUSE / 2


@pytest.mark.parametrize(("asked", "pause"), [(0.0, 5), (3.0, 5), (90.0, 90), (DAY, LONGEST_PAUSE)])
def test_a_receiver_may_ask_for_a_longer_pause(asked: float, pause: float) -> None:
    """For none that is longer than the longest, so that it is given up in time; a shorter one counts not."""
    overloaded = Attempt(verdict=Verdict.REFUSED, status=503, message="It answered 503.", asked_pause=asked)

    assert wait(attempted(replace(HOOK, sending=12), overloaded, NOW), NOW) == pause


def test_a_receiver_that_never_answers_is_given_up_after_three_days() -> None:
    """Hour by hour until then; it is said why, since when, and that the events wait."""
    webhook, now, tries = replace(HOOK, sending=12), NOW, 0
    while webhook.disabled is None:
        now += wait(webhook, now)
        webhook, events = judged(webhook, SILENT, now, chance=0.5, give_up_after=GIVE_UP)
        tries += 1
        assert tries < 1000

    assert GIVE_UP <= now - NOW <= GIVE_UP + LONGEST_PAUSE
    assert 72 <= tries <= 200
    assert webhook.disabled.code is DisabledCode.FAILED_TOO_LONG
    assert "It gave no answer." in webhook.disabled.message
    assert webhook.failing is not None
    assert (webhook.failing.since, webhook.failing.next_try) == (NOW, None)
    assert (webhook.position, webhook.sending) == (10, 12)
    assert [(it.name, it.outcome.value) for it in events] == [(EventName.WEBHOOK_DISABLED, "failure")]


def test_one_answer_in_time_begins_the_count_anew() -> None:
    """Two days of silence, twice, are no three."""
    webhook = attempted(replace(HOOK, sending=12), SILENT, NOW)
    webhook = attempted(webhook, TAKEN, NOW + 2 * DAY)
    webhook = attempted(replace(webhook, sending=13), SILENT, NOW + 2 * DAY)
    webhook = attempted(webhook, SILENT, NOW + 4 * DAY)

    assert webhook.disabled is None


def test_gone_is_the_end_at_once() -> None:
    """The receiver says that it wants no more."""
    after, events = judged(replace(HOOK, sending=12), GONE, NOW, chance=0.5, give_up_after=GIVE_UP)

    assert after.disabled is not None
    assert (after.disabled.code, after.disabled.since) == (DisabledCode.GONE, NOW)
    assert [it.name for it in events] == [EventName.WEBHOOK_DISABLED]


def test_a_clock_that_was_set_back_holds_up_nothing_for_long() -> None:
    """An hour at most, whatever the next try was to be."""
    webhook = attempted(replace(HOOK, sending=12), SILENT, NOW + 365 * DAY)

    assert wait(webhook, NOW) == LONGEST_PAUSE


def test_both_secrets_sign_until_the_former_ends() -> None:
    """The newest first."""
    during, after = signing(HOOK, NOW), signing(HOOK, NOW + DAY)

    assert [it.value for it in during] == ["whsec_new", "whsec_old"]
    assert [it.value for it in after] == ["whsec_new"]


def test_a_secret_is_in_no_representation() -> None:
    """Whatever is logged of a webhook by mistake."""
    assert "whsec_" not in repr(HOOK)


@given(
    wanted=st.lists(st.booleans(), max_size=300),
    outcomes=st.lists(st.sampled_from(["taken", "lost", "failed", "crashed"]), max_size=60),
    sizes=st.integers(min_value=1, max_value=BATCH_BYTES),
)
def test_every_wanted_event_arrives_in_order(wanted: list[bool], outcomes: list[str], sizes: int) -> None:
    """Whatever happens to attempts: nothing is missing, nothing overtakes, and what comes again is the same
    message as before.
    """
    webhook = replace(HOOK, event_names=(EventName.FAILOVER,), position=0)
    names = [EventName.FAILOVER if want else EventName.UPDATE for want in wanted]
    store = [line(n, name, sizes) for n, name in enumerate(names, start=1)]
    received: list[tuple[int, ...]] = []
    visible = 0
    for outcome in [*outcomes, *["taken"] * 400]:
        visible = min(visible + 7, len(store))
        batch = cut(webhook, [it for it in store[:visible] if it.sequence > webhook.position])
        if batch is None:
            continue
        if not batch.lines:
            webhook = passed_over(webhook, batch)
            continue
        webhook = begun(webhook, batch)
        sent = tuple(it.sequence for it in batch.lines)
        if outcome in ("taken", "lost"):
            received += [sent] if not received or received[-1] != sent else []
        if outcome != "crashed":
            verdict = TAKEN if outcome == "taken" else SILENT
            webhook = replace(attempted(webhook, verdict, NOW), disabled=None)

    assert [it for batch in received for it in batch] == [
        it.sequence for it in store if it.name == EventName.FAILOVER
    ]
