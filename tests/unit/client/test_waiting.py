"""Waiting and following, without a server: the clock moves with the pauses."""

import pytest
from played import refused, scene
from rows import backup, linked, operation, operations, shown_set

from memstored.client import waiting
from memstored.client.errors import ComesToNothing, NotFound, TimedOut


def test_a_set_is_waited_for_until_it_runs() -> None:
    """With a look every so often, over states that pass by themselves."""
    player, session = scene(shown_set("Init"), shown_set("Warning"), shown_set("Running"))

    seen = player.play(waiting.wait_until_running(session, "s1", look=0.5))

    assert (seen.status, player.pauses) == ("Running", [0.5, 0.5])


@pytest.mark.parametrize("status", ["Failed", "Terminating"])
def test_a_set_that_will_never_run_is_not_waited_for(status: str) -> None:
    """The reason is the service's."""
    player, session = scene(shown_set(status))

    with pytest.raises(ComesToNothing, match=f"orders is {status}: It is not well"):
        player.play(waiting.wait_until_running(session, "s1"))


def test_waiting_ends_in_time() -> None:
    """And says how far it was; it is also Python's own TimeoutError."""
    player, session = scene(*[shown_set("Provisioning")] * 5)

    with pytest.raises(TimedOut, match="orders is Provisioning: It is not well") as late:
        player.play(waiting.wait_until_running(session, "s1", timeout=2.0, look=1.0))

    assert isinstance(late.value, TimeoutError)
    assert player.pauses == [1.0, 1.0]


def test_a_set_is_gone_when_nobody_knows_it() -> None:
    """Until then it is being deleted."""
    player, session = scene(shown_set("Terminating"), refused(404, "instance_set_unknown"))

    player.play(waiting.wait_until_gone(session, "s1"))

    assert player.pauses == [waiting.LOOK]


def test_an_operation_is_followed_to_its_end() -> None:
    """Each change comes once, with steps, bytes and percent; what is the same is not shown again."""
    player, session = scene(
        operations(operation(0)),
        operations(operation(50)),
        operations(operation(50)),
        operations(operation(100, "succeeded")),
    )

    seen = list(player.items(waiting.follow(session, "s1")))

    assert [(it.percent, it.transferred_bytes, it.state) for it in seen] == [
        (0, 0, "running"),
        (50, 500, "running"),
        (100, 1000, "succeeded"),
    ]
    assert seen[0].steps[0].name == "load"


def test_following_ends_in_time() -> None:
    """Also when nothing changes any more, which is when it matters."""
    player, session = scene(*[operations(operation(50))] * 5)
    other, elsewhere = scene(*[backup("Creating")] * 5)

    with pytest.raises(TimedOut, match="create goes on, at 50 % and load"):
        list(player.items(waiting.follow(session, "s1", timeout=2.0, look=1.0)))
    with pytest.raises(TimedOut, match="nightly is Creating"):
        list(other.items(waiting.follow_backup(elsewhere, "b1", timeout=2.0, look=1.0)))

    assert player.pauses == other.pauses == [1.0, 1.0]


def test_the_operation_that_was_begun_with_is_followed() -> None:
    """Not one that comes after it."""
    healing = operation(10) | {"id": "o2", "kind": "heal"}
    player, session = scene(
        operations(operation(50)), operations(healing, operation(50, "failed", error="It can not."))
    )

    seen = list(player.items(waiting.follow(session, "s1")))

    assert [(it.id, it.error) for it in seen] == [("o1", None), ("o1", "It can not.")]


def test_a_deletion_is_followed_until_the_set_is_gone() -> None:
    """That is its end; a set that was never there is refused."""
    gone = refused(404, "instance_set_unknown")
    player, session = scene(operations(operation(50) | {"kind": "delete"}), gone)
    nobody, other = scene(gone)

    assert [it.kind for it in player.items(waiting.follow(session, "s1"))] == ["delete"]
    with pytest.raises(NotFound):
        list(nobody.items(waiting.follow(other, "s1")))


def test_a_backup_is_followed_until_nothing_is_done_with_it() -> None:
    """Its making with the bytes, and its verification after that."""
    moved = {"bytes": 10, "totalBytes": 20, "percent": 50}
    player, session = scene(
        backup("Creating"),
        backup("Creating", progress=moved),
        backup("Available", verifying=True),
        backup("Available"),
    )

    seen = list(player.items(waiting.follow_backup(session, "b1")))

    assert [it.progress.bytes if it.progress else None for it in seen] == [None, 10, None, None]
    assert not seen[-1].verifying


def test_a_backup_that_came_to_nothing_says_why() -> None:
    """Waiting for it ends."""
    player, session = scene(backup("Pending"), backup("Error", reason="No replica gives it."))

    with pytest.raises(ComesToNothing, match="nightly is Error"):
        player.play(waiting.wait_until_available(session, "b1"))


def test_values_are_followed_until_every_set_has_them() -> None:
    """With what is done to the set that gets them; a set that is gone meanwhile does no harm."""
    player, session = scene(
        linked("Applying", "Pending"),
        shown_set("Running", operation=operation(50)),
        linked("In-Sync", "Applying"),
        refused(404, "instance_set_unknown"),
        linked("In-Sync"),
    )

    seen = list(player.items(waiting.follow_apply(session, "g1")))

    assert [[it.linked.apply_status for it in sets] for sets in seen] == [
        ["Applying", "Pending"],
        ["In-Sync", "Applying"],
        ["In-Sync"],
    ]
    assert [it.operation.percent if it.operation else None for sets in seen for it in sets] == [
        *(50, None),
        *(None, None),
        None,
    ]


def test_a_set_that_refused_ends_the_following() -> None:
    """Those after it do not get the values; one that gets them is seen to its end."""
    player, session = scene(
        linked("Error-Sync", "Applying"),
        shown_set("Running"),
        linked("Error-Sync", "In-Sync", "Pending"),
    )

    seen = list(player.items(waiting.follow_apply(session, "g1")))

    assert [it.linked.apply_status for it in seen[-1]] == ["Error-Sync", "In-Sync", "Pending"]


def test_values_that_do_not_come_are_not_waited_for_forever() -> None:
    """The message names the sets that lack them."""
    player, session = scene(*[linked("In-Sync", "Pending")] * 5)

    with pytest.raises(TimedOut, match="every set yet: orders-2"):
        list(player.items(waiting.follow_apply(session, "g1", timeout=2.0, look=1.0)))

    assert player.pauses == [1.0, 1.0]
