from collections.abc import Sequence

import pytest

from memstored.domain.ports import Identity, LinkTrouble
from memstored.domain.words import NodeId
from memstored.runtime.simulated import CONTROLLER, SimulatedFleet
from memstored.runtime.simulated_node import Reply, SimulatedClient, SimulatedNode

A, B, C = NodeId("a"), NodeId("b"), NodeId("c")
HOSTS = {A: "127.20.0.1", B: "127.20.0.2", C: "127.20.0.3"}
PORT = 6379
IDENTITY = Identity(user="replication", secret="one set's secret")
VIP = "127.20.0.100"


def fleet_of(*node_ids: NodeId, version: str = "7.0.15") -> SimulatedFleet:
    """Launched nodes that share the replication identity; each a master without data."""
    fleet = SimulatedFleet()
    for node_id in node_ids:
        fleet.launch(node_id, host=HOSTS[node_id], port=PORT, version=version).identity = IDENTITY
    return fleet


def follow(fleet: SimulatedFleet, replicas: Sequence[NodeId], primary: NodeId) -> None:
    """Point the replicas at the primary, without a turn."""
    for replica in replicas:
        fleet.node(replica).follow(HOSTS[primary], PORT)


def running(*node_ids: NodeId, version: str = "7.0.15") -> SimulatedFleet:
    """A set at rest: the first node is the primary, open to tenants, the others stream from it."""
    fleet = fleet_of(*node_ids, version=version)
    for node_id in node_ids:
        fleet.node(node_id).admitted = True
    follow(fleet, node_ids[1:], node_ids[0])
    fleet.settle()
    return fleet


def write(fleet: SimulatedFleet, node_id: NodeId, value: str) -> Reply:
    """A tenant's write at the node's own address."""
    return fleet.client_write(HOSTS[node_id], value, PORT)


def connected(fleet: SimulatedFleet, address: str) -> SimulatedClient:
    """A tenant's connection that stays."""
    client = fleet.connect(address, PORT)
    assert isinstance(client, SimulatedClient)
    return client


def test_a_set_at_rest_shows_one_primary_and_its_replicas_at_the_same_offset() -> None:
    """After a settled full sync the replicas hold the data, the replid and the offset of the primary."""
    fleet = fleet_of(A, B, C)
    fleet.node(A).admitted = True
    write(fleet, A, "before")
    follow(fleet, (B, C), A)

    fleet.settle()
    write(fleet, A, "after")
    fleet.settle()

    primary, replica = fleet.facts(A), fleet.facts(B)
    assert fleet.holders("before") == fleet.holders("after") == {A, B, C}
    assert primary.is_master
    assert (replica.replid, replica.offset, replica.link_up) == (primary.replid, primary.offset, True)
    assert [(feed.up, feed.acked) for feed in fleet.node(A).downstream] == [(True, primary.offset)] * 2


def test_the_offset_of_a_promoted_node_moves_by_itself_and_its_replid_is_new() -> None:
    """H1: after `NO ONE` the offset says nothing, and the old history is `replid2` up to the fork."""
    fleet = running(A, B)
    before = fleet.facts(B)
    fleet.crash(A)
    fleet.settle()

    fleet.node(B).promote()
    fork = fleet.facts(B)
    fleet.settle()

    assert fork.replid != before.replid
    assert (fork.replid2, fork.second_offset) == (before.replid, before.offset + 1)
    assert fleet.facts(B).offset > fork.offset


def test_two_promoted_nodes_do_not_continue_from_each_other() -> None:
    """H1: each `NO ONE` makes a history of its own, so the loser needs a full sync."""
    fleet = running(A, B, C)
    fleet.crash(A)
    fleet.settle()
    fleet.node(B).promote()
    fleet.node(C).promote()
    fleet.settle()

    follow(fleet, (C,), B)
    fleet.step()

    assert fleet.facts(C).syncing


