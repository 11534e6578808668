"""What real nodes of every engine take in at a loading door, and what they refuse."""

import signal
from pathlib import Path

import pytest
import redis
from crafted import poisoned, rdb, strings
from datasets import FAR, client_of, content, dumped, fill
from loading import DEADLINE, HOST, load, parts, rdb_of, taking_in, unheard
from logins import CONTROL, joining
from nodes import Node, Opener, attached, connected, fresh, keys, pair, reached
from servers import Server, check_rdb, engines, eventually, soon

from memstored.domain.engine import capabilities_of
from memstored.domain.ports import DoorTrouble, Identity
from memstored.redis.config import directives
from memstored.redis.door import LoadingDoor
from memstored.redis.link import RedisLink
from memstored.redis.rdb import read_header

SOUND = strings(9, (b"one", b"1"), (b"two", b"2"))


async def test_a_set_comes_back_whole(node: Node, opened: Opener, tmp_path: Path) -> None:
    """What came out of a replica is in a fresh node: every type, every database, every expiry."""
    primary, above, replica, below = await pair(node, opened)
    count = fill(primary, 6)
    offset = await above.stamp()
    await soon(lambda: reached(below, offset), what="the replica in step")
    data = await rdb_of(replica)
    server, link = await fresh(node, opened)

    async with taking_in(link, data) as door:
        await door.feed(parts(data), unheard)
        holdings = await link.holdings()
        await link.refresh()
        assert link.replication is not None
        assert (link.replication.link_up, link.replication.agrees) == (True, True)
        assert link.replication.replid == door.replid
        await link.detach()
    await link.equip(joining(server.engine.version))

    before, after = content(primary), content(server, CONTROL.user, CONTROL.secret)
    assert (holdings.keys, holdings.evicted) == (count, 0)
    assert before.keys() == after.keys()
    assert [key for key in before if before[key] != after[key]] == []
    assert len(before) == count
    for key in (b"string:1", b"list:1", b"zset:1", b"stream:1", b"intset:1"):
        assert dumped(replica, key) == dumped(server, key, CONTROL.user, CONTROL.secret)
    can = capabilities_of(server.engine.version)
    assert bool(list(server.folder.glob("*.rdb"))) is not can.diskless_load
    if can.functions:
        await link.promote()
        with client_of(server, CONTROL.user, CONTROL.secret) as client:
            assert client.execute_command("PEXPIRETIME", "later:0") == FAR * 1000
            assert client.fcall("one", 0) == 1


async def test_what_came_out_is_an_rdb_for_any_redis(node: Node, opened: Opener, tmp_path: Path) -> None:
    """A plain server of the version starts from the file with the same keys; the engine's check passes it."""
    primary, *_ = await pair(node, opened)
    fill(primary, 2)
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "dump.rdb").write_bytes(await rdb_of(primary))

    plain = Server.start(primary.engine, folder, (("protected-mode", "no"), ("save", '""')))
    try:
        assert "RDB looks OK!" in check_rdb(folder / "dump.rdb")
        assert content(plain) == content(primary)
    finally:
        plain.end()


async def test_a_file_that_a_server_saved_is_taken_in(node: Node, opened: Opener, tmp_path: Path) -> None:
    """What `SAVE` of a plain server wrote loads as well."""
    server, link = await fresh(node, opened)
    plain = Server.start(server.engine, tmp_path / "plain", (("protected-mode", "no"), ("save", '""')))
    try:
        fill(plain, 2)
        with plain.client() as client:
            client.save()

        await load(link, (plain.folder / "dump.rdb").read_bytes())

        assert content(server, CONTROL.user, CONTROL.secret) == content(plain)
    finally:
        plain.end()


async def test_a_restored_node_has_replicas_of_its_own(node: Node, opened: Opener) -> None:
    """Promoted and equipped, it is copied by a fresh replica, under the history that the door began."""
    server, link = await fresh(node, opened)
    await load(link, SOUND)
    replica, below = await fresh(node, opened)

    await below.follow(server.host, server.port)
    await soon(lambda: attached(below), what="the replica's link")

    assert keys(replica) == ["one", "two"]


async def test_h29_keys_whose_time_is_over_stay_while_it_is_a_replica(node: Node, opened: Opener) -> None:
    """The count of the backup is found as long as the node is a replica; promoted, keys vanish (H29)."""
    passed = b"\xfc" + (1_000_000_000_000).to_bytes(8, "little")
    data = SOUND[:-9].replace(b"\xfe\x00", b"\xfe\x00" + passed + b"\x00\x04gone\x01x") + SOUND[-9:]
    server, link = await fresh(node, opened)

    async with taking_in(link, data) as door:
        await door.feed(parts(data), unheard)
        as_replica = await link.holdings()
        await link.detach()
    nowhere = await link.holdings()
    await link.promote()
    await soon(lambda: keys(server) == ["one", "two"], what="the end of the key")
    eventually(lambda: _count(server) == 2, what="the count without it")

    assert (as_replica.keys, nowhere.keys) == (3, 3)


