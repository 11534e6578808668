"""Seeing a death, and what is left of it: traps H15 to H17 and H20 to H22 on bare servers."""

import os
import signal
import threading
import time
from contextlib import closing

import pytest
import redis
from bare import PLAIN, Start, fill, follow, heard, kill_leader, pair, raw
from servers import Directives, Engine, Server, engines, eventually, free_address

from memstored.domain.engine import Family, capabilities_of, family_of

ENDLESS = "while true do end"
OLD = [engine for engine in engines() if not capabilities_of(engine.version).acl]


@pytest.mark.able("floating")
def test_h15_a_living_server_refuses_at_its_own_address_while_it_binds_another(start: Start) -> None:
    """`CONFIG SET bind` opens every listener anew: who connects meanwhile is refused or reset."""
    server, floating = start(PLAIN), free_address()
    over = threading.Event()
    turned_away: list[OSError] = []

    def knock() -> None:
        while not over.is_set():
            try:
                with closing(raw(server.host, server.port)) as sock:
                    if not heard(sock):
                        turned_away.append(ConnectionResetError())
            except OSError as error:
                turned_away.append(error)

    knockers = [threading.Thread(target=knock) for _ in range(2)]
    for knocker in knockers:
        knocker.start()
    try:
        with server.client() as client:

            def bind_anew() -> bool:
                client.config_set("bind", f"{server.host} {floating}")
                client.config_set("bind", server.host)
                return bool(turned_away)

            eventually(bind_anew, deadline=60.0, what="being turned away")
    finally:
        over.set()
        for knocker in knockers:
            knocker.join()

    assert turned_away
    assert server.process.poll() is None


def test_h15_killing_clients_cuts_the_controllers_other_connections(start: Start) -> None:
    """`CLIENT KILL TYPE normal SKIPME yes` skips the connection that sends it and no other of its owner."""
    server = start(PLAIN)
    with server.client() as client, closing(raw(server.host, server.port)) as watching:
        assert heard(watching) == b"+PONG\r\n"

        client.client_kill_filter(_type="normal", skipme=True)

        assert heard(watching) == b""


def test_h15_a_full_server_answers_with_an_error(start: Start) -> None:
    """At `maxclients` a living server says so and closes."""
    server = start(PLAIN)
    with server.client() as client:
        client.config_set("maxclients", 1)
        with closing(raw(server.host, server.port)) as late:
            assert b"max number of clients reached" in heard(late)


@pytest.mark.able("acl")
def test_h16_flushing_blocks_unless_it_is_lazy(start: Start) -> None:
    """`FLUSHALL` as the engine comes frees everything before it answers; a lazy one does not."""
    server = start(PLAIN)
    with server.client() as client:
        assert client.config_get("lazyfree-lazy-user-flush") == {"lazyfree-lazy-user-flush": "no"}
        eager = min(_flush_seconds(client) for _ in range(3))
        client.config_set("lazyfree-lazy-user-flush", "yes")
        lazy = min(_flush_seconds(client) for _ in range(3))

    assert eager > 10 * lazy


def _flush_seconds(client: redis.Redis) -> float:
    """The processor time that the thread which answers spent on flushing 100,000 keys.

    Not the time until the answer: that also holds the turns which others had on a busy machine, and
    the thread that frees the keys is one of them.
    """
    client.eval("for n = 1, 100000 do redis.call('SET', 'key:' .. n, n) end", 0)
    before = _spent(client)
    client.flushall()
    return _spent(client) - before


def _spent(client: redis.Redis) -> float:
    """The seconds of processor time that the main thread of this server took so far."""
    told = client.info("cpu")
    return float(told["used_cpu_user_main_thread"]) + float(told["used_cpu_sys_main_thread"])


