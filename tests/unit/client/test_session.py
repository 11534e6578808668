"""Tokens come by themselves, harmless calls are repeated, all others never: no server, no time passes."""

import pytest
from played import LOST, UNSENT, issued, refused, reply, scene, tokens

from memstored.client.calls import backups, sets
from memstored.client.errors import (
    ApiFault,
    Busy,
    CannotBeMet,
    Conflict,
    Detail,
    Forbidden,
    InvalidRequest,
    NotFound,
    ServiceFault,
    TooLarge,
    Unauthorized,
    Unavailable,
    Unreachable,
    UnreadableAnswer,
)
from memstored.client.session import Access, refusal
from memstored.client.wire import Call, Reply

DONE = reply({"objectId": "s1"})
PASSING = refused(500, "store_unavailable", retry_after="2")


def test_the_first_call_fetches_a_token() -> None:
    """With the credential; the calls after it use the same one."""
    player, session = scene(issued("t1"), DONE, DONE, credential=True)

    player.play(session.perform(sets.delete_set("s1")))
    player.play(session.perform(sets.delete_set("s1")))

    assert tokens(player.asked) == [None, "t1", "t1"]
    assert player.asked[0].url == "http://service/identity/v3/auth/tokens"


def test_a_token_that_is_not_taken_any_more_is_renewed() -> None:
    """The call is sent again, also one that may be sent once only: 401 comes before all else (API.md 1)."""
    player, session = scene(
        issued("t1"), refused(401, "not_authenticated"), issued("t2"), DONE, credential=True, tries=1
    )

    done = player.play(session.perform(backups.create_backup("s1", "nightly")))

    assert done == "s1"
    assert tokens(player.asked) == [None, "t1", None, "t2"]


def test_a_fresh_token_that_is_not_taken_either_is_the_end() -> None:
    """So a credential without rights does not go round in circles."""
    no = refused(401, "not_authenticated")
    player, session = scene(issued("t1"), no, issued("t2"), no, credential=True)

    with pytest.raises(Unauthorized):
        player.play(session.perform(sets.show_set("s1")))

    assert player.replies == []


def test_without_a_credential_a_token_ends() -> None:
    """There is nothing to fetch another one with."""
    player, session = scene(refused(401, "not_authenticated"))

    with pytest.raises(Unauthorized):
        player.play(session.perform(sets.show_set("s1")))


@pytest.mark.parametrize("trouble", [LOST, UNSENT, PASSING], ids=["lost", "unsent", "passing"])
@pytest.mark.parametrize(
    "call",
    [sets.delete_set("s1"), sets.switch_recovery("s1", enabled=True), backups.verify_backup("b1")],
    ids=["delete", "recovery", "verify"],
)
def test_what_is_harmless_is_repeated(call: Call[str], trouble: Reply) -> None:
    """As often as the patience says, with pauses that grow."""
    player, session = scene(trouble, trouble, DONE)

    done = player.play(session.perform(call))

    assert done == "s1"
    assert player.pauses == ([2.0, 2.0] if trouble is PASSING else [1.0, 2.0])


@pytest.mark.parametrize("trouble", [LOST, PASSING], ids=["lost", "passing"])
@pytest.mark.parametrize(
    "call",
    [
        backups.create_backup("s1", "nightly"),
        sets.add_replica("s1", "n1"),
        sets.promote_replica("s1", "i2"),
        sets.update_set("s1", description="new"),
    ],
    ids=["backup", "replica", "promote", "update"],
)
def test_what_may_have_begun_is_not_repeated(call: Call[str], trouble: Reply) -> None:
    """A backup that was asked for once is not made twice."""
    player, session = scene(trouble, DONE)

    with pytest.raises((Unreachable, Unavailable)):
        player.play(session.perform(call))

    assert (len(player.asked), player.pauses) == (1, [])


def test_what_can_not_have_begun_is_repeated() -> None:
    """Nobody took the connection, so nothing was ordered yet."""
    player, session = scene(UNSENT, UNSENT, DONE)

    assert player.play(session.perform(backups.create_backup("s1", "nightly"))) == "s1"


def test_the_patience_ends() -> None:
    """With what was wrong the last time."""
    player, session = scene(LOST, LOST, UNSENT)

    with pytest.raises(Unreachable, match="Nobody listens"):
        player.play(session.perform(sets.show_set("s1")))

    assert len(player.pauses) == 2