def _count(server: Server) -> int:
    with server.client(CONTROL.user, CONTROL.secret) as client:
        return client.dbsize()


async def test_h29_what_does_not_fit_shows_before_it_is_evicted(node: Node, opened: Opener) -> None:
    """A replica evicts nothing; once promoted it would, so memory is compared before (H29)."""
    server, link = await fresh(node, opened)
    with server.client(CONTROL.user, CONTROL.secret) as client:
        client.config_set("maxmemory", "1mb")

    async with taking_in(link, SOUND) as door:
        await door.feed(parts(SOUND), unheard)
        holdings = await link.holdings()
        await link.detach()
    await link.promote()
    client = server.client(CONTROL.user, CONTROL.secret)
    with client, pytest.raises(redis.exceptions.OutOfMemoryError):
        client.set("three", 3)
    promoted = await link.holdings()

    assert (holdings.keys, holdings.evicted) == (2, 0)
    assert promoted.evicted >= 2
    assert holdings.used_memory > holdings.maxmemory == 1024 * 1024


@pytest.mark.able("sanitizing")
async def test_h25_a_poisoned_file_is_refused(node: Node, opened: Opener) -> None:
    """The engine checks every value that comes in, ends itself over a bad one, and says why (H25)."""
    server, link = await fresh(node, opened)
    data = poisoned(server.engine.version)

    async with taking_in(link, data) as door:
        with pytest.raises(DoorTrouble, match="the node ended the connection"):
            await door.feed(parts(data), unheard)

    assert server.process.wait(10) == 1
    assert "integrity check failed" in server.log()


@pytest.mark.able("diskless_load")
async def test_h25_commands_behind_the_data_are_never_carried_out(node: Node, opened: Opener) -> None:
    """What stands behind a file's end would be the master's words: the node refuses all of it (H25)."""
    server, link = await fresh(node, opened)
    command = b"*3\r\n$3\r\nSET\r\n$5\r\nowned\r\n$1\r\n1\r\n"
    data = SOUND + command * 5000 + b"\xff" + bytes(8)

    async with taking_in(link, data) as door:
        with pytest.raises(DoorTrouble, match="did not accept the data"):
            await door.feed(parts(data), unheard)
        await link.detach()

    assert "owned" not in keys(server)
    assert "EOF marker is broken" in server.log()


async def test_a_damaged_file_is_refused_by_its_checksum(node: Node, opened: Opener) -> None:
    """One byte that is another ends the load, in the engine's words."""
    primary, *_ = await pair(node, opened)
    fill(primary, 1)
    data = bytearray(await rdb_of(primary))
    data[data.index(b"later:0") + 6] ^= 1
    server, link = await fresh(node, opened)

    async with taking_in(link, bytes(data)) as door:
        with pytest.raises(DoorTrouble):
            await door.feed(parts(bytes(data)), unheard)

    eventually(lambda: "CRC error" in server.log(), what="the engine's words")


@pytest.mark.able("diskless_load")
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (rdb(9, (99, b"key", b"\x01x")), "Unknown RDB encoding type 99"),
        (SOUND.replace(b"REDIS0009", b"REDIS0099"), "Can't handle RDB format version 99"),
        (b"a text that ends like an RDB " * 10 + b"\xff" + bytes(8), "Wrong signature"),
    ],
    ids=["type", "format", "text"],
)
async def test_h28_a_load_that_fails_is_tried_once(
    node: Node, opened: Opener, data: bytes, words: str
) -> None:
    """The node comes again at once; the door tells and serves it no more, and its log says why (H28)."""
    server, link = await fresh(node, opened)

    async with taking_in(link, data) as door:
        with pytest.raises(DoorTrouble, match="did not accept the data"):
            await door.feed(parts(data), unheard)
        await link.detach()
        holdings = await link.holdings()

    assert server.log().count("Full resync from master") == 1
    assert words in server.log()
    assert holdings.keys == 0
    assert link.replication is not None
    assert not link.replication.agrees


@pytest.mark.able("diskless_load")
async def test_h28_a_file_that_is_cut_within_its_last_bytes_is_refused(node: Node, opened: Opener) -> None:
    """A node that waits for data that never comes is found out after the deadline, not served for ever."""
    server, link = await fresh(node, opened)
    data = rdb(9, (0, b"key", b"\x3fonly the beginning of a value\xff" + bytes(8)))[:-9]

    async with taking_in(link, data, deadline=1.0) as door:
        with pytest.raises(DoorTrouble, match=r"did not accept the data.* silent for 1\.0 s"):
            await door.feed(parts(data), unheard)
        await link.detach()

    assert keys(server) == []


