"""The picture of a set: who is where, and where lines lead."""

from dataclasses import replace

from memstored.console.topology import RIGHT, Picture, picture
from memstored.domain.catalogue import default_catalogue
from memstored.domain.facts import EndpointFacts, Life, NodeFacts, ReplicationFacts, SetFacts
from memstored.domain.model import InstanceSet, Lineage, Node, Vips
from memstored.domain.requests.readiness import readiness
from memstored.domain.words import NodeId, NodeState, Role, SetId, SetState

REPLID = "a" * 40
CATALOGUE = default_catalogue()


def node(number: int, role: Role = Role.REPLICA, state: NodeState = NodeState.RUNNING) -> Node:
    """A node with an address of its own."""
    return Node(
        id=NodeId(f"n{number}"),
        number=number,
        name=f"orders-{number}",
        subnet_id=CATALOGUE.subnets[number % 3].id,
        role=role,
        status=state,
        created_at=0.0,
        address=f"127.20.0.{number}",
        run_id=f"run-{number}",
        whole=role is Role.REPLICA,
    )


def a_set(*nodes: Node) -> InstanceSet:
    """A running set of these nodes, the first of which the lineage names."""
    return InstanceSet(
        id=SetId("one"),
        project_id="p",
        name="orders",
        description=None,
        replicas=len(nodes),
        flavor_id="f",
        memory=4,
        recovery_enabled=True,
        tls_enabled=False,
        subnets=(),
        security_groups=(),
        backup_schedule=None,
        user=None,
        parameter_group_id="g",
        port=6379,
        version="7.0.15",
        creator="mia",
        created_at=0.0,
        updated_at=0.0,
        status=SetState.RUNNING,
        reason=None,
        next_number=9,
        nodes=nodes,
        vips=Vips(primary="127.20.9.1", reader="127.20.9.2"),
        lineage=Lineage(epoch=1, primary=nodes[0].id, replid=REPLID),
    )


def seen(offsets: dict[str, int], **ends: str | None) -> SetFacts:
    """What is seen of nodes at these offsets, the first of which is the master."""
    nodes = {
        NodeId(name): NodeFacts(
            life=Life.UP,
            run_id=name.replace("n", "run-"),
            replication=ReplicationFacts(
                is_master=place == 0, replid=REPLID, offset=offset, link_up=place > 0
            ),
        )
        for place, (name, offset) in enumerate(offsets.items())
    }
    given = {name: NodeId(value) if value else None for name, value in ends.items()}
    return SetFacts(now=1.0, wall=1.0, nodes=nodes, endpoints=EndpointFacts(reserved=True, **given))  # type: ignore[arg-type]


def drawn(it: InstanceSet, facts: SetFacts, *, addresses: bool = True) -> Picture:
    """The picture of a set whose replicas were all two seconds behind when that was last measured."""
    lags = {one.id: 2.0 for one in it.nodes}
    return picture(it, facts, readiness(it, facts), CATALOGUE, lags, addresses=addresses)


def test_the_primary_is_on_top_and_the_replicas_hang_from_it() -> None:
    """Whatever their numbers are; each below the one before."""
    it = a_set(node(3, Role.PRIMARY), node(1), node(2))

    shown = drawn(it, seen({"n3": 5000, "n1": 4000, "n2": 5000}, primary_at="n3", reader_at="n2"))

    assert [card.name for card in shown.cards] == ["orders-3", "orders-1", "orders-2"]
    assert [card.branch is None for card in shown.cards] == [True, False, False]
    assert all(high.y + high.height < low.y for high, low in zip(shown.cards, shown.cards[1:], strict=False))
    assert all(card.x + card.width == RIGHT for card in shown.cards)


def test_addresses_lead_to_who_answers_there() -> None:
    """As it is seen, not as it should be; an address at which nobody answers ends in the open."""
    it = a_set(node(1, Role.PRIMARY), node(2))

    shown = drawn(it, seen({"n1": 5000, "n2": 5000}, primary_at=None, reader_at="n2"))

    writer, reader = shown.pointers
    assert (writer.host, writer.port, writer.leads_to) == ("127.20.9.1", 6379, None)
    assert (reader.host, reader.reader, reader.leads_to) == ("127.20.9.2", True, "orders-2")
    assert reader.path.endswith(f"V{shown.cards[1].y + shown.cards[1].height // 2}H{RIGHT}")


def test_addresses_are_shown_once_they_are_promised() -> None:
    """A set that is being made has none yet (API.md 2.10)."""
    it = a_set(node(1, Role.PRIMARY))

    assert drawn(it, seen({"n1": 5000}, primary_at="n1"), addresses=False).pointers == ()
    assert drawn(replace(it, vips=None), seen({"n1": 5000})).pointers == ()


def test_a_replica_tells_how_far_behind_it_is() -> None:
    """In bytes now, in seconds as it was last measured; a primary is never behind."""
    it = a_set(node(1, Role.PRIMARY), node(2))

    primary, replica = drawn(it, seen({"n1": 5000, "n2": 3976})).cards

    assert (primary.behind, primary.heard) == (None, None)
    assert (replica.behind, replica.heard) == (1024, 2.0)


def test_a_link_that_is_down_tells_for_how_long() -> None:
    """That is newer than what was measured."""
    it = a_set(node(1, Role.PRIMARY), node(2))
    facts = seen({"n1": 5000, "n2": 3976})
    cut = ReplicationFacts(is_master=False, replid=REPLID, offset=3976, link_up=False, link_down_for=7)
    nodes = {**facts.nodes, NodeId("n2"): replace(facts.nodes[NodeId("n2")], replication=cut)}

    assert drawn(it, replace(facts, nodes=nodes)).cards[1].heard == 7.0


def test_a_dead_node_is_lost_and_nothing_else() -> None:
    """What was seen of it before does not count any more."""
    it = a_set(node(1, Role.PRIMARY, NodeState.FAILED), node(2, state=NodeState.STARTING))
    facts = seen({"n1": 5000, "n2": 5000})
    nodes = {name: replace(told, life=Life.SILENT) for name, told in facts.nodes.items()}

    dead, coming = drawn(it, replace(facts, nodes=nodes)).cards

    assert (dead.lost, dead.trouble, dead.serving) == (True, None, False)
    assert (coming.lost, coming.trouble, coming.serving) == (False, "silent", False)


def test_without_a_primary_nothing_hangs() -> None:
    """As after a failed primary was deleted; and a set without nodes has a picture, too."""
    it = a_set(node(1), node(2))

    assert [card.branch for card in drawn(it, seen({})).cards] == [None, None]
    assert drawn(replace(it, nodes=()), seen({})).cards == ()
