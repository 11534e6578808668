"""The redis.conf of newborn nodes, read back from every real engine."""

from collections.abc import Callable

import pytest
import redis
from logins import CONTROL, REPLICATION
from servers import Directives, Engine, Server, eventually

from memstored.redis.acl import replication_rules
from memstored.redis.config import directives

Start = Callable[..., Server]

EXPECTED = {
    "acl-pubsub-default": "resetchannels",
    "appendonly": "no",
    "crash-memcheck-enabled": "no",
    "databases": "16",
    "lazyfree-lazy-user-del": "yes",
    "lazyfree-lazy-user-flush": "yes",
    "lua-time-limit": "500",
    "maxmemory": "697932185",
    "maxmemory-policy": "allkeys-lru",
    "protected-mode": "no",
    "rdb-del-sync-files": "yes",
    "repl-backlog-size": "16777216",
    "repl-backlog-ttl": "0",
    "repl-diskless-load": "on-empty-db",
    "repl-diskless-sync": "no",
    "replica-lazy-flush": "yes",
    "sanitize-dump-payload": "clients",
    "save": "",
}


@pytest.fixture
def control(start: Start, birth: Directives) -> redis.Redis:
    """Our client on a newborn node."""
    return start(birth).client(CONTROL.user, CONTROL.secret)


@pytest.mark.parametrize(("name", "value"), EXPECTED.items(), ids=EXPECTED.keys())
def test_the_engine_takes_every_setting(control: redis.Redis, engine: Engine, name: str, value: str) -> None:
    """What the service depends on is in force, not merely in the file."""
    assert control.config_get(name) in ({name: value}, {})


@pytest.mark.able("acl")
@pytest.mark.parametrize("name", EXPECTED)
def test_every_setting_is_known_to_the_newer_engines(control: redis.Redis, name: str) -> None:
    """Nothing that the service depends on is left out for them."""
    assert control.config_get(name)


def test_every_directive_is_in_force(start: Start, birth: Directives) -> None:
    """No line of the file is unknown to the engine or overruled by another."""
    control = start(birth).client(CONTROL.user, CONTROL.secret)

    settings = control.config_get("*")

    plain = {name: value.strip('"') for name, value in birth}
    special = {"user", "client-output-buffer-limit", "rename-command"}
    plain = {n: v for n, v in plain.items() if n not in special}
    assert {name: settings[name] for name in plain} == plain


@pytest.mark.able("acl")
def test_a_newborn_node_lets_nobody_in_but_us(start: Start, birth: Directives) -> None:
    """The default user is off, the control user sees who there is and can not act; there is no other (S1)."""
    server = start(birth)

    with pytest.raises(redis.exceptions.AuthenticationError):
        server.client().ping()
    with redis.Redis(server.host, server.port, username=CONTROL.user, password=CONTROL.secret) as control:
        users = control.acl_list()
        for command in ("PING", "GET key", "CONFIG GET *", "REPLICAOF NO ONE", "CLIENT LIST", "ACL USERS"):
            with pytest.raises(redis.exceptions.NoPermissionError):
                control.execute_command(*command.split())

    assert sorted(line.split()[1] for line in users) == ["default", CONTROL.user]


@pytest.mark.able("acl")
def test_the_file_holds_no_secret(start: Start, birth: Directives) -> None:
    """What is on disk holds passwords only as hashes."""
    written = (start(birth).folder / "redis.conf").read_text(encoding="utf-8")

    assert CONTROL.user in written
    assert CONTROL.secret not in written


def test_parameters_replace_defaults(start: Start, engine: Engine) -> None:
    """Values chosen by a tenant are in force."""
    chosen = {"maxmemory-policy": "volatile-ttl", "notify-keyspace-events": "KEA", "timeout": "300"}
    lines = directives(
        engine.version, memory_gib=2, control=CONTROL, failure_detection=5.0, parameters=chosen
    )

    control = start(lines).client(CONTROL.user, CONTROL.secret)

    settings = control.config_get("*")
    assert (settings["maxmemory-policy"], settings["timeout"]) == ("volatile-ttl", "300")
    assert set(settings["notify-keyspace-events"]) == set("AKE")


@pytest.mark.able("diskless_load")
def test_h21_a_full_sync_leaves_nothing_on_the_disk(start: Start, birth: Directives) -> None:
    """Neither end of a sync keeps a file with the tenants' data, not even of the first one (H21)."""
    primary, replica = start(birth), start(birth)
    above, below = (server.client(CONTROL.user, CONTROL.secret) for server in (primary, replica))
    above.set("key", "value")
    above.execute_command("ACL", "SETUSER", *replication_rules(REPLICATION))
    below.config_set("masterauth", REPLICATION.secret)
    below.config_set("masteruser", REPLICATION.user)

    below.replicaof(primary.host, primary.port)
    eventually(lambda: below.get("key") == "value", what="the copy")
    eventually(lambda: not [*primary.folder.glob("*.rdb")], what="the file's removal")

    assert [*replica.folder.glob("*.rdb")] == []
