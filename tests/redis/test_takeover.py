"""One controller at a time: who comes later takes a node, and who was there before can do no more (S7)."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import pytest
import redis
from logins import CONTROL, CONTROLLERS, REPLICATION
from nodes import Node, Opener, attached, connected, pair, reached
from servers import Server, soon

from memstored.domain.controllers import Controller, Controllers
from memstored.domain.ports import LinkTrouble
from memstored.redis.acl import acting, acting_rules
from memstored.redis.link import RedisLink
from memstored.redis.outflow import outflow

pytestmark = pytest.mark.able("acl")

FIRST = CONTROLLERS
SECOND = Controllers(
    own=Controller(number=FIRST.own.number + 1, nonce="0c21ab5f"),
    former=frozenset({FIRST.own}),
    since=FIRST.since,
)
"""A later start on the same state."""
COPY = Controllers(own=Controller(number=SECOND.own.number, nonce="ab5f0c21"), since=SECOND.since)
"""A start on a copy of the state that does not know of the second."""


@pytest.fixture
async def second() -> Iterator[Opener]:
    """Opens the links of the controller that comes later."""
    opener = Opener(SECOND)
    yield opener
    for link in opener.links:
        link.close()


def controllers_at(server: Server) -> set[str]:
    """The users of controllers that a node has."""
    with observed(server) as client:
        return {name for name in client.acl_users() if name.startswith(f"{CONTROL.user}-")}


def user(controllers: Controllers) -> str:
    """Who that controller is on the nodes."""
    return acting(CONTROL, controllers.own).user


@contextmanager
def observed(server: Server) -> Iterator[redis.Redis]:
    """A client that may do everything, and is no controller's."""
    with closing(server.client(CONTROL.user, CONTROL.secret)) as client:
        yield client


async def test_a_newborn_node_is_taken_by_whoever_comes(node: Node, opened: Opener) -> None:
    """It gets a user of that controller's own, and the link is that user's."""
    server = node()

    link = await connected(opened(server))

    assert controllers_at(server) == {user(FIRST)}
    with observed(server) as client:
        assert {row["user"] for row in client.client_list() if row["name"] == "memstored"} == {user(FIRST)}
    assert link.replication is not None


async def test_who_comes_later_ends_the_one_before(node: Node, opened: Opener, second: Opener) -> None:
    """The former's user is deleted with its connections; it can not come back, and says who has the node."""
    server = node()
    first = await connected(opened(server))

    later = await connected(second(server))
    await soon(lambda: opened.superseded, what="the former learning of it")

    assert controllers_at(server) == {user(SECOND)}
    assert opened.superseded == [SECOND.own]
    assert not first.connected
    assert SECOND.own.name in first.trouble
    with pytest.raises(LinkTrouble, match="has the node"):
        await first.detach()
    await later.equip(REPLICATION)
    assert not second.superseded


async def test_h14_a_command_of_the_former_is_not_carried_out(
    node: Node, opened: Opener, second: Opener
) -> None:
    """Not even one that was sent while the node stood still, before the later one came (H14)."""
    server = node()
    first = await connected(opened(server, deadline=10.0))
    server.pause()
    late = second(server)
    # What waits at the node is read connection by connection: the former's first, and then it is too late.
    await asyncio.sleep(0)
    server.resume()
    await connected(late)

    with pytest.raises(LinkTrouble):
        await first.follow("127.0.0.1", 2)

    await late.refresh()
    assert late.replication is not None
    assert late.replication.is_master


async def test_a_copy_that_knows_nothing_of_it_gives_way(node: Node, second: Opener) -> None:
    """It leaves the one that has the node alone, whatever it had seen before (S7)."""
    server = node()
    link = await connected(second(server))
    outdated = Opener(COPY)

    refused = outdated(server)
    await soon(lambda: outdated.superseded, what="learning who has the node")

    assert outdated.superseded == [SECOND.own]
    assert not refused.connected
    assert controllers_at(server) == {user(SECOND)}
    await link.refresh()
    assert link.connected
    refused.close()


async def test_a_state_that_was_put_back_takes_over(node: Node, second: Opener) -> None:
    """It knows nobody, and everybody before its first controller is one to be replaced."""
    server = node()
    await connected(second(server))
    number = SECOND.own.number + 1000
    restored = Opener(Controllers(own=Controller(number=number, nonce="5fab0c21"), since=number))

    link = await connected(restored(server))
    await soon(lambda: second.superseded, what="the former learning of it")

    assert controllers_at(server) == {acting(CONTROL, restored.controllers.own).user}
    link.close()


async def test_whoever_comes_back_to_its_own_node_just_goes_on(node: Node, opened: Opener) -> None:
    """A connection that ended is made again without a change to the node."""
    server = node()
    link = await connected(opened(server))
    with observed(server) as client:
        client.config_resetstat()
        opened.changes.clear()
        client.client_kill_filter(user=user(FIRST))
        await soon(lambda: opened.changes and link.connected, what="another connection")
        calls = client.info("commandstats")

    assert "cmdstat_multi" not in calls
    assert not {name for name in calls if "deluser" in name}
    assert not opened.superseded


