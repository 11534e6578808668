"""What a link reads of real servers of every engine, and does to them."""

import asyncio
import hashlib
import signal
import socket
from typing import Any

import hiredis
import pytest
import redis
from broken_master import broken_master
from logins import CONTROL, REPLICATION, joining, serving
from nodes import Node, Opener, attached, connected, pair, reached
from servers import Server, free_address, soon

from memstored.domain.engine import capabilities_of, family_of
from memstored.domain.model import Setting, TenantUser
from memstored.domain.parameters import engine_values, normalized, parameter_of
from memstored.domain.ports import Identity, LinkTrouble, SettingRefused
from memstored.redis.link import RedisLink

ALICE = TenantUser(name="alice", password_hash=hashlib.sha256(b"alice's secret").hexdigest())


async def test_a_fresh_link_gives_a_full_account(node: Node, opened: Opener) -> None:
    """A new link tells which server it is, that it is an empty master and that nobody can get in."""
    server = node()

    link = await connected(opened(server))

    assert link.process_id == server.process.pid
    assert link.run_id == server.client(CONTROL.user, CONTROL.secret).info("server")["run_id"]
    assert link.replication is not None
    assert link.replication.is_master
    assert link.bound == ({server.host} if capabilities_of(server.engine.version).floating else set())
    assert not link.equipped_as(joining(server.engine.version))
    assert (link.admitted, link.busy, link.paused, link.unanswered) == (False,) * 3 + (0,)


async def test_an_equal_answer_wakes_nobody(node: Node, opened: Opener) -> None:
    """A probe whose answer did not change moves `read_at` and calls `changed` for nothing."""
    link = await connected(opened(node()))
    opened.changes.clear()

    for _ in range(3):
        before = link.read_at
        link.probe()
        await soon(lambda before=before: link.read_at > before, what="the answer")

    assert opened.changes == []


async def test_a_changed_answer_is_told(node: Node, opened: Opener) -> None:
    """A probe that sees another offset than before calls `changed` with the node."""
    primary, above, *_ = await pair(node, opened)
    before = above.replication
    primary.client().set("key", "value")
    opened.changes.clear()

    above.probe()
    await soon(lambda: above.replication != before, what="a new reading")

    assert opened.changes == [f"{primary.host}:{primary.port}"]


async def test_a_replica_follows_and_reaches_a_stamp(node: Node, opened: Opener) -> None:
    """An equipped node copies its primary and reaches what the primary stamped afterwards (H5)."""
    primary, above, replica, below = await pair(node, opened)
    primary.client().set("key", "value")

    offset = await above.stamp()
    await soon(lambda: reached(below, offset), what="the stamp at the replica")

    assert replica.client().get("key") == "value"
    assert below.replication is not None
    assert below.replication.following == (primary.host, primary.port)
    assert above.equipped_as(serving(primary.engine.version))
    assert below.equipped_as(serving(primary.engine.version))


async def test_h01_s05_detaching_keeps_history_and_a_return_is_partial(node: Node, opened: Opener) -> None:
    """A node sent nowhere keeps its history, takes no write and returns without a full sync (H1)."""
    primary, above, replica, below = await pair(node, opened)
    before = below.replication
    assert before is not None

    await below.detach()
    seen = below.replication
    assert seen is not None
    with pytest.raises(redis.exceptions.ReadOnlyError):
        replica.client().set("key", "late")
    primary.client().set("key", "value")
    await below.follow(primary.host, primary.port)
    await soon(lambda: attached(below), what="the return")

    stats = primary.client(CONTROL.user, CONTROL.secret).info("stats")
    assert seen.nowhere
    assert not seen.link_up
    assert (seen.replid, seen.offset, seen.agrees) == (before.replid, before.offset, True)
    assert (stats["sync_full"], stats["sync_partial_ok"]) == (1, 1)
    offset = await above.stamp()
    await soon(lambda: reached(below, offset), what="the offset")
    assert replica.client().get("key") == "value"


async def test_a_promoted_node_begins_a_new_history(node: Node, opened: Opener) -> None:
    """`promote` makes a master whose former replid is remembered with the place of the fork (H1)."""
    _primary, _above, replica, below = await pair(node, opened)
    await below.detach()
    before = below.replication
    assert before is not None

    await below.promote()

    seen = below.replication
    assert seen is not None
    assert seen.is_master
    assert (seen.replid2, seen.second_offset) == (before.replid, before.offset + 1)
    assert seen.replid != before.replid
    assert replica.client().set("key", "value")


async def test_a_stamp_is_refused_by_a_replica(node: Node, opened: Opener) -> None:
    """A node that is no master can not produce a stamp, and says so."""
    *_, below = await pair(node, opened)

    with pytest.raises(LinkTrouble, match="only a master"):
        await below.stamp()


