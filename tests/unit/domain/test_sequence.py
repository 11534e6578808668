"""In which order the sets of a parameter group get its values (API.md 7)."""

from dataclasses import dataclass, field, replace

import pytest
from world import operation, planned_set

from memstored.domain.model import Configuration, GroupValues, InstanceSet, Reason, Setting
from memstored.domain.parameter_group import configured
from memstored.domain.sequence import PATIENCE, begin_apply, next_moves
from memstored.domain.words import ApplyStatus, EventName, OperationKind, Outcome, SetId, SetState

GROUP = "8a4f"
NOW = 1000.0
IN_SYNC, APPLYING, PENDING = ApplyStatus.IN_SYNC, ApplyStatus.APPLYING, ApplyStatus.PENDING
ERROR, SUSPENDED = ApplyStatus.ERROR_SYNC, ApplyStatus.SUSPENDED


def values(version: int, timeout: str | None = None, group: str = GROUP) -> GroupValues:
    """A version of the group; another one for another time limit."""
    setting = Setting(name="timeout", value=timeout or str(100 * version))
    return GroupValues(group_id=group, version=version, settings=(setting,))


def set_id(number: int) -> SetId:
    """An id; those of higher numbers are greater."""
    return SetId(f"00000000-0000-4000-8000-{number:012}")


def running(number: int, recorded: GroupValues | None = None) -> InstanceSet:
    """A set that is well, the `number`-th that was made."""
    return replace(
        planned_set(replicas=3),
        id=set_id(number),
        name=f"set-{number}",
        created_at=float(number),
        status=SetState.RUNNING,
        operation=None,
        parameter_group_id=GROUP,
        configuration=Configuration(values=recorded or values(1)),
    )


@dataclass
class Sets:
    """The sets of a group as they are stored; workers end what the sequence begins."""

    known: dict[SetId, InstanceSet] = field(default_factory=dict)

    @classmethod
    def of(cls, *sets: InstanceSet) -> "Sets":
        """These."""
        return cls({it.id: it for it in sets})

    def look(self, wanted: GroupValues, now: float = NOW) -> "Sets":
        """One turn of the sequence."""
        for move in next_moves(list(self.known.values()), wanted, now):
            assert move.before != move.after
            self.known[move.after.id] = move.after
        return self

    def end(self, number: int, error: str | None = None) -> "Sets":
        """The set's worker ends what is under way there."""
        present = self[number]
        before = configured(present)
        assert before.wanted is not None
        after = replace(before, status=ERROR, error=error) if error else Configuration(values=before.wanted)
        return self.put(replace(present, configuration=after, operation=None))

    def put(self, changed: InstanceSet) -> "Sets":
        """Somebody changes a set."""
        self.known[changed.id] = changed
        return self

    def retry(self, number: int) -> "Sets":
        """The owner asks for another try."""
        present = self[number]
        again = replace(configured(present), status=APPLYING, error=None)
        return self.put(replace(present, configuration=again))

    def __getitem__(self, number: int) -> InstanceSet:
        return self.known[set_id(number)]

    @property
    def statuses(self) -> list[ApplyStatus]:
        """The state of each, in the order in which they were made."""
        return [configured(it).status for it in sorted(self.known.values(), key=lambda it: it.created_at)]


def three() -> Sets:
    """Three sets whose group has another version than they."""
    return Sets.of(running(2), running(1), running(3))


def unwell(instance_set: InstanceSet, since: float = NOW) -> InstanceSet:
    """The set while it heals."""
    why = Reason(code="node_lost", message="", since=since, trying="", next="")
    return replace(instance_set, status=SetState.RECOVERING, reason=why)


def test_one_after_the_other_the_oldest_first() -> None:
    """The next begins when the one before has the values."""
    sets = three()

    assert sets.look(values(2)).statuses == [APPLYING, PENDING, PENDING]
    assert sets.look(values(2)).statuses == [APPLYING, PENDING, PENDING]
    assert sets.end(1).look(values(2)).statuses == [IN_SYNC, APPLYING, PENDING]
    assert sets.end(2).look(values(2)).statuses == [IN_SYNC, IN_SYNC, APPLYING]
    assert sets.end(3).look(values(2)).statuses == [IN_SYNC, IN_SYNC, IN_SYNC]
    assert next_moves(list(sets.known.values()), values(2), NOW) == []


def test_sets_of_one_moment_go_by_their_ids() -> None:
    """Two controllers with the same sets agree."""
    first, second = replace(running(1), created_at=1.0), replace(running(2), created_at=1.0)

    sets = Sets.of(second, first).look(values(2))

    assert configured(sets[1]).status is APPLYING
    assert configured(sets[2]).status is PENDING


