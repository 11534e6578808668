"""Stopping a primary: traps H7 to H14 on bare servers, each engine for itself."""

import socket
from contextlib import ExitStack, closing

import pytest
import redis
from bare import (
    PLAIN,
    Start,
    fill,
    follow,
    heard,
    in_step,
    kill_leader,
    missing,
    no_one,
    nowhere,
    pair,
    raw,
    replication,
    role,
    silent,
    stop_children,
)
from nodes import Node, Opener, connected
from servers import Engine, Server, eventually, free_address, soon

from memstored.domain.engine import Family, family_of
from memstored.redis.link import RedisLink


def test_h07_a_killed_server_keeps_its_sockets_while_a_child_lives(start: Start) -> None:
    """The end of the process is not the end of its connections; the end of its group is."""
    server = start(PLAIN)
    fill(server, "key", 100, size=1_000_000)
    with server.client() as client, closing(raw(server.host, server.port)) as waiting:
        assert heard(waiting) == b"+PONG\r\n"
        client.bgsave()
        stop_children(server)
        assert client.info("persistence")["rdb_bgsave_in_progress"]
        kill_leader(server)

        hangs = silent(waiting)
        server.end()
        end = heard(waiting)

    assert hangs
    assert end == b""


def test_h08_demotion_towards_a_target_that_is_behind_destroys_the_tail(start: Start) -> None:
    """The old primary copies from the target, and what the target had not received is gone from both."""
    primary, target = pair(start)
    nowhere(target)
    tail = fill(primary, "tail", 100)
    no_one(target)

    follow(primary, target)

    assert missing(target, tail) == missing(primary, tail) == 100


@pytest.mark.able("write_pause")
def test_h08_pings_move_the_offset_of_a_paused_primary(start: Start) -> None:
    """A pause of writes is no end of the stream: only the offset of a demoted node is final."""
    primary, _replica = pair(start)
    with primary.client() as client:
        client.config_set("repl-ping-replica-period", 1)
        client.client_pause(30_000, all=False)
        before = replication(primary)["master_repl_offset"]

        eventually(lambda: replication(primary)["master_repl_offset"] > before, what="a ping")
        moved = replication(primary)["master_repl_offset"] - before

    assert moved % 14 == 0


@pytest.mark.able("write_pause")
def test_h08_a_write_after_demotion_is_refused_even_in_a_pause(start: Start) -> None:
    """A pause holds back what comes; demotion refuses it at once, so the pause is a courtesy only."""
    primary, _replica = pair(start)
    with primary.client() as client:
        client.client_pause(30_000, all=False)
        nowhere(primary)

        with pytest.raises(redis.ReadOnlyError):
            client.set("late", "1")


def test_h09_no_one_to_a_stopped_node_is_obeyed_when_it_wakes(start: Start) -> None:
    """Who gave up waiting for the answer has two masters later."""
    primary, replica = pair(start)
    replica.pause()
    with closing(raw(replica.host, replica.port, "REPLICAOF NO ONE")) as gave_up:
        assert silent(gave_up)
    before = role(primary)

    replica.resume()
    eventually(lambda: role(replica) == "master", what="the late promotion")

    assert (before, role(primary)) == ("master", "master")


@pytest.mark.able("acl")
def test_h10_the_failover_command_waits_for_an_acknowledgement(start: Start) -> None:
    """With the target at the very same offset `FAILOVER` still holds writes back, until the next ACK."""
    primary, replica = pair(start)
    with primary.client() as client:
        numbers = iter(range(100))

        def stopped_before_its_ack() -> bool:
            """The replica has everything and is stopped; no ACK said so, unless one came this very moment."""
            replica.resume()
            client.set(f"key:{next(numbers)}", "1")
            eventually(lambda: in_step(primary, replica), what="the replica in step")
            replica.pause()
            seen = replication(primary)
            return bool(seen["slave0"]["offset"] < seen["master_repl_offset"])

        eventually(stopped_before_its_ack, what="a stop before the next ACK")
        client.execute_command("FAILOVER")
        seen = replication(primary)["master_failover_state"]
        client.execute_command("FAILOVER", "ABORT")
        replica.resume()

    assert seen == "waiting-for-sync"


def test_h11_a_woken_primary_acknowledges_what_waited_in_spite_of_min_replicas(start: Start) -> None:
    """Its own clock stood still too: writes that wait when it wakes are taken, with nobody to copy them."""
    primary, replica = pair(start)
    with primary.client() as client:
        client.config_set("min-replicas-max-lag", 1)
        client.config_set("min-replicas-to-write", 1)
    with closing(raw(primary.host, primary.port)) as writer:
        assert heard(writer) == b"+PONG\r\n"
        primary.pause()
        writer.sendall(b"SET waiting 1\r\n")
        no_one(replica)
        eventually(lambda: role(replica) == "master", what="the promotion of the other")

        primary.resume()
        answer = heard(writer)

    assert answer == b"+OK\r\n"
    assert missing(replica, ["waiting"]) == 1