@pytest.mark.able("write_pause")
async def test_a_pause_holds_writes_back(node: Node, opened: Opener) -> None:
    """While paused a write waits; `unpause` lets it through."""
    primary, above, *_ = await pair(node, opened)

    await above.pause(30_000)
    write = asyncio.create_task(asyncio.to_thread(primary.client().set, "key", "value"))
    client = primary.client(CONTROL.user, CONTROL.secret)
    await soon(lambda: client.info("clients")["blocked_clients"], what="the write")
    assert above.paused
    assert primary.client().get("key") is None
    await above.unpause()

    assert await write
    assert not above.paused
    assert primary.client().get("key") == "value"


@pytest.mark.able("write_pause")
async def test_a_pause_outlives_a_connection(node: Node, opened: Opener) -> None:
    """It is the node's: a link that was cut off still knows of it, and ends it when asked."""
    server = node()
    link = await connected(opened(server))
    client = server.client(CONTROL.user, CONTROL.secret)
    await link.pause(30_000)

    def of_link() -> set[str]:
        return {row["id"] for row in client.client_list() if row["name"] == "memstored"}

    before = of_link()
    client.client_kill_filter(_type="normal", skipme=True)
    await soon(lambda: of_link() and before.isdisjoint(of_link()), what="another connection")
    await connected(link)

    assert link.paused


@pytest.mark.able("write_pause")
async def test_a_new_link_ends_the_pause_of_an_earlier_controller(node: Node, opened: Opener) -> None:
    """A replica that is held back forgets how far it was when its primary dies: it would copy anew."""
    primary, above, replica, below = await pair(node, opened)
    replica.client(CONTROL.user, CONTROL.secret).client_pause(30_000, all=False)

    await connected(opened(replica))
    offset = await above.stamp()
    await soon(lambda: reached(below, offset), what="the stream going on")
    primary.end()
    await soon(lambda: below.probe() or not below.replication.link_up, what="the end of the link")

    assert below.replication is not None
    assert below.replication.offset >= offset


@pytest.mark.able("floating")
async def test_binding_another_address_keeps_connections(node: Node, opened: Opener) -> None:
    """A node takes a further address live; our connection and a tenant's stand (H13, H15)."""
    server = node()
    link = await connected(opened(server))
    await link.admit(None)
    tenant = server.client()
    number = tenant.client_id()
    floating = free_address()
    run_id = link.run_id

    await link.bind((server.host, floating))

    assert link.bound == {server.host, floating}
    assert redis.Redis(floating, server.port).ping()
    assert tenant.client_id() == number
    assert (link.connected, link.run_id) == (True, run_id)


@pytest.mark.able("floating")
async def test_an_address_that_can_not_be_bound_is_told(node: Node, opened: Opener) -> None:
    """When the engine can not bind, the trouble holds its words and the readings stay true."""
    server = node()
    link = await connected(opened(server))

    with pytest.raises(LinkTrouble, match="CONFIG SET"):
        await link.bind((server.host, "192.0.2.1"))

    assert link.bound == {server.host}
    assert link.connected


def _ended(sock: socket.socket) -> bool:
    sock.setblocking(False)
    try:
        return sock.recv(65536) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def _speaking(host: str, port: int, words: bytes) -> socket.socket:
    """A raw connection on which `words` were said and answered."""
    sock = socket.create_connection((host, port), timeout=5)
    sock.sendall(words)
    assert sock.recv(65536)
    return sock


@pytest.mark.able("floating")
async def test_letting_go_ends_what_came_through_by_the_same_command(node: Node, opened: Opener) -> None:
    """Told to let go while it hangs, a node ends those connections when it wakes, unasked (S8, H13)."""
    server, floating = node(), free_address()
    link = await connected(opened(server))
    await link.admit(None)
    await link.bind((server.host, floating))
    client = _speaking(floating, server.port, b"PING\r\n")
    subscriber = _speaking(floating, server.port, b"SUBSCRIBE news\r\n")
    own = _speaking(server.host, server.port, b"SUBSCRIBE news\r\n")

    server.process.send_signal(signal.SIGSTOP)
    with pytest.raises(LinkTrouble, match="no answer within"):
        await link.bind((server.host,), ending=(floating,))
    server.process.send_signal(signal.SIGCONT)
    await soon(lambda: _ended(client) and _ended(subscriber), what="the end of both")

    assert not _ended(own)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((floating, server.port), timeout=5)
    for sock in (client, subscriber, own):
        sock.close()


@pytest.mark.able("acl")
async def test_admitting_without_a_user_opens_the_node_to_all(node: Node, opened: Opener) -> None:
    """Without a user the default user needs no password."""
    server = node()
    link = await connected(opened(server))

    await link.admit(None)

    assert link.admitted
    assert server.client().set("key", "value")