def test_h16_an_endless_script_is_silent_for_as_long_as_lua_time_limit(start: Start) -> None:
    """The first `-BUSY` comes after `lua-time-limit`, which is 5 s as the engine comes."""
    server = start(PLAIN)
    with (
        server.client() as client,
        closing(raw(server.host, server.port)) as script,
        closing(raw(server.host, server.port)) as asking,
    ):
        assert heard(script) == heard(asking) == b"+PONG\r\n"
        assert client.config_get("lua-time-limit") == {"lua-time-limit": "5000"}
        client.config_set("lua-time-limit", 800)
        began = time.monotonic()
        script.sendall(f'EVAL "{ENDLESS}" 0\r\n'.encode())
        eventually(lambda: _burns(server), what="the script running")
        asking.sendall(b"PING\r\n")

        answer = heard(asking)
        lasted = time.monotonic() - began
        client.script_kill()

    assert answer.startswith(b"-BUSY")
    assert lasted > 0.79, "the server counts whole milliseconds"


def _burns(server: Server) -> bool:
    """Whether the server's state is running, not sleeping."""
    with open(f"/proc/{server.process.pid}/stat") as stat:  # noqa: PTH123 - a file of the kernel
        return stat.read().rpartition(")")[2].split()[0] == "R"


@pytest.mark.able("acl")
@pytest.mark.parametrize(("check", "tested"), [("yes", True), ("no", False)])
def test_h17_a_crash_tests_the_memory_before_it_closes_its_sockets(
    start: Start,
    check: str,
    tested: bool,  # noqa: FBT001 - the expected outcome of a case
) -> None:
    """SIGSEGV leads to a memory test, which takes seconds with gigabytes, unless that is switched off."""
    server = start((*PLAIN, ("crash-memcheck-enabled", check)))

    os.kill(server.process.pid, signal.SIGSEGV)
    server.process.wait(timeout=60)

    assert "crashed by signal: 11" in server.log()
    assert ("FAST MEMORY TEST" in server.log()) is tested


@pytest.mark.parametrize("engine", OLD, ids=lambda engine: engine.version, indirect=True, scope="session")
def test_h17_without_users_a_crash_always_tests_the_memory(start: Start) -> None:
    """Before 6.2 nothing switches the test off, so the sockets of a large node stay open for seconds."""
    server = start(PLAIN)

    os.kill(server.process.pid, signal.SIGSEGV)
    server.process.wait(timeout=60)

    assert "FAST MEMORY TEST" in server.log()


def test_h20_protected_mode_refuses_all_but_127_0_0_1(start: Start, engine: Engine) -> None:
    """With an open default user 7.0 refuses strangers even where an address is bound; before, none."""
    guarded, plain = start((*PLAIN, ("protected-mode", "yes"))), start(PLAIN)
    with (
        closing(raw(guarded.host, guarded.port, source="127.9.9.9")) as stranger,
        closing(raw(guarded.host, guarded.port, source="127.0.0.1")) as local,
        closing(raw(plain.host, plain.port, source="127.9.9.9")) as welcome,
    ):
        answers = [heard(stranger)[:7], heard(local), heard(welcome)]

    first = b"+PONG\r\n" if family_of(engine.version) in (Family.V5_0, Family.V6_2) else b"-DENIED"
    assert answers == [first, b"+PONG\r\n", b"+PONG\r\n"]


TIDY = (("rdb-del-sync-files", "yes"), ("repl-diskless-load", "on-empty-db"))


@pytest.mark.parametrize(
    ("settings", "left"),
    [((), True), pytest.param(TIDY, False, marks=pytest.mark.able("diskless_load"))],
    ids=["default", "tidy"],
)
def test_h21_a_full_copy_leaves_a_file_of_the_data(
    start: Start,
    settings: Directives,
    left: bool,  # noqa: FBT001 - the expected outcome of a case
) -> None:
    """As the engine comes a replica keeps `dump.rdb` of what it copied."""
    primary, replica = start((*PLAIN, *settings)), start((*PLAIN, *settings))
    fill(primary, "key", 10)

    follow(replica, primary)

    assert (replica.folder / "dump.rdb").exists() is left


@pytest.mark.able("floating")
def test_h22_a_stale_client_reaches_whoever_has_the_address_now(start: Start) -> None:
    """An address that changes hands shows one owner's clients the data of another."""
    former, other = start(PLAIN), pair(start)[0]
    with former.client() as stale:
        stale.set("mine", "1")
        fill(other, "theirs", 1)
        kill_leader(former)
        with other.client() as admin:
            admin.config_set("bind", f"{other.host} {former.host}")

        eventually(lambda: redis.Redis(former.host, other.port).exists("theirs:0"), what="the other's data")
