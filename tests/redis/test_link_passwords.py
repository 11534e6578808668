"""What a link does to real servers of an engine without users: one password, and names that we alone know."""

from contextlib import closing

import pytest
import redis
from logins import CONTROL, PASSWORD, joining, serving
from nodes import Node, Opener, attached, connected, pair, reached
from old_client import control_client, old_client
from servers import Server, engines, soon

from memstored.domain.engine import Family, capabilities_of
from memstored.domain.ports import Identity, LinkTrouble
from memstored.redis.commands import allowed_commands
from memstored.redis.renaming import KEPT, REMOVED, secret_name

OLD = [engine for engine in engines() if not capabilities_of(engine.version).acl]
LIMIT = {"sync", "psync", "replconf"}
"""Replicas send them literally, so they stay within reach of whoever knows the password."""
TRAPS = {"host:", "post"}
"""At these the engine ends the connection, for only a browser sends them."""

pytestmark = pytest.mark.parametrize(
    "engine", OLD, ids=lambda engine: engine.version, indirect=True, scope="session"
)


def tenant(server: Server) -> redis.Redis:
    """Whoever knows the tenants' password, and nothing else."""
    return old_client(server.host, server.port, [PASSWORD])


async def test_a_newborn_node_lets_nobody_in_but_us(node: Node, opened: Opener) -> None:
    """Neither without a password nor with the tenants' (S1)."""
    server = node()

    link = await connected(opened(server))

    assert not link.admitted
    assert not link.equipped_as(joining(server.engine.version))
    for passwords in ([None], [PASSWORD]):
        with (
            closing(old_client(server.host, server.port, passwords)) as client,
            pytest.raises(redis.AuthenticationError),
        ):
            client.get("key")


async def test_admission_is_by_the_tenants_password(node: Node, opened: Opener) -> None:
    """From then on it serves tenants, replicas and us; whoever follows needs it as well."""
    server = node()
    link = await connected(opened(server))
    await link.equip(joining(server.engine.version))

    await link.admit(None)

    assert link.admitted
    assert link.equipped_as(serving(server.engine.version))
    assert not link.equipped_as(joining(server.engine.version))
    with closing(tenant(server)) as client:
        assert client.set("key", "value")
    fresh = await connected(opened(server))
    assert fresh.admitted


async def test_nobody_is_admitted_without_a_password(node: Node, opened: Opener) -> None:
    """An engine without users can not be open: it could not protect its replication (H19)."""
    server = node()
    link = await connected(opened(server, password=None))

    with pytest.raises(LinkTrouble, match="without a password"):
        await link.admit(None)

    assert not link.admitted


async def test_h13_shutting_ends_everybody_inside_but_replicas(node: Node, opened: Opener) -> None:
    """Clients and subscribers are ended and kept out; the replica's link and ours stand."""
    primary, above, _replica, below = await pair(node, opened)
    with closing(tenant(primary)) as client, closing(tenant(primary)) as other:
        assert client.ping()
        subscriber = other.pubsub()
        subscriber.subscribe("news")
        assert subscriber.get_message(timeout=5)

        await above.shut()

        assert not above.admitted
        with pytest.raises(redis.RedisError):
            client.ping()
        with pytest.raises(redis.RedisError):
            subscriber.get_message(timeout=5)
    offset = await above.stamp()
    await soon(lambda: reached(below, offset), what="the stamp at the replica")
    assert attached(below)


async def test_a_replica_that_copies_anew_follows_by_the_tenants_password(node: Node, opened: Opener) -> None:
    """A fenced node joins a set that is open: what it asks itself is the fence's still."""
    primary, above, *_ = await pair(node, opened)
    joiner = node()
    link = await connected(opened(joiner))

    await link.equip(serving(joiner.engine.version))
    await link.follow(primary.host, primary.port)
    await soon(lambda: attached(link), what="the link")

    assert not link.admitted
    assert link.equipped_as(serving(joiner.engine.version))
    offset = await above.stamp()
    await soon(lambda: reached(link, offset), what="the stamp at the new node")