def test_h11_two_nodes_with_min_replicas_take_no_write_after_a_failover(start: Start) -> None:
    """What was to protect writes refuses all of them, until another replica is there."""
    primary, replica = pair(start)
    with replica.client() as client:
        client.config_set("min-replicas-to-write", 1)
        kill_leader(primary)
        no_one(replica)

        with pytest.raises(redis.ResponseError, match="NOREPLICAS"):
            client.set("key", "value")


def test_h12_replicas_are_dropped_on_demotion_before_7_0(start: Start, engine: Engine) -> None:
    """5.0 and 6.2 end the links of their replicas when they are demoted, 7.0 keeps them."""
    primary, _replica = pair(start)

    nowhere(primary)

    kept = 0 if family_of(engine.version) in (Family.V5_0, Family.V6_2) else 1
    assert replication(primary)["connected_slaves"] == kept


async def _three_connections(
    node: Node, opened: Opener, stack: ExitStack
) -> tuple[Server, RedisLink, str, list[socket.socket]]:
    """A server with a floating address, and a client and a subscriber through it and one at its own."""
    server, floating = node(), free_address()
    link = await connected(opened(server))
    await link.admit(None)
    await link.bind((server.host, floating))
    places = ((floating, "PING"), (floating, "SUBSCRIBE news"), (server.host, "SUBSCRIBE news"))
    sockets = [stack.enter_context(closing(raw(host, server.port, words))) for host, words in places]
    assert all(heard(sock) for sock in sockets)
    return server, link, floating, sockets


@pytest.mark.able("floating")
async def test_h13_unbinding_alone_ends_nobody_and_ending_through_ends_all(
    node: Node, opened: Opener
) -> None:
    """Connections through an address survive its loss until they are ended, subscribers included."""
    with ExitStack() as stack:
        server, link, floating, (client, subscriber, own) = await _three_connections(node, opened, stack)

        await link.bind((server.host,))
        survived = silent(client, 0.05) and silent(subscriber, 0.05)
        await link.end_through(floating, server.port)
        await soon(lambda: heard(client, 0.05) == b"" == heard(subscriber, 0.05), what="the end of both")

        assert survived
        assert silent(own, 0.05)
        assert link.connected


@pytest.mark.able("floating")
async def test_h13_killing_normal_clients_leaves_subscribers(node: Node, opened: Opener) -> None:
    """`CLIENT KILL TYPE normal` is no way to empty an address."""
    with ExitStack() as stack:
        server, link, _floating, (client, subscriber, _own) = await _three_connections(node, opened, stack)
        control = server.client(link._target.control.user, link._target.control.secret)  # noqa: SLF001

        control.client_kill_filter(_type="normal", skipme=True)

        assert heard(client) == b""
        assert silent(subscriber)


@pytest.mark.able("acl")
async def test_h13_an_open_default_user_that_is_switched_off_goes_on(start: Start) -> None:
    """`default off` fences nobody who is connected already; killing the user's connections does."""
    server = start(PLAIN)
    with server.client() as admin, closing(raw(server.host, server.port, "SET key 1")) as tenant:
        assert heard(tenant) == b"+OK\r\n"
        admin.execute_command("ACL", "SETUSER", "admin", "on", ">secret", "~*", "+@all")
        admin.execute_command("AUTH", "admin", "secret")
        admin.execute_command("ACL", "SETUSER", "default", "off")

        tenant.sendall(b"SET key 2\r\n")
        goes_on = heard(tenant)
        admin.execute_command("CLIENT", "KILL", "USER", "default")

        assert goes_on == b"+OK\r\n"
        assert heard(tenant) == b""


@pytest.mark.able("acl")
def test_h14_a_connection_outlives_its_password_and_not_its_user(start: Start) -> None:
    """Who is connected still acts with a changed password or as a user that is off, not as a deleted one."""
    server = start(PLAIN)
    with server.client() as admin:
        admin.execute_command("ACL", "SETUSER", "former", "on", ">secret", "~*", "+@all")
        with closing(raw(server.host, server.port, "AUTH former secret")) as former:
            assert heard(former) == b"+OK\r\n"
            admin.execute_command("ACL", "SETUSER", "former", "resetpass", ">another", "off")

            former.sendall(b"REPLICAOF 127.0.0.1 1\r\n")
            obeyed = heard(former)
            admin.execute_command("ACL", "DELUSER", "former")
            end = heard(former)

    assert obeyed == b"+OK\r\n"
    assert end == b""
    assert role(server) == "slave"
