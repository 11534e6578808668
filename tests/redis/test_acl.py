"""What tenants may run, held against the `COMMAND` of every real engine, for every kind of tenant."""

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from logins import CONTROL, REPLICATION
from servers import Directives, Engine, Server, engines, eventually

from memstored.domain.engine import Family, capabilities_of, family_of
from memstored.domain.model import TenantUser
from memstored.redis.acl import replication_rules, tenant_rules
from memstored.redis.commands import allowed_commands

pytestmark = pytest.mark.able("acl")

Start = Callable[..., Server]
PASSWORD = "a tenant's password"
ALICE = TenantUser(name="alice", password_hash=hashlib.sha256(PASSWORD.encode()).hexdigest())


@dataclass(frozen=True, slots=True)
class Tenant:
    """A set's user as it is ordered (None: no user), and what an application logs in with."""

    user: TenantUser | None
    name: str | None = None
    password: str | None = None

    @property
    def acl_name(self) -> str:
        """The Redis user that the application works as."""
        return self.user.name if self.user else "default"


TENANTS = {
    "named": Tenant(ALICE, "alice", PASSWORD),
    "default": Tenant(TenantUser(name="default", password_hash=ALICE.password_hash), None, PASSWORD),
    "open": Tenant(None),
}

REFUSED = {
    Family.V6_2: """
        asking bgrewriteaof bgsave cluster config debug failover host: migrate module monitor pfdebug
        pfselftest post psync readonly readwrite replconf replicaof restore-asking save shutdown slaveof sync
    """,
    Family.V7_0: """
        asking bgrewriteaof bgsave cluster config debug failover migrate module monitor pfdebug pfselftest
        psync readonly readwrite replconf replicaof restore-asking save shutdown slaveof sync
    """,
}
REFUSED[Family.V7_2] = (
    REFUSED[Family.V7_0]
    + """
    clusterscan commandlog delifeq hexpire hexpireat hexpiretime hgetdel hgetex hpersist hpexpire hpexpireat
    hpexpiretime hpttl hsetex httl msetex
"""
)
"""What no tenant may run in any form: an engine that has a command in neither table fails the tests.

For 7.2 a Valkey stands in, which has some commands more.
"""

NEVER = """
    ACL LIST|ACL SETUSER alice on|ACL GETUSER default|ACL CAT|ACL LOG|ACL USERS|ACL DELUSER x|ACL HELP
    BGREWRITEAOF|BGSAVE|CLUSTER INFO|CLUSTER RESET
    CONFIG GET *|CONFIG GET masterauth|CONFIG SET maxmemory 1|CONFIG REWRITE|CONFIG RESETSTAT
    DEBUG SLEEP 0|DEBUG SEGFAULT|FAILOVER|FAILOVER ABORT|MIGRATE 127.0.0.1 1 k 0 1|MODULE LIST
    MODULE LOAD /x.so|MONITOR|PSYNC ? -1|REPLCONF ACK 999999999999|REPLICAOF NO ONE|SAVE
    SCRIPT DEBUG SYNC|SCRIPT DEBUG YES|SHUTDOWN NOSAVE|SLAVEOF NO ONE|SYNC
    CLIENT PAUSE 1000|CLIENT UNPAUSE|CLIENT KILL TYPE normal|CLIENT NO-EVICT on|CLIENT HELP
"""

ALWAYS = """
    INFO|INFO replication|SLOWLOG GET|SLOWLOG LEN|MEMORY USAGE key|MEMORY STATS|LATENCY LATEST|LATENCY RESET
    WAIT 0 1|KEYS *|SCAN 0|SORT numbers|FLUSHALL|FLUSHDB|DBSIZE|ROLE|ACL WHOAMI|OBJECT ENCODING key
    COMMAND COUNT|TIME|LASTSAVE|SELECT 1|SWAPDB 0 1|DUMP missing
    CLIENT GETNAME|CLIENT GETREDIR|CLIENT ID|CLIENT INFO|CLIENT LIST|CLIENT REPLY ON|CLIENT SETNAME me
    CLIENT TRACKING ON|CLIENT TRACKINGINFO|CLIENT TRACKING OFF|CLIENT UNBLOCK 1
    SCRIPT LOAD x=1|SCRIPT EXISTS x|SCRIPT FLUSH|PUBLISH any 1|PUBSUB CHANNELS
    XADD stream * a b|XINFO STREAM stream|GEOADD places 1 1 here|PFADD seen 1|SETBIT bits 1 1
"""


