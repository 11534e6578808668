"""What comes out of real nodes of every engine, and what it does to them."""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from datasets import fill
from logins import CONTROLLERS, PASSWORD
from nodes import CONTROL, Node, Opener, pair, reached
from servers import Server, check_rdb, soon

from memstored.domain.ports import Identity, LinkTrouble, Target
from memstored.domain.words import NodeId
from memstored.redis.link import RedisLink
from memstored.redis.outflow import Outflow, outflow
from memstored.redis.rdb import read_header

Pair = tuple[Server, RedisLink, Server, RedisLink]
MEGABYTE = os.urandom(1_000_000)


def target_of(server: Server, control: Identity = CONTROL) -> Target:
    """How to reach a node."""
    return Target(
        node=NodeId(server.host),
        host=server.host,
        port=server.port,
        version=server.engine.version,
        control=control,
        password=PASSWORD,
    )


@asynccontextmanager
async def out_of(server: Server, *, deadline: float = 10.0) -> AsyncIterator[Outflow]:
    """A copy under way."""
    server.take()
    async with outflow(target_of(server), CONTROLLERS, deadline=deadline) as flow:
        yield flow


async def some(flow: Outflow) -> int:
    """Bytes of the first part that has any."""
    return await asyncio.to_thread(next, filter(None, map(len, flow.parts)))


async def rdb_of(server: Server) -> tuple[Outflow, bytes]:
    """A whole copy."""
    async with out_of(server) as flow:
        return flow, await asyncio.to_thread(b"".join, flow.parts)


def keys_in(rdb: bytes, folder: Path) -> int:
    """How many keys the engine's own check finds in it; fails when the check does."""
    file = folder / "checked.rdb"
    file.write_bytes(rdb)
    said = check_rdb(file)
    assert "RDB looks OK!" in said
    return int(said.partition(" keys read")[0].rpartition(" ")[2])


def info(server: Server, section: str) -> dict[str, object]:
    """What the node says of itself."""
    with server.client(CONTROL.user, CONTROL.secret) as client:
        return client.info(section)


def saving(server: Server) -> bool:
    """Whether a child of the node is at a snapshot."""
    return bool(info(server, "persistence")["rdb_bgsave_in_progress"])


def large(server: Server, megabytes: int = 40) -> None:
    """Give a primary more data than all buffers between it and a reader hold."""
    with server.client() as client:
        for number in range(megabytes):
            client.set(f"big:{number}", MEGABYTE)


@pytest.fixture
async def backed(node: Node, opened: Opener) -> Pair:
    """A primary and its replica, as a set has them."""
    return await pair(node, opened)


async def in_step(above: RedisLink, below: RedisLink) -> None:
    """Return when the replica has all that was written so far."""
    offset = await above.stamp()
    await soon(lambda: reached(below, offset), what="the replica in step")


async def test_all_of_a_replica_comes_out_as_an_rdb(backed: Pair, tmp_path: Path) -> None:
    """The engine's own check finds every key, and the header says which engine wrote it."""
    primary, above, replica, below = backed
    count = fill(primary, 5)
    await in_step(above, below)

    flow, rdb = await rdb_of(replica)

    assert keys_in(rdb, tmp_path) == flow.keys == count
    assert flow.size is None
    header = read_header(rdb)
    assert header.redis_version == replica.engine.version
    assert header.used_memory == pytest.approx(flow.used_memory, rel=0.5)


async def test_all_of_a_primary_comes_out_too(backed: Pair, tmp_path: Path) -> None:
    """Where no replica can give its data, the primary can, and goes on under the same history."""
    primary, above, *_ = backed
    count = fill(primary, 1)
    await above.refresh()
    before = above.replication
    assert before is not None

    flow, rdb = await rdb_of(primary)

    await above.refresh()
    assert above.replication is not None
    assert above.replication.replid == before.replid
    assert keys_in(rdb, tmp_path) == flow.keys == count


async def test_a_copy_over_the_disk_tells_its_size(backed: Pair, tmp_path: Path) -> None:
    """A node that makes a file first says how long it is; the same bytes come."""
    primary, above, replica, below = backed
    count = fill(primary, 2)
    await in_step(above, below)
    with replica.client(CONTROL.user, CONTROL.secret) as client:
        client.config_set("repl-diskless-sync", "no")

    flow, rdb = await rdb_of(replica)

    assert flow.size == len(rdb)
    assert keys_in(rdb, tmp_path) == count


def _write_until(over: threading.Event, server: Server) -> None:
    """Write new keys all the time."""
    number = 0
    with server.client() as client:
        while not over.is_set():
            client.mset({f"new:{n}": "x" * 100 for n in range(number, number + 100)})
            number += 100


@pytest.mark.able("rdb_only")
async def test_keys_are_those_of_the_snapshot_under_writes(backed: Pair, tmp_path: Path) -> None:
    """While keys are written all the time, the count is exactly that of the RDB."""
    primary, *_, replica, _below = backed
    over = threading.Event()
    writer = asyncio.create_task(asyncio.to_thread(_write_until, over, primary))
    copies: list[tuple[Outflow, bytes]] = []

    def grown() -> bool:
        """Whether keys have come since the last copy."""
        kept = copies[-1][0].keys if copies else 20_000
        return bool(info(replica, "keyspace").get("db0", {}).get("keys", 0) > kept)

    try:
        for _ in range(3):
            await soon(grown, what="more keys")
            copies.append(await rdb_of(replica))
    finally:
        over.set()
        await writer

    counts = [flow.keys for flow, _ in copies]
    assert counts == [keys_in(rdb, tmp_path) for _, rdb in copies]
    assert counts == sorted(set(counts))


