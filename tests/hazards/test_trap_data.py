"""Data in and out: traps H23 to H29 on bare servers and on nodes without our care, each engine for itself."""

import asyncio
import contextlib
import os

import pytest
import redis
from bare import PLAIN, Start, fill, follow, hoarder, no_one, nowhere, replication
from crafted import poisoned, strings
from loading import load, parts, taking_in, unheard
from logins import CONTROL, joining
from nodes import Node, Opener, attached, fresh, keys
from scripted_master import ScriptedMaster
from servers import Engine, Server, eventually, soon

from memstored.domain.engine import capabilities_of

SAME = "5" * 40
ONE, OTHER = strings(9, (b"one", b"1")), strings(9, (b"six", b"6"))
INCOMPRESSIBLE = os.urandom(1_000_000)


def _large(server: Server, megabytes: int) -> None:
    with server.client() as client:
        for number in range(megabytes):
            client.set(f"big:{number}", INCOMPRESSIBLE)


async def test_h23_the_same_replid_for_different_data_is_continued(node: Node, opened: Opener) -> None:
    """Loaded under one replid, two nodes with different data take each other's stream for their own."""
    one, above = await fresh(node, opened)
    other, below = await fresh(node, opened)
    await load(above, ONE, replid=SAME, replication=joining(one.engine.version))
    async with taking_in(below, OTHER, replid=SAME) as door:
        await door.feed(parts(OTHER), unheard)
        await below.detach()
    await below.equip(joining(one.engine.version))

    await below.follow(one.host, one.port)
    await soon(lambda: attached(below), what="the link")

    assert (keys(one), keys(other)) == (["one"], ["six"])
    with one.client(CONTROL.user, CONTROL.secret) as client:
        assert client.info("stats")["sync_partial_ok"] == 1


async def test_h24_an_open_primary_gives_its_data_to_anyone(start: Start) -> None:
    """Whoever says PSYNC to a server without users has all that it holds."""
    server = start(PLAIN)
    fill(server, "secret", 3)

    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"PSYNC ? -1\r\n")
    async with asyncio.timeout(10):
        heard = await reader.readuntil(b"secret:1")
    writer.close()

    assert heard.startswith(b"+FULLRESYNC")


async def test_h25_an_unchecked_file_loads_and_kills_later(node: Node, opened: Opener) -> None:
    """With only clients' values checked, a poisoned file loads, and who reads it ends the server."""
    server, link = await fresh(node, opened)
    data = poisoned(server.engine.version)
    async with taking_in(link, data) as door:
        if capabilities_of(server.engine.version).sanitizing:
            with server.client(CONTROL.user, CONTROL.secret) as client:
                client.config_set("sanitize-dump-payload", "clients")
        await door.feed(parts(data), unheard)
    assert keys(server) == ["bad", "good"]

    client = server.client(CONTROL.user, CONTROL.secret)
    with client, contextlib.suppress(redis.exceptions.ConnectionError, redis.exceptions.TimeoutError):
        client.hgetall("bad")

    # Before it ends, 5.0.6 looks through its memory (H17).
    assert server.process.wait(60) != 0


@pytest.mark.able("diskless_load")
async def test_h25_commands_behind_counted_data_are_carried_out(start: Start) -> None:
    """After an RDB of an announced length, what is left of that length counts as the master's words."""
    command = b"*3\r\n$3\r\nSET\r\n$5\r\nowned\r\n$1\r\n1\r\n"
    # Further off than the node reads ahead: what it read ahead is dropped.
    data = ONE + b"\n" * 100_000 + command
    master = ScriptedMaster(b"+FULLRESYNC %s 1000\r\n$%d\r\n" % (SAME.encode(), len(data)) + data)
    server = start((*PLAIN, ("repl-diskless-load", "on-empty-db")))

    async with master.standing():
        with server.client() as client:
            client.replicaof(master.host, master.port)
            await soon(lambda: client.get("owned"), what="the foreign command")


async def test_h26_a_slow_reader_of_an_ordinary_copy_is_cut(start: Start) -> None:
    """Without `rdb-only` the writes pile up for a slow reader until the limit ends its connection."""
    server = start((*PLAIN, ("repl-diskless-sync", "yes"), ("client-output-buffer-limit", "replica 1mb 0 0")))
    _large(server, 20)
    reader, writer = await asyncio.open_connection(server.host, server.port, limit=65536)
    writer.write(b"REPLCONF capa eof\r\n")
    await reader.readline()
    writer.write(b"PSYNC ? -1\r\n")
    await reader.readline()

    _large(server, 5)
    await soon(lambda: replication(server)["connected_slaves"] == 0, what="the reader cut off")

    writer.close()
    assert "overcoming of output buffer limits" in server.log()


def test_h27_by_default_a_load_goes_through_a_file(start: Start) -> None:
    """A replica with the engine's own settings writes the copy to its folder before it reads it."""
    primary, replica = start(PLAIN), start(PLAIN)
    fill(primary, "key", 1000)
    follow(replica, primary)

    assert (replica.folder / "dump.rdb").exists()
    assert "to parser" not in replica.log()


async def test_h28_a_failed_load_is_tried_again_at_once(start: Start) -> None:
    """A replica that can not load what its primary has asks for it over and over, many times a second."""
    master = ScriptedMaster(b"+FULLRESYNC %s 1000\r\n$9\r\nREDIS9999" % SAME.encode())
    server = start(PLAIN)

    async with master.standing():
        with server.client() as client:
            client.replicaof(master.host, master.port)
            await soon(lambda: master.asked >= 5, deadline=60, what="five attempts")

    assert "Can't handle RDB format version 9999" in server.log()


def test_h29_keys_whose_time_is_over_vanish_with_promotion(start: Start, engine: Engine) -> None:
    """A replica counts keys whose time is over; promoted, it drops them one after the other."""
    primary, replica = hoarder(start, engine), start(PLAIN)
    follow(replica, primary)
    fill(primary, "stays", 10)
    with replica.client() as below:
        fill(primary, "passes", 50, px=100)
        eventually(lambda: below.dbsize() == 60, what="all keys at the replica")
        nowhere(replica)
        eventually(lambda: below.exists("passes:0") == 0, what="the end of their time")
        counted = below.dbsize()

        no_one(replica)
        eventually(lambda: below.dbsize() == 10, what="expiry at the promoted node")

    assert counted == 60