WITH_HELP = """
    ACL CLIENT CONFIG DEBUG MEMORY MODULE OBJECT PUBSUB SCRIPT SLOWLOG XGROUP XINFO
"""
"""Commands of 6.2 with subcommands, which HELP tells; that of CLUSTER needs a cluster."""

NOT_FROM_A_SCRIPT = (
    "can't run this command|no permissions|not allowed from script|Unknown (Redis )?command called from"
)
"""What a script is told: of a lack of rights, or of a command that no script may call."""


VALKEY = Path(__file__).parents[2] / ".tools" / "valkey" / "valkey-server"
"""Where `scripts/setup engines` puts it. It calls itself Redis 7.2.4, as which it began."""


def tried() -> list[Engine]:
    """Every engine that is here, and the stand-in for Redis 7.2."""
    return [*engines(), *([Engine("7.2.4", str(VALKEY))] if VALKEY.exists() else [])]


@pytest.fixture(scope="session", params=tried(), ids=lambda engine: engine.version)
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each of them, one after the other."""
    return request.param


@pytest.fixture(scope="module", params=TENANTS)
def kind(request: pytest.FixtureRequest) -> Tenant:
    """Each kind of tenant, one after the other."""
    return TENANTS[request.param]


@pytest.fixture(scope="module")
def server(
    engine: Engine, kind: Tenant, birth: Directives, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """One node that lets a tenant in, for all tests of this file."""
    server = Server.start(engine, tmp_path_factory.mktemp("acl"), birth)
    admit(server, kind.user)
    yield server
    server.end()


@pytest.fixture
def tenant(server: Server, kind: Tenant) -> Iterator[redis.Redis]:
    """A client of the tenant, with a string, a list and a stream to work on; answers come as they are."""
    client = server.client(kind.name, kind.password)
    client.flushall()
    client.set("key", "value")
    client.rpush("numbers", 3, 1, 2)
    client.xadd("stream", {"a": "b"})
    client.response_callbacks.clear()
    yield client
    client.close()


def admit(server: Server, user: TenantUser | None) -> None:
    """Make the users that let this tenant in."""
    control = server.client(CONTROL.user, CONTROL.secret)
    for rules in tenant_rules(server.engine.version, user):
        control.execute_command("ACL", "SETUSER", *rules)


def lines(table: str) -> list[list[str]]:
    """The commands of a table, each as its words."""
    return [command.split() for line in table.strip().splitlines() for command in line.split("|")]


def refused(run: Callable[[], object]) -> bool:
    """Whether Redis refuses it for lack of rights; what else it says does not matter here.

    7.0 refuses DEBUG and MODULE LOAD to everyone, before it looks at rights.
    """
    try:
        run()
    except redis.exceptions.ResponseError as error:
        everyone = "command not allowed. If the enable-" in str(error)
        return isinstance(error, redis.exceptions.NoPermissionError) or everyone
    return False


def words_of(name: str, arguments: int) -> list[str]:
    """The command with as many arguments as it needs at least."""
    return [*name.split("|"), *["0"] * arguments]


def failed(client: redis.Redis, *words: str) -> bool:
    """Whether a script was stopped at the command that it called, for lack of rights or for good."""
    try:
        client.execute_command(*words)
    except redis.exceptions.ResponseError as error:
        return re.search(NOT_FROM_A_SCRIPT, str(error)) is not None
    return False


def let_through(server: Server, kind: Tenant, name: str, arguments: int) -> bool:
    """Whether the tenant may run the command, found out without running it."""
    words = words_of(name, arguments)
    if family_of(server.engine.version) is Family.V6_2:
        return not refused(lambda: in_transaction(server, kind, words))
    control = server.client(CONTROL.user, CONTROL.secret)
    return control.execute_command("ACL", "DRYRUN", kind.acl_name, *words) in ("OK", b"OK")


def in_transaction(server: Server, kind: Tenant, words: list[str]) -> object:
    """What the tenant is told of a command in a transaction: rights are looked at, and nothing is run."""
    connection = server.client(kind.name, kind.password).connection_pool.get_connection()
    connection.send_command("MULTI")
    connection.read_response()
    connection.send_command(*words)
    try:
        return connection.read_response()
    finally:
        connection.disconnect()


def queued(server: Server, kind: Tenant, words: list[str]) -> bool:
    """Whether a transaction takes the command, for whatever reason it does not."""
    try:
        return in_transaction(server, kind, words) in ("QUEUED", b"QUEUED")
    except redis.exceptions.ResponseError:
        return False


def arguments_of(command: list[object]) -> int:
    """How many arguments the command needs at least, its name not counted."""
    return abs(int(str(command[1]))) - 1


def every_command(server: Server) -> dict[str, int]:
    """Each command and, where the engine counts them, each subcommand, with its number of arguments."""
    control = server.client(CONTROL.user, CONTROL.secret)
    control.response_callbacks.clear()
    found: dict[str, int] = {}
    for command in control.execute_command("COMMAND"):
        found[command[0]] = arguments_of(command)
        for sub in command[9] if len(command) > 9 else ():
            found[sub[0]] = arguments_of(sub) - 1
    return found


def every_subcommand(server: Server) -> dict[str, list[str]]:
    """Each subcommand (`client|list`) with its words; where the engine does not count them, its HELP does."""
    control = server.client(CONTROL.user, CONTROL.secret)
    control.response_callbacks.clear()
    known = {name: words_of(name, count) for name, count in every_command(server).items() if "|" in name}
    if known:
        return known
    found = {}
    for container in WITH_HELP.split():
        for line in control.execute_command(container, "HELP"):
            name = line.split()[0]
            if name.isupper() and name != container:
                found[f"{container}|{name}".lower()] = [container, name]
    return found


def forbidden(server: Server) -> dict[str, list[str]]:
    """Every command and subcommand that is in no table, with its words."""
    allowed = allowed_commands(family_of(server.engine.version))
    subcommands = every_subcommand(server)
    containers = {name.partition("|")[0] for name in (*allowed, *subcommands) if "|" in name}
    whole = {n: words_of(n, count) for n, count in every_command(server).items() if n not in containers}
    found = {
        name: words for name, words in (whole | subcommands).items() if "|" not in name or name in subcommands
    }
    return {
        name: words
        for name, words in found.items()
        if name not in allowed and name.partition("|")[0] not in allowed
    }


def test_every_command_of_the_engine_is_decided(server: Server, engine: Engine) -> None:
    """No command of the engine is missing from both tables, and the tables name none that it lacks."""
    family = family_of(engine.version)
    known = {name.partition("|")[0] for name in allowed_commands(family)} | set(REFUSED[family].split())

    found = {name.partition("|")[0] for name in every_command(server)}

    assert found == known


def test_tenants_may_run_exactly_what_is_allowed(server: Server, engine: Engine, kind: Tenant) -> None:
    """Every command and subcommand is tried as the tenant: what is let through is the table, nothing else."""
    allowed = allowed_commands(family_of(engine.version))
    found = every_command(server)
    containers = {name.partition("|")[0] for name in (*allowed, *found) if "|" in name}
    commands = {name: count for name, count in found.items() if name not in containers}

    passed = {name for name, count in commands.items() if let_through(server, kind, name, count)}

    assert passed == {name for name in commands if name in allowed or name.partition("|")[0] in allowed}


def test_subcommands_are_decided_one_by_one(server: Server, engine: Engine, kind: Tenant) -> None:
    """Also where the engine does not count them: each that its HELP tells is tried, in a transaction."""
    allowed = allowed_commands(family_of(engine.version))
    subcommands = every_subcommand(server)

    passed = {
        n for n, w in subcommands.items() if not refused(lambda words=w: in_transaction(server, kind, words))
    }

    assert len(subcommands) > 30
    assert passed == {n for n in subcommands if n in allowed or n.partition("|")[0] in allowed}


def test_what_is_refused_is_refused_in_a_transaction(server: Server, kind: Tenant) -> None:
    """It is not queued, so `EXEC` runs nothing of it."""
    assert {name for name, words in forbidden(server).items() if queued(server, kind, words)} == set()


def test_what_is_refused_is_refused_in_a_script(server: Server, tenant: redis.Redis) -> None:
    """A script runs with its caller's rights, and never as somebody else's."""
    run = "return redis.call(unpack(ARGV))"
    ran = {n for n, words in forbidden(server).items() if not failed(tenant, "EVAL", run, "0", *words)}

    assert ran == set()
    assert tenant.eval(run, 0, "get", "key") == "value"


def test_what_is_refused_is_refused_in_a_function(
    server: Server, tenant: redis.Redis, engine: Engine
) -> None:
    """The same, where the engine has functions."""
    if not capabilities_of(engine.version).functions:
        assert "function" not in allowed_commands(family_of(engine.version))
        return
    tenant.function_load(
        "#!lua name=tries\nredis.register_function('run', function(_, a) return redis.call(unpack(a)) end)",
        replace=True,
    )

    ran = {n for n, words in forbidden(server).items() if not failed(tenant, "FCALL", "run", "0", *words)}

    assert ran == set()
    assert tenant.fcall("run", 0, "get", "key") == "value"


@pytest.mark.parametrize("command", lines(NEVER), ids=" ".join)
def test_what_would_break_the_service_is_refused(tenant: redis.Redis, command: list[str]) -> None:
    """The list of API.md 5, each by name with its subcommands."""
    assert refused(lambda: tenant.execute_command(*command))


@pytest.mark.parametrize("command", lines(ALWAYS), ids=" ".join)
def test_what_tenants_work_with_works(tenant: redis.Redis, command: list[str]) -> None:
    """What other services take away is carried out here."""
    tenant.execute_command(*command)


def test_functions_work_where_the_engine_has_them(tenant: redis.Redis, engine: Engine) -> None:
    """From 7.0 a tenant loads, calls, dumps and removes functions."""
    if family_of(engine.version) is Family.V6_2:
        assert not any(name.startswith("function") for name in allowed_commands(Family.V6_2))
        return
    tenant.function_load("#!lua name=mine\nredis.register_function('seven', function() return 7 end)")

    assert tenant.fcall("seven", 0) == 7
    assert tenant.function_dump()
    assert tenant.function_delete("mine")


def test_a_user_named_default_logs_in_with_one_argument(start: Start, birth: Directives) -> None:
    """With the name `default` the old one-argument `AUTH` works, and without it nothing does (API.md 5)."""
    server = start(birth)

    admit(server, TenantUser(name="default", password_hash=ALICE.password_hash))

    assert server.client(None, PASSWORD).set("key", "value")
    with pytest.raises(redis.exceptions.AuthenticationError):
        server.client().get("key")


def test_admitting_twice_gives_the_same_users(server: Server, kind: Tenant) -> None:
    """The rules say all there is: a repetition changes nothing."""
    control = server.client(CONTROL.user, CONTROL.secret)
    before = control.acl_list()

    admit(server, kind.user)

    assert control.acl_list() == before


def test_the_replication_user_can_follow_and_nothing_else(start: Start, birth: Directives) -> None:
    """With three commands a replica attaches; the same user reads and writes nothing."""
    primary, replica = start(birth), start(birth)
    control = primary.client(CONTROL.user, CONTROL.secret)
    control.execute_command("ACL", "SETUSER", *replication_rules(REPLICATION))
    below = replica.client(CONTROL.user, CONTROL.secret)
    below.config_set("masterauth", REPLICATION.secret)
    below.config_set("masteruser", REPLICATION.user)

    below.replicaof(primary.host, primary.port)
    eventually(lambda: below.info("replication")["master_link_status"] == "up", what="the link")

    held = control.acl_getuser(REPLICATION.user)
    assert set(held["commands"]) == {"+psync", "+replconf", "+ping"}
    assert not held["keys"]
    assert not held["channels"]
    follower = primary.client(REPLICATION.user, REPLICATION.secret)
    for command in ("GET key", "SET key 1", "INFO", "CONFIG GET masterauth"):
        with pytest.raises(redis.exceptions.NoPermissionError):
            follower.execute_command(*command.split())
