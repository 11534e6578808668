"""What callers may want of their project's webhook; URLs as a whole are in the contract tests."""

from dataclasses import replace

import pytest

from memstored.domain.destinations import Destinations
from memstored.domain.errors import InvalidRequest
from memstored.domain.requests.change import Call
from memstored.domain.requests.webhook import WebhookWishes, check, create, host_of, revise, rotate
from memstored.domain.webhook import Disabled, DisabledCode, Failing
from memstored.domain.words import EventName, WebhookId

NOW, DAY = 1_750_000_000.0, 24 * 3600.0
CALL = Call(actor="mia", request_id="r", at=NOW)
LATER = Call(actor="mia", request_id="r", at=NOW + 60)
WISHES = WebhookWishes(url="https://receiver.example/secret-path", event_names=("Cluster Failover",))
MADE = create(WISHES, CALL, webhook_id=WebhookId("hook"), project_id="p", secret="whsec_1").after
FAILING = Failing(since=NOW, attempts=7, message="It gave no answer.", next_try=NOW + 900)


def test_a_new_one_is_as_wished_for() -> None:
    """Enabled, or paused from the first moment."""
    paused = create(
        replace(WISHES, enabled=False), CALL, webhook_id=WebhookId("hook"), project_id="p", secret="s"
    )

    assert (MADE.event_names, MADE.disabled) == ((EventName.FAILOVER,), None)
    assert paused.after.disabled is not None
    assert paused.after.disabled.code is DisabledCode.BY_REQUEST
    assert [(it.name, it.actor) for it in paused.events] == [(EventName.WEBHOOK_CREATE, "mia")]


def test_any_change_forgets_how_it_failed() -> None:
    """Another receiver, or one that was repaired, begins anew; the place stays."""
    ended = Disabled(code=DisabledCode.GONE, message="", since=NOW)
    failed = replace(MADE, failing=FAILING, disabled=ended, position=9, sending=12)

    enabled = revise(failed, WISHES, LATER)

    assert (enabled.after.failing, enabled.after.disabled) == (None, None)
    assert (enabled.after.position, enabled.after.sending, enabled.after.updated_at) == (9, 12, NOW + 60)
    assert [it.name for it in enabled.events] == [EventName.WEBHOOK_UPDATE]


def test_the_same_again_is_tried_now() -> None:
    """Without an event, and without another three days."""
    again = revise(replace(MADE, failing=FAILING), WISHES, LATER)

    assert again.after.failing == replace(FAILING, next_try=NOW + 60)
    assert again.events == ()
    assert revise(MADE, WISHES, LATER).after == MADE


def test_why_it_ended_stays_while_it_is_not_enabled() -> None:
    """Whatever else is changed of it."""
    ended = Disabled(code=DisabledCode.GONE, message="", since=NOW)

    change = revise(replace(MADE, disabled=ended), replace(WISHES, enabled=False, event_names=()), LATER)

    assert change.after.disabled == ended


def test_two_secrets_sign_and_never_more() -> None:
    """Rotating twice ends the first at once."""
    second = rotate(MADE, CALL, "whsec_2").after
    third = rotate(second, LATER, "whsec_3").after

    assert [(it.value, it.until) for it in second.secrets] == [("whsec_2", None), ("whsec_1", NOW + DAY)]
    assert [(it.value, it.until) for it in third.secrets] == [("whsec_3", None), ("whsec_2", NOW + 60 + DAY)]


def test_events_show_the_host_alone() -> None:
    """The rest of a URL may be all that its receiver asks for."""
    told = [*create(WISHES, CALL, webhook_id=WebhookId("h"), project_id="p", secret="whsec_1").events]
    told += revise(MADE, replace(WISHES, enabled=False), CALL).events
    told += rotate(MADE, CALL, "whsec_2").events

    assert host_of(MADE.url) == "receiver.example"
    assert not [it for it in told if "path" in it.message or "whsec" in it.message]


def test_http_is_for_operators_who_say_so() -> None:
    """And addresses that are not public, too."""
    plain = WebhookWishes(url="http://10.1.2.3:8080/")
    some = Destinations.of(allow=["10.1.0.0/16"], inner=(), http=True)

    check(plain, some)
    with pytest.raises(InvalidRequest):
        check(plain, replace(some, http=False))
    with pytest.raises(InvalidRequest):
        check(replace(plain, url="http://10.2.0.1/"), some)
