"""How a link tells life, silence and death of real servers of every engine, and comes back."""

import asyncio
import socket
import struct
from contextlib import suppress

import pytest
import redis
import uvloop
from logins import CONTROL, joining
from nodes import Node, Opener, connected
from servers import Server, free_address, soon

from memstored.domain.ports import Identity, LinkTrouble

ENDLESS = "while true do end"


async def test_a_stopped_node_is_counted_as_silent(node: Node, opened: Opener) -> None:
    """Probes to a stopped process go unanswered one by one; the first answer sets the count to 0."""
    server = node()
    link = await connected(opened(server))
    server.pause()

    for _ in range(4):
        link.probe()
    silent = link.unanswered
    opened.changes.clear()
    server.resume()
    await soon(lambda: link.unanswered == 0, what="life")

    assert silent == 3
    assert opened.changes
    assert link.connected


async def test_probes_of_a_stopped_node_do_not_pile_up(node: Node, opened: Opener) -> None:
    """Only one probe is ever under way, however often it was asked for."""
    server = node()
    link = await connected(opened(server))
    client = server.client(CONTROL.user, CONTROL.secret)
    before = client.info("commandstats")["cmdstat_info"]["calls"]
    server.pause()

    for _ in range(9):
        link.probe()
    server.resume()
    await soon(lambda: link.unanswered == 0, what="life")

    assert client.info("commandstats")["cmdstat_info"]["calls"] == before + 2


async def test_silence_goes_on_over_a_new_connection(node: Node, opened: Opener) -> None:
    """A stopped node that lets us connect again is still silent: only an answer counts as life."""
    server = node()
    link = await connected(opened(server, deadline=0.1))
    server.pause()

    with pytest.raises(LinkTrouble, match="no answer within"):
        await link.refresh()
    await soon(lambda: not link.connected, what="the end of the connection")
    for _ in range(30):
        link.probe()
    silent = link.unanswered
    server.resume()
    await soon(lambda: link.connected, what="the new connection")

    assert silent == 29
    assert link.unanswered == 0
    assert link.run_id is not None


async def test_a_long_silence_is_met_with_a_new_connection(node: Node, opened: Opener) -> None:
    """After ten silent seconds the link connects anew, in case the path and not the node is broken."""
    server = node()
    link = await connected(opened(server))
    server.pause()
    link.probe()

    opened.clock.ahead += 9.0
    link.probe()
    patient = link.connected
    opened.clock.ahead += 2.0
    link.probe()
    await soon(lambda: not link.connected, what="the end of the old connection")
    server.resume()
    await soon(lambda: link.connected, what="the new connection")

    assert patient
    assert link.run_id is not None


async def test_a_command_that_is_cancelled_leaves_the_link_whole(node: Node, opened: Opener) -> None:
    """Answers stay with their questions after a caller gave up."""
    server = node()
    link = await connected(opened(server))
    server.pause()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(link.refresh(), 0.05)
    server.resume()
    replication = joining(server.engine.version)
    await link.equip(replication)

    assert link.equipped_as(replication)
    assert link.connected


async def test_a_killed_node_is_seen_at_once(node: Node, opened: Opener) -> None:
    """The end of the stream clears the server's identity, keeps the last facts and is told."""
    server = node()
    link = await connected(opened(server))
    facts = link.replication
    opened.changes.clear()

    server.end()
    await soon(lambda: not link.connected, what="the end")

    assert opened.changes
    assert link.run_id is None
    assert link.process_id is None
    assert link.replication == facts
    with pytest.raises(LinkTrouble):
        await link.refresh()


async def test_being_refused_is_no_silence(node: Node, opened: Opener) -> None:
    """While connections are refused probes do not count: only the runtime says that a node is gone (H15)."""
    server = node()
    link = await connected(opened(server))
    server.end()

    await soon(lambda: "refused" in link.trouble, what="a refusal")
    for _ in range(5):
        link.probe()

    assert link.unanswered == 0


async def test_a_restarted_server_has_another_run_id(node: Node, opened: Opener) -> None:
    """The link comes back by itself, and another `run_id` tells that this is another, empty server."""
    server = node()
    link = await connected(opened(server))
    before = link.run_id
    server.end()
    await soon(lambda: not link.connected, what="the end")

    server.restart()
    await connected(link)

    assert link.run_id not in {None, before}
    assert not link.admitted


async def test_h16_an_endless_script_is_life(node: Node, opened: Opener) -> None:
    """`-BUSY` answers mean a busy node, not a silent one; it is over when the script is."""
    server = node()
    link = await connected(opened(server))
    tenant = asyncio.create_task(_run_script(server))

    await soon(lambda: link.probe() or link.busy, what="-BUSY")
    unanswered = link.unanswered
    server.client(CONTROL.user, CONTROL.secret).script_kill()
    await soon(lambda: link.probe() or not link.busy, what="the end of the script")

    assert unanswered == 0
    assert link.run_id is not None
    assert "Script killed" in await tenant


async def test_a_link_made_to_a_busy_node_completes_its_account_later(node: Node, opened: Opener) -> None:
    """A node that answers only `-BUSY` is connected and busy; who it is becomes known when it is free."""
    server = node()
    first = await connected(opened(server))
    tenant = asyncio.create_task(_run_script(server))
    await soon(lambda: first.probe() or first.busy, what="-BUSY")

    link = await connected(opened(server))
    seen = (link.busy, link.run_id)
    server.client(CONTROL.user, CONTROL.secret).script_kill()
    await soon(lambda: link.probe() or link.run_id, what="a full account")

    assert seen == (True, None)
    assert link.run_id == first.run_id
    assert link.replication is not None
    await tenant