def test_an_apply_is_an_operation_with_steps() -> None:
    """Every request meanwhile can name it (API.md 2.9)."""
    sets = three().look(values(2))

    begun = sets[1].operation
    assert begun is not None
    assert begun.kind is OperationKind.APPLY_PARAMETERS
    assert [step.name for step in begun.steps] == ["replicas", "primary"]
    assert sets[2].operation is None


def test_what_needs_a_start_has_further_steps() -> None:
    """Progress tells that nodes are replaced."""
    wanted = GroupValues(group_id=GROUP, version=2, settings=(Setting(name="io-threads", value="4"),))

    begun = begin_apply(running(1), wanted, NOW).operation

    assert begun is not None
    names = [step.name for step in begun.steps]
    assert names == ["replicas", "primary", "replace_replicas", "replace_primary"]


def test_a_failure_suspends_those_after_it() -> None:
    """The sequence stops; those before it keep what they have."""
    sets = three().look(values(2)).end(1).look(values(2)).end(2, "ERR no")

    assert sets.look(values(2)).statuses == [IN_SYNC, ERROR, SUSPENDED]
    assert next_moves(list(sets.known.values()), values(2), NOW) == []


def test_a_retry_lets_the_sequence_go_on() -> None:
    """From `Error-Sync`: that set again, then the suspended ones."""
    sets = three().look(values(2)).end(1, "ERR no").look(values(2))
    assert sets.statuses == [ERROR, SUSPENDED, SUSPENDED]

    sets.retry(1).look(values(2))

    assert sets[1].operation is not None
    assert sets.end(1).look(values(2)).statuses == [IN_SYNC, APPLYING, PENDING]


def test_a_retry_of_a_suspended_set_lets_those_after_it_go_on() -> None:
    """The failed one stays as it is."""
    sets = three().look(values(2)).end(1, "ERR no").look(values(2))

    sets.retry(2).look(values(2))

    assert sets.statuses == [ERROR, APPLYING, SUSPENDED]
    assert sets.end(2).look(values(2)).statuses == [ERROR, IN_SYNC, APPLYING]


def test_another_version_begins_anew() -> None:
    """What went wrong with one version says nothing of the next."""
    sets = three().look(values(2)).end(1, "ERR no").look(values(2))

    assert sets.look(values(3)).statuses == [APPLYING, PENDING, PENDING]


def test_another_version_in_the_middle_goes_to_the_same_set_first() -> None:
    """It does not have the version before for long."""
    sets = three().look(values(2)).look(values(3))

    assert sets.statuses == [APPLYING, PENDING, PENDING]
    assert configured(sets[1]).wanted == values(3)


def test_that_nodes_may_differ_is_known_from_the_begin() -> None:
    """From the version on that replaces nodes, whatever version comes after it (API.md 7)."""
    threads = GroupValues(group_id=GROUP, version=3, settings=(Setting(name="io-threads", value="4"),))
    sets = three()

    known = [configured(sets.look(it)[1]).mixed for it in (values(2), threads, values(4), too_much(5))]

    assert known == [False, True, True, True]


def test_a_rollback_to_what_the_nodes_have_ends_it() -> None:
    """There is nothing left to bring, so nothing failed."""
    sets = three().look(values(2)).end(1, "ERR no").look(values(2))
    back = values(3, timeout="100")

    assert sets.look(back).statuses == [IN_SYNC] * 3
    assert configured(sets[1]).values == back
    assert configured(sets[1]).error is None


def test_a_set_that_goes_back_is_waited_for() -> None:
    """An apply that failed is over only when its nodes have the recorded values again."""
    sets = three().look(values(2))
    failing = replace(configured(sets[1]), status=ERROR, error="ERR no")
    sets.put(replace(sets[1], configuration=failing))

    sets.look(values(2)).look(values(3))

    assert sets[1].operation is not None
    assert configured(sets[1]).wanted == values(2)


@pytest.mark.parametrize("status", [SetState.WARNING, SetState.RECOVERING, SetState.PROVISIONING])
def test_a_set_that_is_not_well_is_passed_over(status: SetState) -> None:
    """It waits without being in the way, and gets its turn later."""
    sets = three().put(replace(running(1), status=status))

    assert sets.look(values(2)).statuses == [PENDING, APPLYING, PENDING]
    sets.end(2).put(replace(sets[1], status=SetState.RUNNING))
    assert sets.look(values(2)).statuses == [APPLYING, IN_SYNC, PENDING]