def test_nowhere_keeps_everything_and_the_way_back_is_partial() -> None:
    """H1: a detached replica keeps data, replid and a frozen offset, refuses writes, then continues."""
    fleet = running(A, B)
    write(fleet, A, "one")
    fleet.settle()
    before = fleet.facts(B)

    fleet.node(B).detach()
    write(fleet, A, "two")
    fleet.settle()
    detached, refusal = fleet.facts(B), write(fleet, B, "mine")
    listed = [feed for feed in fleet.node(A).downstream if not feed.ended]
    follow(fleet, (B,), A)
    fleet.step()
    partial = fleet.facts(B).link_up
    fleet.settle()

    assert detached.nowhere
    assert (detached.replid, detached.offset) == (before.replid, before.offset)
    assert refusal is Reply.READONLY
    assert listed == []
    assert partial
    assert fleet.node(B).writes == ["one", "two"]


def test_a_replica_is_empty_before_its_new_data_arrives() -> None:
    """H2: a failed full sync leaves no data, the old replid and offset, and shows offset 1."""
    fleet = running(A, B)
    write(fleet, A, "one")
    fleet.settle()
    before = fleet.facts(B)
    fleet.launch(C, host=HOSTS[C], port=PORT).identity = IDENTITY

    follow(fleet, (B,), C)
    fleet.step()
    fleet.crash(C)
    fleet.settle()

    after = fleet.facts(B)
    assert fleet.holders("one") == {A}
    assert (after.replid, after.offset, after.agrees, after.link_up) == (before.replid, 1, False, False)


def test_an_emptied_replica_looks_whole_once_it_is_promoted() -> None:
    """H2: after `NO ONE` nothing tells an emptied node from a whole one: `replid2` and offset match."""
    fleet = running(A, B)
    write(fleet, A, "one")
    fleet.settle()
    truth = fleet.facts(A)
    fleet.launch(C, host=HOSTS[C], port=PORT).identity = IDENTITY
    follow(fleet, (B,), C)
    fleet.step()
    fleet.crash(C)

    fleet.node(B).promote()

    claim = fleet.facts(B)
    assert (claim.replid2, claim.second_offset, claim.agrees) == (truth.replid, truth.offset + 1, True)
    assert fleet.holders("one") == {A}


def test_what_a_dead_primary_had_sent_is_read_before_the_link_is_down() -> None:
    """H3: waiting for the link to be down keeps the writes that lay in the socket."""
    fleet = running(A, B)
    acknowledged = write(fleet, A, "last")
    fleet.crash(A)
    up_before = fleet.facts(B).link_up

    fleet.settle()
    fleet.node(B).promote()

    assert acknowledged is Reply.OK
    assert (up_before, fleet.facts(B).link_up) == (True, False)
    assert fleet.holders("last") == {B}


def test_a_hasty_promotion_loses_what_lay_in_the_socket() -> None:
    """H3: `NO ONE` at once after the primary's death drops acknowledged writes."""
    fleet = running(A, B)
    write(fleet, A, "last")
    fleet.crash(A)

    fleet.node(B).promote()
    fleet.settle()

    assert fleet.acknowledged == ["last"]
    assert fleet.holders("last") == set()


def test_the_first_replica_changes_the_replid_of_its_primary() -> None:
    """H4: a master without a backlog takes a new replid at its first PSYNC, and keeps it at the second."""
    fleet = fleet_of(A, B, C)
    born = fleet.facts(A).replid

    follow(fleet, (B,), A)
    fleet.settle()
    first = fleet.facts(A).replid
    follow(fleet, (C,), A)
    fleet.settle()

    assert first != born
    assert fleet.facts(A).replid == fleet.facts(C).replid == first


def test_link_up_is_not_yet_a_copy() -> None:
    """H5: between `up` and the stream's begin an acknowledged write dies with the primary."""
    fleet = fleet_of(A, B)
    fleet.node(A).admitted = True
    follow(fleet, (B,), A)
    turns = 0
    while not fleet.facts(B).link_up:
        fleet.deliver(B)
        turns += 1

    write(fleet, A, "early")
    seen = fleet.node(A).downstream[0].up
    fleet.crash(A)
    fleet.settle()

    assert turns > 1
    assert seen
    assert fleet.acknowledged == ["early"]
    assert fleet.holders("early") == set()