async def _run_script(server: Server) -> str:
    client = server.client(CONTROL.user, CONTROL.secret)
    try:
        return str(await asyncio.to_thread(client.eval, ENDLESS, 0))
    except redis.exceptions.ResponseError as error:
        return str(error)


@pytest.mark.able("diskless_load")
async def test_a_loading_node_says_so_until_it_has_loaded(node: Node, opened: Opener) -> None:
    """`loading` is asked for as long as it lasts, and is part of the facts (S4)."""
    server = node()
    control = server.client(CONTROL.user, CONTROL.secret)
    control.config_set("rdbcompression", "no")
    control.mset({f"key{i}": "x" * 100_000 for i in range(100)})
    control.save()
    server.end()
    with (server.folder / "redis.conf").open("a") as file:
        file.write("key-load-delay 10000\n")

    start = asyncio.create_task(asyncio.to_thread(server.restart))
    link = await connected(opened(server))
    seen = (link.loading, link.busy, link.replication is not None and link.replication.loading)
    await soon(lambda: link.probe() or not link.loading, what="the end of loading")

    assert seen == (True, False, True)
    assert link.replication is not None
    await soon(lambda: link.probe() or not link.replication.loading, what="facts without loading")
    await start


async def test_h16_a_node_whose_script_can_not_be_killed_stays_busy(node: Node, opened: Opener) -> None:
    """It answers `SCRIPT KILL` with UNKILLABLE: that is no sign of being free again."""
    server = node()
    link = await connected(opened(server))
    server.client(CONTROL.user, CONTROL.secret).config_set("lua-time-limit", 50)
    script = "redis.call('set', 'k', 'v') while true do end"
    spinning = asyncio.create_task(asyncio.to_thread(_run_to_its_end, server, script))
    await soon(lambda: link.probe() or link.busy, what="the node being busy")

    with pytest.raises(LinkTrouble, match="UNKILLABLE"):
        await link.kill_script()

    assert link.busy
    server.end()
    await spinning


def _run_to_its_end(server: Server, script: str) -> None:
    with suppress(redis.ConnectionError):
        server.client(CONTROL.user, CONTROL.secret).eval(script, 0)


async def test_h15_a_full_node_is_alive(node: Node, opened: Opener) -> None:
    """At `maxclients` our connection is turned away with an error, which is life; a free place lets us in."""
    server = node()
    control = server.client(CONTROL.user, CONTROL.secret)
    control.config_set("maxclients", 1)

    link = opened(server)
    # The engine's words are lost when it closed before it read ours; then the line tells what it saw.
    await soon(lambda: "max" in link.trouble and "clients" in link.trouble, what="being turned away")
    for _ in range(3):
        link.probe()
    await soon(lambda: link.unanswered == 0, what="a sign of life")
    seen = (link.connected, link.unanswered)
    control.config_set("maxclients", 10)
    await connected(link)

    assert seen[0] is False
    assert link.unanswered == 0


async def test_h15_who_turns_us_away_without_a_word_is_neither_silent_nor_heard(opened: Opener) -> None:
    """A full node's words are dropped by the system when it closed before it read ours: it is no silence."""
    host = free_address()
    turned_away = asyncio.Event()

    def turn_away(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        turned_away.set()

    async with await asyncio.start_server(turn_away, host, 7777):
        link = opened.at(host, 7777, "7.0.15")
        await soon(lambda: turned_away.is_set() and "maxclients" in link.trouble, what="being turned away")
        for _ in range(3):
            link.probe()
        turned_away.clear()
        await soon(lambda: turned_away.is_set() and link.unanswered == 0, what="being turned away again")

        assert not link.connected
        link.close()


@pytest.mark.able("acl")
async def test_a_wrong_secret_is_told_in_the_engines_words(node: Node, opened: Opener) -> None:
    """Who is not let in is not connected, even where anybody may log in, and learns why."""
    server = node()
    await (await connected(opened(server))).admit(None)

    link = opened(server, control=Identity(user=CONTROL.user, secret="another"))
    await soon(lambda: "WRONGPASS" in link.trouble, what="the refusal")

    assert not link.connected
    assert link.replication is None
    with pytest.raises(LinkTrouble, match="WRONGPASS"):
        await link.refresh()


async def test_a_closed_link_says_nothing_more(node: Node, opened: Opener) -> None:
    """After `close` the server sees us go, nobody is woken and commands fail."""
    server = node()
    link = await connected(opened(server))
    client = server.client(CONTROL.user, CONTROL.secret)
    opened.changes.clear()

    link.close()
    await soon(
        lambda: "memstored" not in {row["name"] for row in client.client_list()}, what="the server seeing it"
    )

    assert opened.changes == []
    with pytest.raises(LinkTrouble):
        await link.refresh()


def test_links_work_on_the_event_loop_of_the_service(node: Node) -> None:
    """Under uvloop a link connects, acts, sees the end of its node and closes."""

    async def live() -> list[bool]:
        opener, server = Opener(), node()
        link = await connected(opener(server))
        await link.admit(None)
        admitted = link.admitted
        server.end()
        await soon(lambda: not link.connected, what="the end")
        link.close()
        return [admitted, link.connected]

    assert uvloop.run(live()) == [True, False]
