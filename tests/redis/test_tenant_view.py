"""What tenants see of the service at a node, which is names, and what they can do to it (API.md 5)."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import redis
from logins import CONTROL, REPLICATION
from nodes import Opener, connected
from servers import Engine, Server

from memstored.domain.model import TenantUser
from memstored.redis.config import directives
from memstored.redis.link import RedisLink

pytestmark = pytest.mark.able("acl")

Start = Callable[..., Server]
PASSWORD = "a tenant's password"
HASH = hashlib.sha256(PASSWORD.encode()).hexdigest()
SECRETS = [CONTROL.secret, REPLICATION.secret, PASSWORD]
HASHES = [hashlib.sha256(secret.encode()).hexdigest() for secret in SECRETS]
NAMES = [CONTROL.user, REPLICATION.user]

CURIOUS = """
    INFO everything|INFO all|CLIENT LIST|CLIENT INFO|SLOWLOG GET 1000|SLOWLOG LEN
    LATENCY LATEST|LATENCY DOCTOR|LATENCY HISTORY command|MEMORY STATS|MEMORY DOCTOR|MEMORY MALLOC-STATS
    COMMAND|COMMAND COUNT|COMMAND LIST|COMMAND DOCS|KEYS *|SCAN 0|DBSIZE|RANDOMKEY|ROLE
    PUBSUB CHANNELS|PUBSUB NUMPAT|FUNCTION LIST|FUNCTION STATS|LOLWUT|LASTSAVE|TIME
    ACL WHOAMI|ACL LIST|ACL USERS|ACL LOG|ACL GETUSER memstored-control|CONFIG GET masterauth|CONFIG GET *
    MONITOR|DEBUG OBJECT x|MODULE LIST|REPLCONF ack 1|PSYNC ? -1
"""
"""Whatever could tell something; what is refused tells nothing."""


@dataclass(frozen=True, slots=True)
class Held:
    """A node that the service holds and a tenant works at."""

    server: Server
    link: RedisLink
    login: tuple[str | None, str | None]

    def client(self) -> redis.Redis:
        """The tenant; answers come as they are."""
        client = self.server.client(*self.login)
        client.response_callbacks.clear()
        return client


USERS = {
    "named": (TenantUser(name="alice", password_hash=HASH), ("alice", PASSWORD)),
    "default": (TenantUser(name="default", password_hash=HASH), (None, PASSWORD)),
    "open": (None, (None, None)),
}


@pytest.fixture(params=USERS)
async def held(request: pytest.FixtureRequest, start: Start, engine: Engine, opened: Opener) -> Held:
    """Equipped and admitted by a real link, with a parameter group that has everything in the slow log."""
    everything = {"slowlog-log-slower-than": "0", "slowlog-max-len": "1000"}
    birth = directives(
        engine.version, memory_gib=1, control=CONTROL, failure_detection=1.0, parameters=everything
    )
    user, login = USERS[request.param]
    server = start(birth)
    link = await connected(opened(server))
    await link.equip(REPLICATION)
    await link.admit(user)
    return Held(server, link, login)


def told(client: redis.Redis, command: str) -> str:
    """All that the tenant learns by a command."""
    try:
        return repr(client.execute_command(*command.split()))
    except redis.exceptions.RedisError as error:
        return str(error)


def commands(table: str) -> list[str]:
    """The commands of a table."""
    return [command for line in table.strip().splitlines() for command in line.strip().split("|")]


async def test_no_secret_is_to_be_seen(held: Held) -> None:
    """Neither a password nor a hash of the service's or another tenant's, however one asks."""
    client = held.client()

    seen = {command: told(client, command) for command in commands(CURIOUS)}

    assert "redacted" in seen["SLOWLOG GET 1000"]
    leaks = {command for command, text in seen.items() if any(s in text for s in (*SECRETS, *HASHES))}
    assert leaks == set()


async def test_names_are_to_be_seen_in_the_list_of_clients(held: Held) -> None:
    """There the service's connections stand with user and address. Nowhere else are its users named but in a
    log of every command, where a controller deletes those before it.
    """
    client = held.client()

    seen = {command: told(client, command) for command in commands(CURIOUS)}

    naming = {command for command, text in seen.items() if any(name in text for name in NAMES)}
    assert naming == {"CLIENT LIST", "SLOWLOG GET 1000"}


async def test_the_service_leaves_nothing_among_the_tenants_data(held: Held) -> None:
    """No key, no channel with a subscriber, no function."""
    client = held.client()
    await held.link.stamp()

    assert told(client, "KEYS *") == told(client, "PUBSUB CHANNELS") == "[]"
    assert told(client, "DBSIZE") == "0"


GUESSES = ["", "x", PASSWORD, HASH, *HASHES]


async def test_the_services_users_are_not_to_be_had(held: Held) -> None:
    """By no word that a tenant could know: not even by the hashes of the secrets, on a connection or anew."""
    client = held.client()

    for name in NAMES:
        for guess in GUESSES:
            with pytest.raises(redis.exceptions.AuthenticationError):
                held.server.client(name, guess).ping()
            for words in (("AUTH", name, guess), ("HELLO", "3", "AUTH", name, guess)):
                with pytest.raises(redis.exceptions.AuthenticationError):
                    client.execute_command(*words)

    assert told(client, "ACL WHOAMI") == repr(held.login[0] or "default")


async def test_a_reset_leads_back_to_the_default_user(held: Held) -> None:
    """Which lets nobody in where the set has a user of another name, or a password."""
    connection = held.client().connection_pool.get_connection()
    connection.send_command("RESET")
    connection.read_response()
    connection.send_command("GET", "key")

    if held.login == (None, None):
        assert connection.read_response() is None
    else:
        with pytest.raises(redis.exceptions.AuthenticationError):
            connection.read_response()
    connection.disconnect()


async def test_a_tenant_can_not_disturb_the_services_connection(held: Held) -> None:
    """Invalidations may be sent to any connection, and any may be unblocked; ours goes on as before."""
    client = held.client()
    ours = next(c["id"] for c in held.server.client(*held.login).client_list() if c["name"] == "memstored")
    run_id = held.link.run_id

    client.execute_command("CLIENT", "TRACKING", "ON", "REDIRECT", ours, "BCAST")
    for number in range(100):
        client.set("key", number)
    client.execute_command("CLIENT", "UNBLOCK", ours)
    before = await held.link.stamp()
    await held.link.refresh()

    assert held.link.connected
    assert held.link.run_id == run_id
    assert held.link.replication is not None
    assert held.link.replication.offset >= before
    assert "no permissions" in told(client, f"CLIENT KILL ID {ours}")
    assert "no permissions" in told(client, "CLIENT NO-EVICT on")
    assert "no permissions" in told(client, "CLIENT PAUSE 1000")