def test_a_replica_that_acknowledged_a_stamp_keeps_what_came_before_it() -> None:
    """H5: the acknowledgement of something produced after the sync proves the copy."""
    fleet = fleet_of(A, B)
    fleet.node(A).admitted = True
    follow(fleet, (B,), A)
    while not fleet.facts(B).link_up:
        fleet.deliver(B)
    write(fleet, A, "early")
    stamp = fleet.node(A).stamp()
    feed = fleet.node(A).downstream[0]
    before = feed.acked

    while feed.acked < stamp:
        fleet.deliver(B)
    fleet.crash(A)
    fleet.settle()

    assert before < stamp
    assert fleet.holders("early") == {B}


def test_all_nodes_may_be_replicas_with_links_up() -> None:
    """H6: a 7.0 primary that follows its own replica leaves a circle without a primary."""
    fleet = running(A, B)

    follow(fleet, (A,), B)
    fleet.settle()

    facts = [fleet.facts(A), fleet.facts(B)]
    assert not any(fact.is_master for fact in facts)
    assert all(fact.link_up for fact in facts)
    assert facts[0].offset == facts[1].offset


def test_demotion_towards_a_target_behind_destroys_the_tail() -> None:
    """H8: the old primary full-syncs from a target that lags, and its acknowledged tail is gone."""
    fleet = running(A, B)
    fleet.hang(B)
    write(fleet, A, "tail")
    fleet.sever(B)
    fleet.wake(B)
    fleet.node(B).promote()

    follow(fleet, (A,), B)
    fleet.settle()

    assert fleet.facts(A).link_up
    assert fleet.acknowledged == ["tail"]
    assert fleet.holders("tail") == set()


def test_the_order_of_a_planned_change_loses_nothing() -> None:
    """H8: old primary to nowhere, target reaches its final offset, `NO ONE`: no loss and no full sync."""
    fleet = running(A, B, C)
    write(fleet, A, "last")
    fleet.node(A).paused = True
    held = write(fleet, A, "held")

    fleet.node(A).detach()
    final = fleet.facts(A).offset
    fleet.settle()
    reached = fleet.facts(B).offset
    fleet.node(B).promote()
    follow(fleet, (A, C), B)
    fleet.step()

    assert held is Reply.HELD
    assert reached == final
    assert not fleet.facts(A).syncing
    assert not fleet.facts(C).syncing
    assert fleet.holders("last") == {A, B, C}


def test_pings_move_the_offset_during_a_pause() -> None:
    """H8: a paused primary's offset still grows, by 14 bytes each."""
    fleet = running(A, B)
    fleet.node(A).paused = True
    before = fleet.facts(A).offset

    fleet.node(A).ping()

    assert fleet.facts(A).offset == before + 14


def test_an_engine_before_7_drops_its_replicas_on_demotion() -> None:
    """H12: on 6.2 the replicas' links end with the demotion; on 7.0 they stay."""
    old, new = running(A, B, version="6.2.5"), running(A, B)

    old.node(A).detach()
    new.node(A).detach()
    old.settle()
    new.settle()

    assert not old.facts(B).link_up
    assert new.facts(B).link_up


def test_a_promotion_without_an_answer_is_carried_out_when_the_target_wakes() -> None:
    """H9: the command that timed out makes a second master later."""
    fleet = running(A, B)
    fleet.hang(B)
    with pytest.raises(LinkTrouble):
        fleet.command(B, SimulatedNode.promote)
    before = fleet.facts(B).is_master

    fleet.wake(B)

    assert (before, fleet.facts(B).is_master, fleet.facts(A).is_master) == (False, True, True)


