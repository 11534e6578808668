from dataclasses import replace

from asked import facts, failed, id_of, running

from memstored.domain.facts import SetFacts
from memstored.domain.requests.readiness import readiness
from memstored.domain.words import SetState

BLIND = SetFacts(now=0.0, wall=0.0)


def test_a_healthy_set_names_its_candidate() -> None:
    """The freshest replica would take over, and each replica's lag is told in bytes."""
    found = readiness(running(recovery_enabled=True), facts({1: 100, 2: 90, 3: 95}))

    assert (found.candidate, found.reasons) == (id_of(3), ())
    assert [(r.id, r.lag, r.reason) for r in found.replicas] == [(id_of(2), 10, None), (id_of(3), 5, None)]


def test_without_high_availability_nobody_takes_over() -> None:
    """With high availability off the answer says why there is no candidate."""
    found = readiness(running(), facts({1: 100, 2: 90, 3: 95}))

    assert (found.candidate, found.reasons) == (None, ("ha_off",))


def test_a_set_that_is_going_fails_over_no_more() -> None:
    """A deletion ends all healing."""
    going = running(recovery_enabled=True, status=SetState.TERMINATING)

    assert readiness(going, facts({1: 100, 2: 100, 3: 100})).reasons == ("set_terminating",)


def test_nodes_that_nobody_sees_are_no_candidates() -> None:
    """What was not seen is not known: no lag, and a reason for each replica."""
    found = readiness(running(recovery_enabled=True), BLIND)

    assert (found.candidate, found.reasons) == (None, ("no_replica_fit",))
    assert {(r.lag, r.reason) for r in found.replicas} == {(None, "unreachable")}


def test_a_dead_replica_is_no_candidate() -> None:
    """A replica that is known to be dead says so."""
    found = readiness(failed(running(2, recovery_enabled=True), 2), facts({1: 10}))

    assert found.reasons == ("no_replica_fit",)
    assert [r.reason for r in found.replicas] == ["gone"]


def test_a_set_in_the_making_has_nothing_to_inherit() -> None:
    """Before there is a history no replica holds any of it."""
    found = readiness(replace(running(2, recovery_enabled=True), lineage=None), BLIND)

    assert found.candidate is None
    assert {r.reason for r in found.replicas} == {"never_finished_its_copy"}