async def test_a_second_copy_is_made_after_the_first(backed: Pair, tmp_path: Path) -> None:
    """A node that is at a snapshot for somebody else makes ours afterwards, with the keys of then."""
    primary, above, replica, below = backed
    large(primary)
    await in_step(above, below)

    async with out_of(replica) as first:
        second = asyncio.create_task(rdb_of(replica))
        await soon(lambda: info(replica, "replication")["connected_slaves"] == 2, what="both asking")
        with primary.client() as client:
            client.set("after", "1")
        await in_step(above, below)
        length = len(await asyncio.to_thread(b"".join, first.parts))
    flow, rdb = await second

    assert (first.keys, flow.keys) == (40, 41)
    assert keys_in(rdb, tmp_path) == 41
    assert length < len(rdb)


async def test_it_counts_for_nobody_as_a_replica(backed: Pair) -> None:
    """A copy under way is listed without a port and never as online, and no fact of the node changes."""
    primary, above, replica, below = backed
    large(primary)
    await in_step(above, below)
    before = below.replication
    assert before is not None

    async with out_of(replica):
        await below.refresh()
        during = below.replication
        with replica.client() as client:
            listed = client.info("replication")["slave0"]
        with primary.client() as client:
            client.set("key", "value")
            client.wait(1, 0)
            confirmed = client.execute_command("WAIT", 2, 100)

    assert during is not None
    assert (listed["port"], listed["state"] == "online") == (0, False)
    assert (during.replid, during.link_up, during.agrees) == (before.replid, True, True)
    assert confirmed == 1


async def test_leaving_early_ends_the_work_on_it(backed: Pair) -> None:
    """When nobody reads on, the node ends its child and forgets us."""
    primary, above, replica, below = backed
    large(primary)
    await in_step(above, below)

    async with out_of(replica) as flow:
        await some(flow)
        assert saving(replica)

    await soon(lambda: not saving(replica), what="the child's end")
    assert info(replica, "replication")["connected_slaves"] == 0
    assert "killing fork child" in replica.log() or "Background transfer error" in replica.log()


@pytest.mark.able("rdb_only")
async def test_h26_a_slow_reader_is_not_cut_and_nothing_piles_up(backed: Pair) -> None:
    """A reader far slower than the writes gets everything, and the node buffers nothing for it (H26)."""
    primary, above, replica, below = backed
    large(primary)
    await in_step(above, below)
    with replica.client(CONTROL.user, CONTROL.secret) as client:
        client.config_set("client-output-buffer-limit", "replica 1mb 0 0")
        async with out_of(replica) as flow:
            first = await some(flow)
            large(primary, 5)
            await in_step(above, below)
            waiting = [row["omem"] for row in client.client_list(_type="replica")]
            rest = len(await asyncio.to_thread(b"".join, flow.parts))

    assert flow.keys == 40
    assert first + rest > 40_000_000
    assert waiting == ["0"]


async def test_a_node_that_dies_is_trouble_with_what_had_come(backed: Pair) -> None:
    """The end of the node's process in the middle of a copy is told at once, with the bytes so far."""
    primary, above, replica, below = backed
    large(primary)
    await in_step(above, below)

    async with out_of(replica) as flow:
        await some(flow)
        replica.end()
        with pytest.raises(LinkTrouble, match=r"after \d+ bytes of its data"):
            await asyncio.to_thread(b"".join, flow.parts)


@pytest.mark.able("rdb_only")
async def test_a_node_that_stands_still_is_trouble(backed: Pair) -> None:
    """A node that is stopped in the middle of a copy is given up after the deadline."""
    primary, above, replica, below = backed
    large(primary)
    await in_step(above, below)

    async with out_of(replica, deadline=2.0) as flow:
        await some(flow)
        replica.pause()
        began = time.monotonic()
        with pytest.raises(LinkTrouble, match=r"silent for 2\.0 s"):
            await asyncio.to_thread(b"".join, flow.parts)

    assert time.monotonic() - began >= 2.0


async def test_a_replica_without_its_primary_refuses(backed: Pair) -> None:
    """A node that was sent nowhere gives no copy, and says why."""
    *_, replica, below = backed
    await below.detach()

    with pytest.raises(LinkTrouble, match="PSYNC: NOMASTERLINK"):
        await rdb_of(replica)


async def test_a_stranger_gets_nothing(node: Node) -> None:
    """Without the control user's secret there is no copy."""
    server = node()
    stranger = Identity(user=CONTROL.user, secret="not the secret")

    with pytest.raises(LinkTrouble, match=r"AUTH: (WRONGPASS|ERR invalid password)"):
        async with outflow(target_of(server, stranger), CONTROLLERS, deadline=10.0):
            pass