def test_a_command_through_a_partition_arrives_when_it_heals() -> None:
    """H9: what was sent through a broken network is carried out late, if the target still lives."""
    fleet = running(A, B)
    fleet.partition(CONTROLLER, B)
    with pytest.raises(LinkTrouble):
        fleet.command(B, SimulatedNode.promote)

    fleet.heal()

    assert fleet.facts(B).is_master


def test_a_command_to_a_hung_node_dies_with_it() -> None:
    """H9: the target proven gone is the other way out; what starts in its place knows of no command."""
    fleet = running(A, B)
    fleet.node(B).detach()
    fleet.hang(B)
    with pytest.raises(LinkTrouble):
        fleet.command(B, SimulatedNode.promote)

    fleet.crash(B)
    fleet.wake(B)

    assert not fleet.facts(B).is_master


def test_acknowledgements_come_a_turn_late() -> None:
    """H10: the primary learns what a replica has only from its next acknowledgement."""
    fleet = running(A, B)
    write(fleet, A, "one")
    before = fleet.confirmations(A)

    fleet.deliver(B)

    assert (before, fleet.confirmations(A)) == (0, 1)


def test_a_hung_primary_carries_out_what_waited_when_it_wakes() -> None:
    """H11: the write that got no answer is done later, and nobody was told so."""
    fleet = running(A, B)
    fleet.hang(A)
    reply = write(fleet, A, "late")

    fleet.wake(A)

    assert reply is Reply.SILENT
    assert fleet.holders("late") == {A}
    assert fleet.acknowledged == []


def test_a_connection_outlives_the_binding_of_its_address() -> None:
    """H13: after the unbind new clients are refused, the old one writes on until it is killed."""
    fleet = running(A)
    node = fleet.node(A)
    fleet.bind(node, (HOSTS[A], VIP))
    old, direct = connected(fleet, VIP), connected(fleet, HOSTS[A])

    fleet.bind(node, (HOSTS[A],))
    refused, still = fleet.client_write(VIP, "new", PORT), old.write("old")
    node.end_through(VIP)

    assert (refused, still) == (Reply.REFUSED, Reply.OK)
    assert (old.write("more"), direct.write("direct")) == (Reply.CLOSED, Reply.OK)


def test_shutting_a_node_ends_the_connections_too() -> None:
    """H13: users off alone fence nobody; `shut` closes what is connected and refuses what comes."""
    fleet = running(A)
    client = connected(fleet, HOSTS[A])

    fleet.node(A).shut()

    assert client.write("old") is Reply.CLOSED
    assert write(fleet, A, "new") is Reply.NOT_ADMITTED


def test_an_address_held_by_a_hung_node_can_not_be_bound() -> None:
    """A stopped process keeps its listening sockets, so its address is free only when it is gone (S8)."""
    fleet = running(A, B)
    fleet.bind(fleet.node(A), (HOSTS[A], VIP))
    fleet.hang(A)

    with pytest.raises(LinkTrouble, match="in use"):
        fleet.bind(fleet.node(B), (HOSTS[B], VIP))
    fleet.crash(A)
    fleet.bind(fleet.node(B), (HOSTS[B], VIP))

    assert fleet.listening(VIP, PORT) is fleet.node(B)


def test_a_passed_expiry_shows_only_after_promotion() -> None:
    """H29: keys whose time is over stay on the replica and vanish after `NO ONE`."""
    fleet = running(A, B)
    write(fleet, A, "short-lived")
    fleet.settle()
    fleet.crash(A)
    fleet.expire("short-lived")
    fleet.settle()
    before = fleet.holders("short-lived")

    fleet.node(B).promote()
    fleet.step()

    assert (before, fleet.holders("short-lived")) == ({B}, set())


def test_nobody_copies_a_primary_that_restarted_empty() -> None:
    """S1: the restarted server lacks the set's identity, so its replicas are refused and keep all."""
    fleet = running(A, B)
    write(fleet, A, "one")
    fleet.settle()
    first = fleet.node(A).run_id
    fleet.crash(A)

    fleet.restart_empty(A)
    fleet.settle()

    assert fleet.node(A).run_id != first
    assert fleet.node(A).ended
    assert fleet.holders("one") == {B}
    assert not fleet.facts(B).link_up
    assert write(fleet, A, "lost") is Reply.NOT_ADMITTED