async def test_with_admission_syncs_stay_off_the_disk(node: Node, opened: Opener) -> None:
    """From the first tenant on there is data, and a sync writes no file of it (H21)."""
    server = node()
    link = await connected(opened(server))

    await link.admit(None)

    settings = server.client(CONTROL.user, CONTROL.secret).config_get("repl-diskless-sync*")
    assert settings["repl-diskless-sync"] == "yes"
    assert settings["repl-diskless-sync-delay"] == "0"


@pytest.mark.able("acl")
async def test_admitting_a_user_leaves_the_default_user_out(node: Node, opened: Opener) -> None:
    """With a user only its password opens the node."""
    server = node()
    link = await connected(opened(server))

    await link.admit(ALICE)

    assert link.admitted
    assert server.client("alice", "alice's secret").set("key", "value")
    with pytest.raises(redis.exceptions.AuthenticationError):
        server.client().get("key")


@pytest.mark.able("acl")
@pytest.mark.parametrize("user", [None, ALICE])
async def test_shutting_ends_everybody_inside(node: Node, opened: Opener, user: TenantUser | None) -> None:
    """`shut` ends normal and subscribed connections of tenants, lets no new ones in and keeps ours (H13)."""
    server = node()
    link = await connected(opened(server))
    await link.admit(user)
    login = b'AUTH alice "alice\'s secret"\r\n' if user else b"PING\r\n"
    client = _speaking(server.host, server.port, login)
    subscriber = _speaking(server.host, server.port, login + b"SUBSCRIBE news\r\n")

    await link.shut()
    await soon(lambda: _ended(client) and _ended(subscriber), what="the end of both")

    assert not link.admitted
    assert link.connected
    with pytest.raises(redis.exceptions.AuthenticationError):
        (server.client("alice", "alice's secret") if user else server.client()).ping()
    client.close()
    subscriber.close()


@pytest.mark.able("acl")
async def test_the_replication_secret_is_nowhere_to_be_read(node: Node, opened: Opener) -> None:
    """Neither the slow log, which tenants may read, nor any representation of ours shows a secret."""
    server = node()
    link = await connected(opened(server))
    server.client(CONTROL.user, CONTROL.secret).config_set("slowlog-log-slower-than", 0)

    await link.equip(REPLICATION)
    await link.admit(None)

    shown = f"{server.client().execute_command('SLOWLOG', 'GET', 128)} {link!r} {vars(link)['_target']!r}"
    assert "masterauth" in shown
    assert REPLICATION.secret not in shown
    assert CONTROL.secret not in shown


async def test_s01_a_restarted_primary_is_copied_by_nobody(node: Node, opened: Opener) -> None:
    """What it was born with serves nobody: its former replica is refused and keeps its data (S1)."""
    primary, _above, replica, below = await pair(node, opened)
    primary.client().set("key", "value")
    primary.client().wait(1, 5000)
    primary.end()

    primary.restart()
    refusal = "WRONGPASS" if capabilities_of(primary.engine.version).acl else "invalid password"
    await soon(lambda: refusal in replica.log(), what="the refusal")
    await below.refresh()

    with pytest.raises(redis.exceptions.AuthenticationError):
        primary.client().ping()
    assert below.replication is not None
    assert not below.replication.link_up
    assert replica.client().get("key") == "value"


async def test_data_outlives_a_full_sync_that_broke_off(node: Node, opened: Opener) -> None:
    """A replica with data lets go of it only for a whole copy (H2, H27)."""
    primary, above, replica, below = await pair(node, opened)
    primary.client().set("key", "value")
    offset = await above.stamp()
    await soon(lambda: reached(below, offset), what="the copy of the key")

    async with broken_master() as (host, port, break_off):
        await below.follow(host, port)
        await soon(lambda: _syncing(below), what="a sync under way")
        break_off.set()
        await soon(lambda: "with MASTER" in replica.log() and not _syncing(below), what="its end")
    await below.detach()

    assert replica.client().get("key") == "value"


def _syncing(link: RedisLink) -> bool:
    link.probe()
    return link.replication is not None and link.replication.syncing


@pytest.mark.able("acl")
async def test_h25_a_node_that_takes_in_checks_everything_and_is_not_equipped(
    node: Node, opened: Opener
) -> None:
    """Sent to a door, a node follows it as the one-time user; it checks all values of the copy (H24, H25)."""
    server = node()
    link = await connected(opened(server))
    await link.equip(REPLICATION)

    await link.take_in("127.0.0.1", 1234, Identity(user="memstored-load-1", secret="once"))

    assert settings(server) == {
        "masteruser": "memstored-load-1",
        "masterauth": "once",
        "sanitize-dump-payload": "yes",
    }
    assert link.replication is not None
    assert link.replication.following == ("127.0.0.1", 1234)
    assert not link.equipped_as(REPLICATION)