def test_a_set_that_has_something_else_under_way_is_passed_over() -> None:
    """One operation at a time (API.md 2.9)."""
    busy = replace(running(1), operation=operation(OperationKind.ADD_REPLICA, ("provision",)))

    assert three().put(busy).look(values(2)).statuses == [PENDING, APPLYING, PENDING]


def test_a_set_in_the_middle_of_it_is_waited_for_but_not_for_ever() -> None:
    """While it heals the others wait; when that lasts they go on."""
    sets = three().look(values(2))
    sets.put(unwell(sets[1]))

    assert sets.look(values(2), NOW + PATIENCE).statuses == [APPLYING, PENDING, PENDING]
    assert sets.look(values(2), NOW + PATIENCE + 1).statuses == [APPLYING, APPLYING, PENDING]


@pytest.mark.parametrize("status", [SetState.TERMINATING, SetState.FAILED])
def test_a_set_that_ends_is_no_part_of_it(status: SetState) -> None:
    """Not even when its apply failed."""
    sets = three().look(values(2)).end(1, "ERR no").look(values(2))
    sets.put(replace(sets[1], status=status))

    assert sets.look(values(2)).statuses == [ERROR, APPLYING, PENDING]


def too_much(version: int) -> GroupValues:
    """A version that leaves nothing of the memory of a flavor of 4 GiB to copies and connections."""
    setting = Setting(name="maxmemory", value="4000000000")
    return GroupValues(group_id=GROUP, version=version, settings=(setting,))


def test_values_that_do_not_fit_the_flavor_are_not_begun() -> None:
    """As when the group changed while the set was linked: neither request saw the other (API.md 7)."""
    sets = three()
    moves = next_moves(list(sets.known.values()), too_much(2), NOW)

    assert sets.look(too_much(2)).statuses == [ERROR, SUSPENDED, SUSPENDED]
    assert sets[1].operation is None
    assert configured(sets[1]).wanted == too_much(2)
    assert "takes a maxmemory of 214748364 to 3435973836 bytes" in str(configured(sets[1]).error)
    [failed] = [event for move in moves for event in move.events]
    assert failed.name is EventName.GROUP_APPLY_FAILED
    assert failed.outcome is Outcome.FAILURE
    assert next_moves(list(sets.known.values()), too_much(2), NOW) == []


def test_a_linked_set_that_the_values_do_not_fit_fails_alone() -> None:
    """Whoever has the group already goes on."""
    linked = replace(running(1, values(7, group="another")), memory=1)
    wanted = GroupValues(group_id=GROUP, version=2, settings=(Setting(name="maxmemory", value="2000000000"),))

    sets = Sets.of(linked, running(2), running(3)).look(wanted)

    assert sets.statuses == [ERROR, APPLYING, PENDING]


def test_a_version_in_the_middle_that_does_not_fit_turns_it_back() -> None:
    """The nodes that were changed follow; the set fails like after a refusal."""
    sets = three().look(values(2)).look(too_much(3))

    assert sets.statuses == [ERROR, SUSPENDED, SUSPENDED]
    assert sets[1].operation is not None
    assert configured(sets[1]).values == values(1)


def test_a_linked_set_is_on_its_own() -> None:
    """It neither waits for the others nor suspends them (API.md 2.3)."""
    linked = running(1, values(7, group="another"))
    sets = Sets.of(linked, running(2), running(3)).look(values(2))
    assert sets.statuses == [APPLYING, APPLYING, PENDING]

    sets.end(1, "ERR no")

    assert sets.look(values(2)).statuses == [ERROR, APPLYING, PENDING]
    assert sets.end(2).look(values(2)).statuses == [ERROR, IN_SYNC, APPLYING]


def test_a_set_of_a_default_group_is_in_sync() -> None:
    """It has the defaults, and nothing is written to say so."""
    plain = replace(running(1), configuration=None, parameter_group_id="a default group")

    assert next_moves([plain], GroupValues(group_id="a default group"), NOW) == []


def test_a_set_that_is_linked_back_to_a_default_group_gets_the_defaults() -> None:
    """The same way as any other values."""
    defaults = GroupValues(group_id="a default group")
    sets = Sets.of(running(1)).look(defaults)

    assert sets.statuses == [APPLYING]
    assert sets.end(1).look(defaults).statuses == [IN_SYNC]
    assert configured(sets[1]).values == defaults


def test_values_that_make_no_difference_are_recorded_at_once() -> None:
    """Nodes have them already."""
    sets = three().look(values(2, timeout="100"))

    assert sets.statuses == [IN_SYNC] * 3
    assert {configured(it).values.version for it in sets.known.values()} == {2}
