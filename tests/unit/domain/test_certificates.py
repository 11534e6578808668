"""When certificates are renewed, in which order, and what becomes of a renewal that fails or has to wait."""

from dataclasses import replace

import pytest
from world import RENEWAL_PAUSE, YEAR, World, ask_replica

from memstored.domain import actions as do
from memstored.domain.errors import InvalidRequest
from memstored.domain.facts import Trust
from memstored.domain.naming import node_id
from memstored.domain.requests.certificates import renew_certificates
from memstored.domain.requests.change import Call
from memstored.domain.words import (
    AuthorityId,
    EventName,
    NodeId,
    NodeState,
    OperationKind,
    OperationState,
    SetState,
)

SECOND_AUTHORITY = AuthorityId("authority 2")


def asked(world: World) -> None:
    """The request for new certificates."""
    change = renew_certificates(world.set, Call(actor="mia", request_id="request-1", at=world.now))
    world.set = change.after
    world.events.extend(change.events)


def renewals(world: World) -> list[NodeId]:
    """The nodes that were given another certificate, in that order."""
    return [act.node for act in world.acts if isinstance(act, do.Renew)]


def names(world: World) -> list[EventName]:
    """What was told of certificates."""
    return [event.name for event in world.events if "Certificates" in event.name]


def in_order(world: World, *numbers: int) -> list[NodeId]:
    """The ids of the nodes of these numbers."""
    return [node_id(world.set.id, number) for number in numbers]


def settled(world: World) -> bool:
    """Whether every node shows what is recorded, and nothing is under way."""
    return world.set.operation is None and world.shown() == world.recorded()


def test_a_new_set_shows_what_is_recorded_and_renews_nothing() -> None:
    """Certificates come with the launch, once the addresses that they name are known."""
    world = World.running(tls=True)

    assert world.set.status is SetState.RUNNING
    assert settled(world)
    assert all(world.shown().values())
    assert renewals(world) == []


def test_a_healthy_set_looks_again_within_the_hour_and_does_nothing() -> None:
    """The clock may be set meanwhile; nothing is written and nobody is asked."""
    world = World.running(tls=True)
    commits, acts = world.commits, len(world.acts)

    world.turns(10)

    assert world.looks_in == 3600.0
    assert (world.commits, len(world.acts)) == (commits, acts)


def test_a_request_renews_the_replicas_first_and_the_primary_last() -> None:
    """One node at a time, while the set stays `Running`; told when it begins and when it is done."""
    world = World.running(tls=True)
    before = world.shown()
    asked(world)

    states = set()
    for _ in range(20):
        world.turn()
        states.add(world.set.status)

    assert renewals(world) == in_order(world, 2, 3, 1)
    assert settled(world)
    assert all(world.shown()[number] != before[number] for number in before)
    assert states == {SetState.RUNNING}
    assert names(world) == [EventName.CERTIFICATES_RENEW, EventName.CERTIFICATES_RENEW_COMPLETE]


def test_certificates_are_renewed_when_two_thirds_of_their_life_have_passed() -> None:
    """By the service itself, as an operation of its own, and not a day before."""
    world = World.running(tls=True)
    world.now += YEAR * 2 / 3 - 86400.0
    world.turns(5)
    early = renewals(world)

    world.now += 86400.0
    world.turns(20)

    assert early == []
    assert renewals(world) == in_order(world, 2, 3, 1)
    assert settled(world)
    assert "two thirds" in next(e for e in world.events if e.name is EventName.CERTIFICATES_RENEW).message


def test_a_clock_that_was_wrong_leaves_no_certificate_that_does_not_hold() -> None:
    """What was signed in a future that was none is signed anew."""
    world = World.of(tls=True)
    world.clock_error = 10 * YEAR
    world.turns()
    assert world.set.status is SetState.RUNNING

    world.clock_error = 0.0
    world.turns(20)

    assert all(n.certificate is not None and n.certificate.not_before <= world.now for n in world.set.nodes)
    assert settled(world)


def test_a_node_that_shows_another_certificate_than_is_recorded_is_given_a_new_one() -> None:
    """As when the service ended between the change and its record: the others keep theirs."""
    world = World.running(tls=True)
    world.server(2).certificate = "f" * 64

    world.turns(20)

    assert renewals(world) == in_order(world, 2)
    assert settled(world)


@pytest.mark.parametrize("signer", [AuthorityId("authority 1"), SECOND_AUTHORITY])
def test_another_authority_means_other_certificates(signer: AuthorityId) -> None:
    """When one is made known the nodes learn to trust it; when it signs they show what it signed."""
    world = World.running(tls=True)
    world.trust = Trust(signer=signer, trusted=(SECOND_AUTHORITY, AuthorityId("authority 1")))

    world.turns(20)

    assert renewals(world) == in_order(world, 2, 3, 1)
    assert {n.certificate and n.certificate.authority for n in world.set.nodes} == {signer}
    assert {n.certificate and n.certificate.trusts for n in world.set.nodes} == {world.trust.trusted}


def test_a_failure_keeps_the_old_certificate_and_says_so() -> None:
    """The operation ends with the engine's words, the rest keep theirs, and the set is `Running`."""
    world = World.running(tls=True)
    before = world.shown()
    world.refuse_renewals = 1
    asked(world)
    operations = []
    for _ in range(20):
        world.turn()
        operations += [world.set.operation] if world.set.operation is not None else []

    assert world.shown() == before
    assert operations[-1].state is OperationState.FAILED
    assert "the certificate is refused" in (operations[-1].error or "")
    assert names(world)[-1] is EventName.CERTIFICATES_RENEW_FAILED
    assert world.set.status is SetState.RUNNING