def test_a_fault_that_does_not_say_when_it_passes_is_not_repeated() -> None:
    """What broke in the service would break again."""
    player, session = scene(refused(500, "internal_error"))

    with pytest.raises(ServiceFault) as fault:
        player.play(session.perform(sets.show_set("s1")))

    assert not isinstance(fault.value, Unavailable)


def test_pauses_are_random_and_not_endless() -> None:
    """Many callers who lost the service at once do not come back at once; no service makes them wait long."""
    player, session = scene(LOST, LOST, refused(503, "away", retry_after="3600"), DONE, tries=4, chance=0.25)

    player.play(session.perform(sets.delete_set("s1")))

    assert player.pauses == [0.25, 0.5, 10.0]


def test_a_deletion_whose_answer_was_lost_has_been_done() -> None:
    """Asked again, the service knows of nothing: that is what was wanted."""
    player, session = scene(LOST, refused(404, "backup_unknown"))

    assert player.play(session.perform(backups.delete_backup("b1"))) == "b1"


def test_a_deletion_of_nothing_is_refused() -> None:
    """When it was never begun before, there never was such a thing."""
    player, session = scene(UNSENT, refused(404, "backup_unknown"))

    with pytest.raises(NotFound):
        player.play(session.perform(backups.delete_backup("b1")))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "out_of_range", InvalidRequest),
        (400, "set_busy", Busy),
        (400, "set_healing", Busy),
        (400, "backup_under_way", Busy),
        (401, "not_authenticated", Unauthorized),
        (403, "no_role", Forbidden),
        (404, "instance_set_unknown", NotFound),
        (409, "name_in_use", Conflict),
        (413, "body_too_large", TooLarge),
        (422, "unknown_flavor", CannotBeMet),
        (431, "headers_too_large", TooLarge),
        (405, "method_not_allowed", ApiFault),
        (500, "internal_error", ServiceFault),
        (502, "bad_gateway", Unavailable),
    ],
)
def test_a_refusal_has_the_class_of_its_status(status: int, code: str, kind: type[ApiFault]) -> None:
    """And of its code, where that tells more."""
    assert type(refusal(refused(status, code))) is kind


def test_a_refusal_tells_what_the_service_told() -> None:
    """Every detail, when to ask again, and the request id."""
    detail = {"field": "replicas", "code": "out_of_range", "message": "Give 1 to 6."}
    body = {"error": {"code": "store_unavailable", "message": "Later.", "details": [detail]}}

    fault = refusal(reply(body, 500, retry_after="5", x_request_id="r1"))

    assert isinstance(fault, Unavailable)
    assert (fault.code, fault.message, fault.retry_after) == ("store_unavailable", "Later.", 5.0)
    assert (fault.details, fault.request_id) == ((Detail("replicas", "out_of_range", "Give 1 to 6."),), "r1")


def test_an_error_that_is_not_ours_is_told_as_such() -> None:
    """A proxy's page, with its beginning."""
    fault = refusal(Reply(status=502, headers={}, content=b"<html>Bad gateway"))

    assert isinstance(fault, Unavailable)
    assert (fault.code, fault.message) == (
        "unreadable_answer",
        "The answer is 502, and not memstored's: <html>Bad gateway",
    )


def test_an_answer_of_something_else_is_no_answer() -> None:
    """As of a router that shows its page to everybody."""
    player, session = scene(Reply(status=200, headers={}, content=b"<html>Welcome"))

    with pytest.raises(UnreadableAnswer, match="no memstored"):
        player.play(session.perform(sets.show_set("s1")))


def test_the_project_is_that_of_the_token() -> None:
    """Told with a fetched token; with a given one it is asked for, once."""
    player, session = scene(issued("t1"), credential=True)
    with_token, given = scene(issued("t0"))

    assert player.play(session.project_id()) == "p1"
    assert with_token.play(given.project_id()) == with_token.play(given.project_id()) == "p1"
    assert [request.method for request in with_token.asked] == ["GET"]


def test_secrets_are_not_shown() -> None:
    """Neither those of the caller nor those that go over the wire."""
    access = Access(auth_url="http://service", credential_id="c1", secret="s3cret", token="t0ken")
    player, session = scene(issued("t0ken"), credential=True)
    token = player.play(session.new_token())

    shown = f"{access} {access!r} {token} {player.asked}"

    assert "s3cret" not in shown
    assert "t0ken" not in shown
