"""What becomes of a set when who carries its addresses dies or hangs, though its nodes are well."""

import pytest
from world import SET, VIP, World

from memstored.domain import actions as do
from memstored.domain.naming import node_id
from memstored.domain.words import EventName, Outcome, SetState
from memstored.runtime.simulated_node import Reply

LIMIT = 5.0
TOLD = (EventName.ENDPOINT_DOWN, EventName.ENDPOINT_RECOVERY_COMPLETE)


def proxied() -> World:
    """A running set whose addresses a proxy carries."""
    world = World.running(version="5.0.6")
    world.acts.clear()
    return world


def told(world: World) -> list[EventName]:
    """What was told of the proxy."""
    return [event.name for event in world.events if event.name in TOLD]


def code(world: World) -> str | None:
    """Why the set is not `Running`."""
    return world.set.reason.code if world.set.reason else None


def test_a_proxy_that_never_failed_is_not_spoken_of() -> None:
    """Neither while the set is made, when there is none yet, nor afterwards."""
    world = proxied()

    assert told(world) == []
    assert world.set.vips is not None
    assert world.set.vips.down_since is None


def test_a_dead_proxy_is_shown_and_started_again_and_both_are_told() -> None:
    """Nothing else is touched, and writes that wait for it make it urgent."""
    world = proxied()
    world.kill_proxy()
    world.proxy_stuck = True

    world.turn()

    assert (world.set.status, code(world)) == (SetState.WARNING, "endpoint_down")
    assert world.write("refused") is not Reply.OK
    world.proxy_stuck = False
    world.turns_until(lambda: world.set.status is SetState.RUNNING)
    assert world.write("taken") is Reply.OK
    assert told(world) == list(TOLD)
    assert {type(act) for act in world.acts} == {do.Point}


def test_why_it_can_not_be_started_is_shown() -> None:
    """The reason has the words of whoever refused."""
    world = proxied()
    world.kill_proxy()
    world.proxy_stuck = True

    world.turns(3)

    assert world.set.reason is not None
    assert "it can not be started" in world.set.reason.message
    assert world.set.reason.since == world.set.vips.down_since  # type: ignore[union-attr]


def test_a_silent_proxy_is_shown_before_anything_is_concluded() -> None:
    """A second may be chance: it is neither ended nor told."""
    world = proxied()
    world.proxy_silent = 1.0

    world.turn()

    assert (world.set.status, code(world)) == (SetState.WARNING, "endpoint_silent")
    assert (world.acts, told(world)) == ([], [])
    world.proxy_silent = 0.0
    world.turn()
    assert world.set.status is SetState.RUNNING


def test_a_proxy_that_is_silent_for_too_long_is_ended_and_another_leads() -> None:
    """As a node is (S3): first it is gone for sure, then another takes its place."""
    world = proxied()
    world.proxy_silent = LIMIT

    world.turns_until(lambda: world.set.status is SetState.RUNNING and told(world) == list(TOLD))

    assert [type(act) for act in world.acts] == [do.FenceCarrier, do.Point]
    assert world.fleet.led(VIP) == node_id(SET, 1)


def test_the_loss_of_proxy_and_primary_at_once_is_told_of_both() -> None:
    """The graver reason is shown, and nothing is forgotten over it."""
    world = proxied()
    world.write("kept")
    world.fleet.settle()
    world.kill_proxy()
    world.kill(1)

    world.turns_until(lambda: told(world) == list(TOLD) and world.set.status is SetState.RUNNING)

    assert len(world.set.failovers) == 1
    assert world.lost_writes == []


@pytest.mark.parametrize("down_for", [1, 40])
def test_another_controller_does_not_tell_it_twice(down_for: int) -> None:
    """What was told is recorded with the set."""
    world = proxied()
    world.kill_proxy()
    world.proxy_stuck = True
    world.turns(down_for)

    world.restart()
    world.turns(3)
    world.proxy_stuck = False
    world.turns_until(lambda: world.set.status is SetState.RUNNING)

    assert told(world) == list(TOLD)
    down, up = (event for event in world.events if event.name in TOLD)
    assert (down.outcome, up.outcome) == (Outcome.FAILURE, Outcome.SUCCESS)
    assert up.cause is EventName.ENDPOINT_DOWN