@pytest.mark.parametrize("left", [(), (FIRST,), (FIRST, SECOND)], ids=["nothing", "former", "both"])
async def test_whoever_was_killed_on_the_way_leaves_a_node_to_take(
    node: Node, second: Opener, left: Sequence[Controllers]
) -> None:
    """With no user made yet, with the former's alone, and with both (H14)."""
    server = node()
    with observed(server) as client:
        for controllers in left:
            client.execute_command("ACL", "SETUSER", *acting_rules(acting(CONTROL, controllers.own)))

    link = await connected(second(server))

    assert controllers_at(server) == {user(SECOND)}
    await link.refresh()


async def test_the_user_of_an_older_service_is_taken_over(node: Node, second: Opener) -> None:
    """Before, all starts shared the control user, which might do everything: its connections end, and it is a
    way in from then on.
    """
    server = node()
    with observed(server) as client:
        client.execute_command("ACL", "SETUSER", *acting_rules(CONTROL))
    old = redis.Redis(server.host, server.port, username=CONTROL.user, password=CONTROL.secret)
    held = old.connection_pool.make_connection()
    held.connect()
    held.send_command("CONFIG", "GET", "maxmemory")
    assert held.read_response()

    await connected(second(server))

    held.send_command("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(redis.ConnectionError):
        held.read_response()
    with pytest.raises(redis.exceptions.NoPermissionError):
        old.execute_command("REPLICAOF", "127.0.0.1", "1")
    assert controllers_at(server) == {user(SECOND)}
    old.close()


async def test_of_many_that_come_at_once_one_has_the_node(node: Node) -> None:
    """Starts on one state, each of which knows those before it: the last one, and all others say so."""
    server = node()
    crowd = []
    for number in range(8):
        known = frozenset(opener.controllers.own for opener in crowd)
        own = Controller(number=number + 1, nonce=f"{number:08x}")
        crowd.append(Opener(Controllers(own=own, former=known, since=1)))
    links = [opener(server) for opener in reversed(crowd)]

    await connected(links[0])
    await soon(lambda: all(opener.superseded for opener in crowd[:-1]), what="the others giving way")
    await soon(lambda: controllers_at(server) == {user(crowd[-1].controllers)}, what="one user being left")

    assert not crowd[-1].superseded
    await links[0].refresh()
    assert [link.connected for link in links] == [True] + [False] * 7
    for link in links:
        link.close()


async def test_a_backup_under_way_ends_with_its_controller(
    node: Node, opened: Opener, second: Opener
) -> None:
    """Nothing is read of a node any more (S7)."""
    server = node()
    await connected(opened(server))
    target = opened.links[0]._target  # noqa: SLF001 - the same one, for another reader
    async with outflow(target, FIRST, deadline=5.0) as flow:
        assert flow.used_memory

    await connected(second(server))

    with pytest.raises(LinkTrouble, match="WRONGPASS"):
        async with outflow(target, FIRST, deadline=5.0):
            pass


async def test_neither_tenants_nor_replicas_notice(node: Node, opened: Opener, second: Opener) -> None:
    """No connection of theirs ends, and no copy is made anew: the replication user is not touched."""
    primary, above, replica, below = await pair(node, opened)
    await above.admit(None)
    with closing(primary.client()) as tenant:
        tenant.set("before", "1")
        ours = tenant.client_id()
        links = await connected(second(primary)), await connected(second(replica))
        tenant.set("after", "1")
        assert tenant.client_id() == ours
    offset = await links[0].stamp()
    await soon(lambda: attached(links[1]) and reached(links[1], offset), what="the replica going on")

    with observed(primary) as client:
        stats = client.info("stats")
    assert (stats["sync_full"], stats["sync_partial_ok"]) == (1, 0)
    assert below is not links[1]


def taken_when_asked(link: RedisLink, server: Server) -> bool:
    """Whether the second controller has the node; its link is to look again, as every second."""
    link.probe()
    return controllers_at(server) == {user(SECOND)}


async def test_a_busy_node_is_taken_when_its_script_ends(node: Node, second: Opener) -> None:
    """Meanwhile it is known to be busy, and the script can be ended (H16)."""
    server = node()
    with observed(server) as client:
        client.config_set("lua-time-limit", 50)
        endless = client.connection_pool.make_connection()
        endless.connect()
        endless.send_command("EVAL", "while true do end", 0)
        link = second(server)
        await soon(lambda: link.busy, what="the link seeing that it is busy")
        assert link.connected
        assert link.run_id is None

        await link.kill_script()
        await soon(lambda: taken_when_asked(link, server), what="the node being taken")
        await soon(lambda: link.connected and link.run_id is not None, what="the link")
        endless.disconnect()

    await link.refresh()