async def test_h24_a_node_with_another_secret_gets_nothing(node: Node, opened: Opener) -> None:
    """Only the node that was told the secret of this load gets the data; the others stay empty (H24)."""
    stranger, wrong = await fresh(node, opened)
    server, link = await fresh(node, opened)

    async with LoadingDoor(HOST, size=len(SOUND), deadline=DEADLINE) as door:
        await wrong.take_in(HOST, door.port, Identity(user=door.identity.user, secret="0" * 64))
        await soon(lambda: door.turned_away > 0, what="the stranger turned away")
        await link.take_in(HOST, door.port, door.identity)
        await door.feed(parts(SOUND), unheard)
        await wrong.detach()

    assert keys(server) == ["one", "two"]
    assert keys(stranger) == []


async def test_h23_two_restores_of_different_data_never_continue_from_each_other(
    node: Node, opened: Opener
) -> None:
    """A node restored from one backup copies another in full when it is told to follow it (H23)."""
    one, above = await fresh(node, opened)
    other, below = await fresh(node, opened)
    replication = joining(one.engine.version)
    await load(above, SOUND, replication=replication)
    await load(below, strings(9, (b"six", b"6")), replication=replication)

    await below.follow(one.host, one.port)
    await soon(lambda: attached(below), what="the link")

    assert keys(other) == keys(one) == ["one", "two"]


@pytest.mark.able("diskless_load")
async def test_h26_h27_a_load_goes_straight_into_memory(node: Node, opened: Opener) -> None:
    """Nothing of a load touches the node's disk (H27)."""
    server, link = await fresh(node, opened)
    seen: set[str] = set()
    data = strings(9, *((b"key:%d" % number, b"v" * 50) for number in range(60_000)))

    def look(_count: int) -> None:
        seen.update(path.name for path in server.folder.iterdir())

    async with taking_in(link, data) as door:
        await door.feed(parts(data), look)

    assert "with EOF to parser" in server.log()
    assert not [name for name in seen if name.endswith(".rdb")]


async def test_a_node_that_dies_while_loading_is_told(node: Node, opened: Opener) -> None:
    """The end of the node in the middle of a load is trouble with the bytes so far."""
    server, link = await fresh(node, opened)
    data = strings(9, *((b"key:%d" % number, b"v" * 50) for number in range(200_000)))

    async with taking_in(link, data) as door:

        def kill(count: int) -> None:
            if count > len(data) // 2:
                server.process.send_signal(signal.SIGKILL)

        with pytest.raises(DoorTrouble, match=rf"after \d+ of {len(data)} bytes, and it did not come back"):
            await door.feed(parts(data), kill)


async def test_a_node_stays_attached_while_it_is_looked_at(node: Node, opened: Opener) -> None:
    """The door goes on as a master does, so the node does not give it up before it is detached."""
    server, link = await fresh(node, opened)
    with server.client(CONTROL.user, CONTROL.secret) as client:
        client.config_set("repl-timeout", "2")

    async with taking_in(link, SOUND) as door:
        await door.feed(parts(SOUND), unheard)
        before = await _offset(link)
        await soon(lambda: reached(link, before + 14), what="a PING")
        assert link.replication is not None
        assert link.replication.link_up


async def _offset(link: RedisLink) -> int:
    await link.refresh()
    assert link.replication is not None
    return link.replication.offset


async def test_data_of_an_older_engine_is_taken_in_by_a_newer(tmp_path: Path, opened: Opener) -> None:
    """6.2 to 7.0 works, value by value; the header tells of each whose it is."""
    newest, oldest = engines()[0], engines()[-1]
    if newest.version == oldest.version:
        pytest.skip("there is one engine here")
    plain = (("protected-mode", "no"), ("save", '""'))
    old = Server.start(oldest, tmp_path / "old", plain)
    birth = directives(newest.version, memory_gib=1, control=CONTROL, failure_detection=1.0)
    new = Server.start(newest, tmp_path / "new", birth)
    try:
        fill(old, 3)
        with old.client() as client:
            client.save()
        data = (old.folder / "dump.rdb").read_bytes()
        link = await connected(opened(new))

        assert read_header(data).redis_version == oldest.version
        await load(link, data)

        assert content(new, CONTROL.user, CONTROL.secret) == content(old)
        assert read_header(await rdb_of(new)).redis_version == newest.version
    finally:
        old.end()
        new.end()