def test_a_failed_renewal_is_tried_again_after_a_pause_and_not_before() -> None:
    """Nobody asks again: what was asked for is not forgotten. The one that failed is the last this time."""
    world = World.running(tls=True)
    world.refuse_renewals = 1
    asked(world)
    world.turns(20)
    tried = len(renewals(world))

    world.now += RENEWAL_PAUSE
    world.turns(20)

    assert tried == 1
    assert renewals(world)[1:] == in_order(world, 3, 1, 2)
    assert settled(world)


def test_replicas_that_can_not_renew_keep_no_other_from_it() -> None:
    """However often they fail: the primary, and any replica that can, has its new certificate in time."""
    world = World.running(replicas=4, tls=True)
    for number in (2, 3):
        world.server(number).complaints["tls-cert-file"] = "ERR Unable to update TLS configuration"
    before = world.shown()
    asked(world)
    for _ in range(3):
        world.turns(20)
        world.now += RENEWAL_PAUSE

    assert {number for number, shown in world.shown().items() if shown != before[number]} == {1, 4}


def test_an_answer_that_was_lost_is_found_out() -> None:
    """The node shows the new certificate though nobody said so: it is given one more, which is recorded."""
    world = World.running(tls=True)
    world.lose_replies = 1
    asked(world)
    world.turns(20)

    world.now += RENEWAL_PAUSE
    world.turns(20)

    assert settled(world)


def test_a_failover_goes_before_a_renewal() -> None:
    """The renewal ends with that reason, nothing is lost, and every node has a new certificate in the end."""
    world = World.running(tls=True)
    before = world.shown()
    asked(world)
    world.turn()
    world.kill(1)

    world.turns(200)

    assert world.set.status is SetState.RUNNING
    assert world.lost_writes == []
    assert world.set.primary is not None
    assert world.set.primary.number != 1
    assert settled(world)
    assert not set(before.values()) & set(world.shown().values())
    assert EventName.CERTIFICATES_RENEW_FAILED in names(world)


def test_a_node_that_does_not_answer_keeps_nobody_waiting_for_ever() -> None:
    """The others are renewed, then the operation ends with its name."""
    world = World.running(tls=True, recovery_enabled=False)
    world.fleet.hang(node_id(world.set.id, 3))
    asked(world)
    world.turns(20)
    renewed = renewals(world)

    world.now += 61.0
    world.turns(5)

    assert renewed == in_order(world, 2, 1)
    assert world.set.operation is None
    assert names(world)[-1] is EventName.CERTIFICATES_RENEW_FAILED
    assert "orders-3" in world.events[-1].message


def test_a_hung_node_whose_certificate_is_due_keeps_nobody_busy() -> None:
    """Nothing can be done before it answers, and its answer wakes the loop: nobody looks again at once."""
    world = World.running(tls=True, recovery_enabled=False)
    world.fleet.hang(node_id(world.set.id, 3))
    world.now += YEAR * 2 / 3
    world.turns(20)
    world.now += 61.0
    world.turns(5)
    renewed, acts = renewals(world), len(world.acts)

    world.turns(5)

    assert world.set.operation is None
    assert renewed == in_order(world, 2, 1)
    assert len(world.acts) == acts
    assert world.looks_in is not None
    assert world.looks_in > 0


def test_a_degraded_set_keeps_its_certificates_fresh() -> None:
    """A primary that died with high availability off is no reason to let the others' expire."""
    world = World.running(tls=True, recovery_enabled=False)
    world.kill(1)
    world.turns(20)
    world.now += YEAR * 2 / 3

    world.turns(20)

    assert world.set.status is SetState.WARNING
    assert renewals(world) == in_order(world, 2, 3)
    assert world.set.operation is None


def test_a_replica_that_joins_has_its_own_certificate_and_renews_nobody_elses() -> None:
    """Growing a set costs no renewal."""
    world = World.running(tls=True)
    ask_replica(world)

    world.turns(200)

    assert world.set.status is SetState.RUNNING
    assert len({*world.shown().values()}) == 4
    assert renewals(world) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"tls_enabled": False}, "tls_off"),
        ({"status": SetState.WARNING}, "wrong_state"),
        ({"status": SetState.RECOVERING}, "set_healing"),
    ],
)
def test_who_may_not_renew(changes: dict[str, object], code: str) -> None:
    """A set without TLS has nothing to renew, and one that is not `Running` has other things to do."""
    world = World.running(tls=True)

    with pytest.raises(InvalidRequest) as refusal:
        renew_certificates(replace(world.set, **changes), Call(actor="mia", request_id=None, at=0.0))

    assert [detail.code for detail in refusal.value.details] == [code]


def test_one_renewal_at_a_time() -> None:
    """The second request is told of the first."""
    world = World.running(tls=True)
    asked(world)

    with pytest.raises(InvalidRequest) as refusal:
        asked(world)

    assert refusal.value.details[0].code == "set_busy"
    assert OperationKind.RENEW_CERTIFICATES.value in refusal.value.details[0].message


def test_a_node_on_its_way_out_is_left_alone() -> None:
    """Nobody renews what is being removed."""
    world = World.running(tls=True)
    asked(world)
    leaving = replace(world.set.nodes[1], removing=True, status=NodeState.TERMINATING)
    world.set = world.set.with_node(leaving)

    world.turns(40)

    assert in_order(world, 2)[0] not in renewals(world)