@pytest.mark.able("acl")
async def test_an_equipped_node_is_as_it_was_before_it_took_in(node: Node, opened: Opener) -> None:
    """`detach` and `equip` give the set's identity back, and only clients' values are checked again."""
    server = node()
    link = await connected(opened(server))
    await link.take_in("127.0.0.1", 1234, Identity(user="memstored-load-1", secret="once"))

    await link.detach()
    await link.equip(REPLICATION)

    assert settings(server) == {
        "masteruser": REPLICATION.user,
        "masterauth": REPLICATION.secret,
        "sanitize-dump-payload": "clients",
    }
    assert link.equipped_as(REPLICATION)
    assert link.replication is not None
    assert link.replication.nowhere


async def test_holdings_count_keys_and_what_was_evicted(node: Node, opened: Opener) -> None:
    """A node tells its keys of all databases, its memory, and the keys it had no room for (H29)."""
    server = node()
    link = await connected(opened(server))
    with server.client(CONTROL.user, CONTROL.secret) as client:
        client.mset({"one": 1, "two": 2})
        client.execute_command("SELECT", "9")
        client.set("three", 3)
        full = await link.holdings()
        client.config_set("maxmemory", "1")

    emptied = await link.holdings()

    assert (full.keys, full.evicted) == (3, 0)
    assert full.maxmemory > full.used_memory > 100_000
    assert (emptied.keys, emptied.evicted, emptied.maxmemory) == (0, 3, 1)


def settings(server: Server) -> dict[str, str]:
    """What `take_in` and `equip` set, as the node has it."""
    with server.client(CONTROL.user, CONTROL.secret) as client:
        names = ("masteruser", "masterauth", "sanitize-dump-payload")
        return {name: client.config_get(name)[name] for name in names}


def settings_of(link: RedisLink) -> dict[str, str]:
    """What the node says of its parameters."""
    assert link.settings is not None
    return dict(link.settings)


def as_compared(version: str, values: dict[str, str]) -> dict[str, str]:
    """The values so that equal ones are equal strings."""
    family = family_of(version)
    known = {name: parameter_of(family, name) for name in values}
    return {name: normalized(known[name], value) for name, value in values.items()}


async def test_a_fresh_node_has_every_value_it_was_born_with(node: Node, opened: Opener) -> None:
    """What a redis.conf says of the parameters of groups is what every engine says of them."""
    server = node()
    link = await connected(opened(server))
    version = server.engine.version

    assert as_compared(version, settings_of(link)) == as_compared(
        version, engine_values(family_of(version), (), 1)
    )


async def test_values_are_set_live_and_read_back(node: Node, opened: Opener) -> None:
    """One after the other; the reading is that of the engine."""
    link = await connected(opened(node()))
    opened.changes.clear()

    await link.configure(
        (Setting(name="hz", value="50"), Setting(name="notify-keyspace-events", value="KEA"))
    )

    assert settings_of(link)["hz"] == "50"
    assert set(settings_of(link)["notify-keyspace-events"]) >= {"A", "K", "E"}
    assert opened.changes


async def test_a_refusal_has_the_engines_own_words(node: Node, opened: Opener) -> None:
    """What came before it is set, what comes after is not; the name is said."""
    link = await connected(opened(node()))
    wrong = (
        Setting(name="hz", value="50"),
        Setting(name="maxmemory-policy", value="newest-first"),
        Setting(name="timeout", value="300"),
    )

    with pytest.raises(SettingRefused) as refusal:
        await link.configure(wrong)

    assert refusal.value.name == "maxmemory-policy"
    assert "nvalid argument" in refusal.value.words or "must be one of" in refusal.value.words
    assert (settings_of(link)["hz"], settings_of(link)["timeout"]) == ("50", "0")


async def test_a_read_back_that_fails_is_no_refusal(
    node: Node, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the engine made of the value is not known, so nobody is told that it was refused."""
    link = await connected(opened(node()))
    exchange = link._exchange  # noqa: SLF001 - between the link and its node

    async def without_read_back(*commands: tuple[str, ...]) -> list[Any]:
        told, _ = await exchange(commands[0], ("PING",))
        return [told, hiredis.ReplyError("BUSY Redis is busy running a script")]

    monkeypatch.setattr(link, "_exchange", without_read_back)

    with pytest.raises(LinkTrouble, match="CONFIG GET hz"):
        await link.configure((Setting(name="hz", value="50"),))


async def test_settings_are_read_anew_on_another_connection(node: Node, opened: Opener) -> None:
    """What somebody set while we were away is seen."""
    server = node()
    link = await connected(opened(server))
    control = server.client(CONTROL.user, CONTROL.secret)
    control.config_set("hz", "77")
    control.client_kill_filter(_type="normal", skipme=True)

    await soon(lambda: link.connected and settings_of(link)["hz"] == "77", what="the reading")
