"""Which replica gives a backup, and when a backup under way is given up."""

from dataclasses import replace

import pytest
from backup_samples import REPLID, a_set, member

from memstored.domain.donor import choose_donor, cut_off, unready
from memstored.domain.facts import Life, NodeFacts, ReplicationFacts, SetFacts
from memstored.domain.model import InstanceSet, Lineage, Promotion
from memstored.domain.words import NodeId, NodeState, Role, SetState

OTHER = "b" * 40


def seen(
    offset: int = 100, *, life: Life = Life.UP, run_id: str | None = None, **changes: object
) -> NodeFacts:
    """A replica that follows the history, that far along."""
    replication = ReplicationFacts(
        is_master=False, replid=REPLID, offset=offset, following=("127.20.0.1", 6379), link_up=True
    )
    return NodeFacts(life=life, run_id=run_id, replication=replace(replication, **changes))


def facts(**nodes: NodeFacts) -> SetFacts:
    """What is seen of `second` and `third`."""
    known = {"second": "node-2", "third": "node-3"}
    given = {}
    for name, it in nodes.items():
        number = known[name][-1]
        given[NodeId(known[name])] = replace(it, run_id=it.run_id or f"run-{number}")
    return SetFacts(now=0.0, wall=0.0, nodes=given)


def donor(instance_set: InstanceSet, looks: SetFacts) -> str | None:
    """The name of the one that is chosen."""
    chosen = choose_donor(instance_set, looks)
    return chosen.name if chosen else None


def test_the_one_that_lacks_least_gives() -> None:
    """Bytes of the one history are compared."""
    assert donor(a_set(), facts(second=seen(100), third=seen(101))) == "orders-3"


def test_of_equal_ones_the_lowest_number_gives() -> None:
    """So that the choice is the same whoever makes it."""
    assert donor(a_set(), facts(second=seen(100), third=seen(100))) == "orders-2"


@pytest.mark.parametrize(
    "unfit",
    [
        seen(200, life=Life.SILENT),
        seen(200, life=Life.BUSY),
        seen(200, life=Life.GONE),
        seen(200, run_id="another"),
        seen(200, replid=OTHER),
        seen(200, link_up=False),
        seen(200, is_master=True),
        seen(200, syncing=True),
        seen(200, loading=True),
        seen(200, agrees=False),
        seen(1),
        NodeFacts(life=Life.UP),
    ],
)
def test_one_that_may_lack_something_never_gives(unfit: NodeFacts) -> None:
    """However far along it claims to be; with no other there is no donor."""
    assert donor(a_set(), facts(second=unfit, third=seen(100))) == "orders-3"
    assert donor(a_set(member(1), member(2)), facts(second=unfit)) is None


@pytest.mark.parametrize(
    "changes",
    [{"whole": False}, {"removing": True}, {"status": NodeState.FAILED}, {"role": Role.PRIMARY}],
)
def test_one_that_is_recorded_as_unfit_never_gives(changes: dict[str, object]) -> None:
    """Whatever is seen of it."""
    made_of = a_set(member(1), member(2, **changes))

    assert donor(made_of, facts(second=seen(200))) is None


def test_a_set_that_runs_with_a_replica_is_ready() -> None:
    """That is all it takes (API.md 4)."""
    assert unready(a_set()) is None


@pytest.mark.parametrize(
    ("made_of", "reason"),
    [
        (None, "The set is deleted."),
        (a_set(status=SetState.TERMINATING), "The set is deleted."),
        (a_set(status=SetState.RECOVERING), "The set is Recovering, not Running."),
        (a_set(member(1)), "The set has no replica that a backup could be taken from."),
        (
            a_set(member(1), member(2, removing=True)),
            "The set has no replica that a backup could be taken from.",
        ),
    ],
)
def test_any_other_set_says_why_it_is_not(made_of: InstanceSet | None, reason: str) -> None:
    """In a sentence for its owner."""
    assert unready(made_of) == reason


def test_what_does_not_touch_the_data_cuts_nothing() -> None:
    """Another replica may die, and the set heal, while the backup is made."""
    begun = a_set()
    healing = a_set(member(1), member(2), member(3, status=NodeState.FAILED), status=SetState.RECOVERING)

    assert cut_off(begun, healing, member(2)) is None


@pytest.mark.parametrize(
    ("present", "words"),
    [
        (None, "was deleted"),
        (a_set(status=SetState.TERMINATING), "was deleted"),
        (a_set(lineage=None), "lost its data"),
        (a_set(lineage=Lineage(epoch=4, primary=NodeId("node-1"), replid=REPLID)), "changed its primary"),
        (a_set(lineage=Lineage(epoch=3, primary=NodeId("node-3"), replid=REPLID)), "changed its primary"),
        (
            a_set(
                lineage=Lineage(
                    epoch=3,
                    primary=NodeId("node-1"),
                    replid=REPLID,
                    promotion=Promotion(
                        heir=NodeId("node-3"), source=NodeId("node-1"), sent=False, started_at=1.0
                    ),
                )
            ),
            "changed its primary",
        ),
        (a_set(member(1), member(3)), "orders-2"),
        (a_set(member(1), member(2, status=NodeState.FAILED)), "orders-2"),
        (a_set(member(1), member(2, removing=True)), "orders-2"),
    ],
)
def test_what_ends_the_history_the_set_or_the_donor_cuts_the_backup(
    present: InstanceSet | None, words: str
) -> None:
    """With a sentence for its owner."""
    assert words in str(cut_off(a_set(), present, member(2)))
