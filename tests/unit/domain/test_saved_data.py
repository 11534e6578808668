"""Sets that begin with saved data; `control.loading` carries the loads out, `test_safety` has the rules."""

from dataclasses import replace

import pytest
from world import SAVED, SOURCE, World

from memstored.domain import actions as do
from memstored.domain.facts import LoadFacts, LoadFault
from memstored.domain.loading import MOST_DELIVERIES, loaded_bytes
from memstored.domain.model import Node
from memstored.domain.words import EventName, NodeState, OperationState, Outcome, SetState


def loading(world: World) -> bool:
    """Whether a load is under way."""
    return bool(world.doors)


def first(world: World) -> Node:
    """The node with which the history begins."""
    return next(n for n in world.set.nodes if n.role == "primary")


def launched(world: World) -> int:
    """How many nodes were ever launched."""
    return len({a.node for a in world.acts if isinstance(a, do.Launch)})


def test_every_node_holds_what_was_saved_before_the_first_tenant_comes() -> None:
    """Load, then primary, then replicas, then tenants."""
    world = World.of(replicas=3, source=SOURCE)

    world.turns_until(lambda: any(isinstance(a, do.Admit) for a in world.acts))

    assert all(world.server(n.number).writes == list(SAVED) for n in world.set.nodes)
    world.turns_until(lambda: world.set.status is SetState.RUNNING)
    assert sum(isinstance(a, do.Promote) for a in world.acts) == 1


def test_a_loading_node_is_left_as_the_load_wants_it() -> None:
    """It is another's user and checks every value; the set's identity comes back afterwards (H24, H25)."""
    world = World.of(replicas=1, source=SOURCE)
    world.turns_until(lambda: loading(world))
    world.acts.clear()

    world.turns_until(lambda: not loading(world))

    assert {type(act) for act in world.acts} == {do.Load}
    assert world.server(1).equipped_as(world.replication)


def test_what_expired_meanwhile_is_gone_and_that_is_no_failure() -> None:
    """It is compared while the node is a replica, which keeps it; the primary drops it (H29)."""
    world = World.of(replicas=2, source=SOURCE)
    world.fleet.expire(SAVED[0])

    world.turns()

    assert world.set.status is SetState.RUNNING
    assert world.server(1).writes == list(SAVED[1:])


def test_a_node_that_died_while_loading_is_replaced_and_the_load_begun_anew() -> None:
    """The data is where it was, so nothing is lost; the reason tells of the first try."""
    world = World.of(replicas=1, source=SOURCE)
    world.turns_until(lambda: loading(world))
    world.kill(1)

    world.turns_until(lambda: loading(world) and first(world).number == 2)

    assert world.set.reason is not None
    assert "orders-1 ended before the set was open" in world.set.reason.message
    world.turns()
    assert world.set.status is SetState.RUNNING
    assert world.server(2).writes == list(SAVED)


def test_another_node_that_stands_ready_loads_in_a_dead_ones_place() -> None:
    """Nobody waits for a launch; the dead one's place is taken by a replica."""
    world = World.of(replicas=3, source=SOURCE)
    world.turns_until(lambda: loading(world))
    world.kill(1)

    world.turns()

    assert world.set.primary is not None
    assert world.set.primary.number == 2
    assert [n.number for n in world.set.nodes] == [2, 3, 4]
    assert world.set.status is SetState.RUNNING


def test_data_that_the_engine_refuses_is_tried_on_two_nodes_and_then_no_more() -> None:
    """The set fails in the engine's words, with nothing left running (H28)."""
    world = World.of(replicas=3, source=SOURCE)
    world.storage.complaint = "Hash zipmap integrity check failed."

    world.turns()

    assert world.set.status is SetState.FAILED
    assert world.set.reason is not None
    assert world.set.reason.code == "restore_failed"
    assert "Hash zipmap integrity check failed." in world.set.reason.message
    assert sum(isinstance(a, do.Load) for a in world.acts) >= 2
    assert launched(world) <= 4
    assert not world.fleet.nodes
    assert all(n.status is NodeState.FAILED for n in world.set.nodes)