def test_an_empty_primary_with_the_identity_would_be_copied() -> None:
    """Without S1 an empty restart wipes the set: the trap that the rule is there for."""
    fleet = running(A, B)
    write(fleet, A, "one")
    fleet.settle()
    fleet.crash(A)
    fleet.restart_empty(A)

    fleet.node(A).identity = IDENTITY
    fleet.settle()

    assert fleet.acknowledged == ["one"]
    assert fleet.holders("one") == set()


def test_a_loading_replica_finishes_its_file_without_the_primary() -> None:
    """S6: the file is whole, so the data survives the primary's death; meanwhile `REPLICAOF` is refused."""
    fleet = fleet_of(A, B)
    fleet.node(A).admitted = True
    write(fleet, A, "one")
    follow(fleet, (B,), A)
    while not fleet.facts(B).loading:
        fleet.deliver(B)
    fleet.crash(A)

    with pytest.raises(LinkTrouble, match="LOADING"):
        fleet.node(B).promote()
    fleet.settle()

    assert fleet.holders("one") == {B}
    assert not fleet.facts(B).loading


def test_a_replica_without_a_link_serves_nobody() -> None:
    """A detached node refuses `PSYNC`, so a replica pointed at it keeps its own data."""
    fleet = running(A, B, C)
    write(fleet, A, "one")
    fleet.settle()
    fleet.node(B).detach()

    follow(fleet, (C,), B)
    fleet.settle()

    assert not fleet.facts(C).link_up
    assert fleet.holders("one") == {A, B, C}


def test_a_replica_behind_the_fork_continues_and_one_beyond_it_does_not() -> None:
    """`replid2` covers offsets up to the fork only: a replica with more must take a full sync."""
    fleet = running(A, B, C)
    fleet.hang(B)
    write(fleet, A, "one")
    fleet.deliver(C)
    fleet.sever(B)
    fleet.wake(B)
    fleet.crash(A)
    fleet.settle()
    behind, ahead = fleet.node(B), fleet.node(C)
    ahead.promote()
    follow(fleet, (B,), C)
    fleet.step()
    partial = fleet.facts(B).link_up
    fleet.settle()

    behind.detach()
    write(fleet, C, "two")
    behind.promote()
    for value in ("three", "four"):
        write(fleet, B, value)
    follow(fleet, (C,), B)
    fleet.step()

    assert partial
    assert fleet.facts(C).syncing


def test_a_promoted_node_can_not_send_what_came_before_its_own_sync() -> None:
    """A replica's backlog begins at its full sync, so an older one of the same history can not continue."""
    fleet = running(A, C)
    fleet.node(C).detach()
    write(fleet, A, "one")
    fleet.launch(B, host=HOSTS[B], port=PORT).identity = IDENTITY
    follow(fleet, (B,), A)
    fleet.settle()
    fleet.crash(A)
    fleet.settle()
    fleet.node(B).promote()

    follow(fleet, (C,), B)
    fleet.step()

    assert fleet.facts(C).syncing


def test_a_partition_between_nodes_holds_the_stream_back_until_it_heals() -> None:
    """Nothing passes, nobody is told: the link stays up and the bytes arrive afterwards."""
    fleet = running(A, B)
    fleet.partition(A, B)
    write(fleet, A, "one")
    fleet.settle()
    during = (fleet.facts(B).link_up, fleet.holders("one"))

    fleet.heal()
    fleet.settle()

    assert during == (True, {A})
    assert fleet.holders("one") == {A, B}


def test_the_same_history_gives_the_same_fleet() -> None:
    """Ids are minted in order, so that a failing random history can be played again."""
    one, other = running(A, B, C), running(A, B, C)

    assert [one.facts(n) for n in (A, B, C)] == [other.facts(n) for n in (A, B, C)]