async def test_every_command_is_allowed_on_purpose_or_out_of_reach(node: Node, opened: Opener) -> None:
    """What the engine has beyond the commands of tenants is renamed, but for what can not be (H19)."""
    server = node()
    link = await connected(opened(server))
    await link.admit(None)

    with closing(tenant(server)) as client:
        known = {row if isinstance(row, str) else row[0] for row in client.execute_command("COMMAND")}
        unknown = {name for name in known if _unknown(server, name)}

    assert {name.upper() for name in unknown} == {*KEPT, *REMOVED} & {name.upper() for name in known}
    allowed = {name.split("|")[0] for name in allowed_commands(Family.V6_2)} - {"client", "script", "slowlog"}
    assert known - unknown - allowed == LIMIT | TRAPS


def _unknown(server: Server, name: str) -> bool:
    """Whether a tenant's command of that name is answered as one that the engine does not have."""
    if name in TRAPS | LIMIT | {"subscribe", "psubscribe"}:
        return False
    with closing(tenant(server)) as client:
        try:
            connection = client.connection_pool.get_connection()
            connection.send_command(name)
            connection.read_response()
        except redis.ResponseError as error:
            return "unknown command" in str(error)
        except redis.RedisError:
            return False
    return False


async def test_nothing_that_a_tenant_may_ask_gives_the_names_away(node: Node, opened: Opener) -> None:
    """Neither the engine's lists and counts nor its scripts know what a command was sent as (H19)."""
    server = node()
    link = await connected(opened(server))
    await link.equip(joining(server.engine.version))
    await link.admit(None)
    await link.stamp()
    secrets = [secret_name(CONTROL.secret, command) for command in KEPT] + [CONTROL.secret, PASSWORD]

    with closing(tenant(server)) as client:
        shown = str(
            [
                client.execute_command(*words)
                for words in (
                    ("COMMAND",),
                    ("INFO", "all"),
                    ("LATENCY", "DOCTOR"),
                    ("MEMORY", "DOCTOR"),
                    ("ROLE",),
                )
            ]
        )
        with pytest.raises(redis.ResponseError, match="Unknown Redis command"):
            client.eval("return redis.call('config', 'get', 'masterauth')", 0)

    assert "cmdstat_config" in shown
    assert not [secret for secret in secrets if secret in shown]
    assert not [secret for secret in secrets if secret in server.log()]


async def test_an_error_shows_neither_names_nor_passwords(node: Node, opened: Opener) -> None:
    """An engine repeats a command that it does not know, secrets and all; we do not."""
    server = node()
    link = await connected(opened(server))
    with control_client(server.host, server.port, CONTROL, PASSWORD) as client:
        client.config_set("maxmemory", 1)
        client.config_set("maxmemory-policy", "noeviction")

    with pytest.raises(LinkTrouble) as told:
        await link.bind(("127.0.0.1",))

    assert str(told.value).startswith("CONFIG SET: ")
    assert secret_name(CONTROL.secret, "CONFIG") not in str(told.value)


async def test_h24_at_a_door_it_says_the_secret_alone(node: Node, opened: Opener) -> None:
    """It follows a door by the one-time secret, and is not equipped meanwhile."""
    server = node()
    link = await connected(opened(server))
    await link.equip(joining(server.engine.version))

    await link.take_in("127.0.0.1", 1234, Identity(user="memstored-load-1", secret="once"))
    during = link.equipped_as(joining(server.engine.version))
    await link.detach()
    await link.equip(joining(server.engine.version))

    assert not during
    assert link.equipped_as(joining(server.engine.version))


async def test_h12_a_pause_is_refused(node: Node, opened: Opener) -> None:
    """It would hold us back as well and could not be ended."""
    link = await connected(opened(node()))

    with pytest.raises(LinkTrouble, match="CLIENT PAUSE"):
        await link.pause(1000)

    assert not link.paused