def test_a_failed_restore_is_told_once_and_ends_the_creation() -> None:
    """The event and the operation carry the words; afterwards nothing is done any more."""
    world = World.of(replicas=1, source=SOURCE)
    world.storage.complaint = "Bad data format"

    world.turns_until(lambda: world.set.status is SetState.FAILED)

    told = [e for e in world.events if e.name is EventName.CREATE_FAILED]
    assert [(e.outcome, e.cause) for e in told] == [(Outcome.FAILURE, EventName.CREATE)]
    assert world.set.operation is not None
    assert world.set.operation.state is OperationState.FAILED
    assert "Bad data format" in (world.set.operation.error or "")
    world.turns(5)
    commits = world.commits
    assert sum(world.turn() for _ in range(20)) == 0
    assert world.commits == commits
    assert sum(e.name is EventName.CREATE_FAILED for e in world.events) == 1


def test_a_failed_restore_can_be_deleted() -> None:
    """Its addresses are given back then."""
    world = World.of(replicas=2, source=SOURCE)
    world.storage.gone = True
    world.turns_until(lambda: world.set.status is SetState.FAILED and not world.fleet.nodes)
    assert world.reserved

    world.set = replace(world.set, status=SetState.TERMINATING)
    world.turns(10)

    assert world.set.status is SetState.TERMINATED
    assert not world.reserved


def test_nodes_that_end_over_the_data_again_and_again_end_the_restore() -> None:
    """What kills two nodes kills the next one too (H25)."""
    world = World.of(replicas=1, source=SOURCE)
    for number in (1, 2):
        world.turns_until(lambda number=number: loading(world) and first(world).number == number)
        world.kill(number)

    world.turns()

    assert world.set.status is SetState.FAILED
    assert launched(world) == 2
    assert not world.fleet.nodes


def undelivered(world: World, tries: int) -> None:
    """Let the first node's load have come to nothing so often, without a word against the data."""
    node = first(world)
    world.memory[node.id].load = LoadFacts(
        total=SOURCE.size,
        number=tries,
        fault=LoadFault.DELIVERY,
        error="the node did not come for its data",
        tries=tries,
        undelivered=tries,
        retry_at=world.now + 60.0,
    )


def waiting_for_data(world: World) -> bool:
    """Whether the first node is there and nothing is loaded yet."""
    return bool(world.set.nodes) and world.set.nodes[0].run_id is not None


@pytest.mark.parametrize(("tries", "refusals"), [(1, 0), (MOST_DELIVERIES - 1, 0), (MOST_DELIVERIES, 1)])
def test_what_a_node_has_no_word_against_is_given_to_it_again_before_that_counts(
    tries: int, refusals: int
) -> None:
    """A starved machine, or a stranger at the door, is not the data's fault; but it is not tried for ever."""
    world = World.of(replicas=1, source=SOURCE)
    world.turns_until(lambda: waiting_for_data(world))
    undelivered(world, tries)

    world.turn()

    assert world.set.source is not None
    assert len(world.set.source.refusals) == refusals
    assert world.set.status is SetState.PROVISIONING


def test_why_the_last_try_came_to_nothing_is_told_while_it_is_tried_again() -> None:
    """Nobody has to guess why it takes so long."""
    world = World.of(replicas=1, source=SOURCE)
    world.turns_until(lambda: waiting_for_data(world))
    undelivered(world, 1)

    world.turn()

    assert world.set.reason is not None
    assert world.set.reason.message.endswith("The last try failed: the node did not come for its data")


def test_a_node_that_ended_after_its_connection_did_counts_as_refusing() -> None:
    """What kills it would kill one node after the other, if only the connection were seen (H25)."""
    world = World.of(replicas=1, source=SOURCE)
    world.turns_until(lambda: waiting_for_data(world))
    undelivered(world, 1)
    world.kill(1)

    world.turn()

    assert world.set.source is not None
    assert len(world.set.source.refusals) == 1


def test_data_that_kills_a_primary_before_anyone_is_let_in_counts_as_refused() -> None:
    """It loaded and was proved, and still the node ended over it."""
    world = World.of(replicas=3, source=SOURCE)
    for number in (1, 2):
        world.turns_until(
            lambda number=number: world.set.lineage is not None and first(world).number == number
        )
        world.kill(number)
        world.turn()

    world.turns()

    assert world.set.status is SetState.FAILED
    assert world.set.source is not None
    assert world.set.source.refusals[0].startswith("orders-1 ended before the set was open")
    assert world.set.lineage is None
    assert not world.fleet.nodes


def test_an_object_that_is_gone_ends_the_restore_at_once() -> None:
    """No try can mend it."""
    world = World.of(replicas=2, source=SOURCE)
    world.storage.gone = True

    world.turns(20)

    assert world.set.status is SetState.FAILED
    assert world.set.reason is not None
    assert "there is no such object any more" in world.set.reason.message
    assert not world.fleet.nodes


def test_object_storage_that_is_away_is_waited_for() -> None:
    """However long: the reason says so, and the node that stands ready is kept."""
    world = World.of(replicas=2, source=SOURCE)
    world.storage.away = True

    world.turns(2000)

    assert world.set.status is SetState.PROVISIONING
    assert world.set.reason is not None
    assert world.set.reason.code == "object_storage_unavailable"
    assert 20 < sum(isinstance(a, do.Load) for a in world.acts) < 120
    world.storage.away = False
    world.turns()
    assert world.set.status is SetState.RUNNING
    assert launched(world) == 2


def test_a_load_that_holds_something_else_does_not_count() -> None:
    """The engine was content, but keys are missing (H29)."""
    world = World.of(replicas=1, source=SOURCE)
    world.storage.missing = 1

    world.turns()

    assert world.set.status is SetState.FAILED
    assert world.set.reason is not None
    assert "it holds 2 keys" in world.set.reason.message


def test_a_set_that_is_deleted_while_it_loads_is_gone() -> None:
    """The load is broken off at once, and nothing stays."""
    world = World.of(replicas=2, source=SOURCE)
    world.turns_until(lambda: loading(world))
    world.set = replace(world.set, status=SetState.TERMINATING)

    world.turn()

    assert not loading(world)
    world.turns(20)
    assert world.set.status is SetState.TERMINATED
    assert not world.fleet.nodes
    assert not world.reserved


@pytest.mark.parametrize(("done", "shown"), [(0, 0), (49, 0), (50, 50), (999, 950), (1000, 1000)])
def test_progress_is_told_in_twentieths(done: int, shown: int) -> None:
    """A load costs the store some twenty writes, whatever its size."""
    assert loaded_bytes(LoadFacts(total=1000, done=done)) == shown


def test_progress_of_nothing_is_nothing() -> None:
    """An empty object has no parts."""
    assert loaded_bytes(LoadFacts(total=0)) == 0


def test_the_operation_follows_the_bytes() -> None:
    """Percent within the step, and the bytes, rise with the load."""
    world = World.of(replicas=1, source=SOURCE)
    told = set()
    for _ in range(40):
        world.turn()
        operation = world.set.operation
        if operation is not None and operation.step == "load":
            moved = operation.moved
            told.add((operation.percent, moved.done if moved else None))

    assert {(31, 10), (37, 20), (43, 30), (50, 40)} <= told


def test_a_node_that_ends_just_after_the_opening_leaves_no_creation_under_way() -> None:
    """With high availability off nobody replaces it: its owner must be able to go on at once."""
    world = World.of(replicas=2, recovery_enabled=False)
    world.turns_until(lambda: world.set.opened)

    world.fleet.crash(first(world).id)
    world.turns()

    assert world.set.status is SetState.WARNING
    assert world.set.operation is None
    assert [e.outcome for e in world.events if e.name is EventName.CREATE_FAILED] == [Outcome.FAILURE]
