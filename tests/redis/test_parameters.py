"""The table of parameters, compared with every real engine that is here (API.md 7, H30)."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import redis
from nodes import CONTROL
from servers import Directives, Engine, Server, engines

from memstored.domain.bounds import BufferLimits, Events, Memory, Whole, Words
from memstored.domain.engine import family_of
from memstored.domain.parameters import (
    Apply,
    Parameter,
    engine_value,
    normalized,
    parameter_of,
    parameters_of,
)
from memstored.redis.config import directives

OLD = Path(__file__).parents[2] / ".tools" / "redis-5.0.6" / "redis-server"
ALL = [*engines(), *([Engine("5.0.6", str(OLD))] if OLD.exists() else [])]
GIB = 1024**3
MEMORY = 4
"""Of the flavor, in GiB."""

HIDDEN: Mapping[str, str] = {
    "cluster mode, which these sets do not have": """
        cluster-allow-pubsubshard-when-down cluster-allow-reads-when-down cluster-allow-replica-migration
        cluster-announce-bus-port cluster-announce-hostname cluster-announce-ip cluster-announce-port
        cluster-announce-tls-port cluster-config-file cluster-enabled cluster-link-sendbuf-limit
        cluster-migration-barrier cluster-node-timeout cluster-port cluster-preferred-endpoint-type
        cluster-replica-no-failover cluster-replica-validity-factor cluster-require-full-coverage""",
    "where the node lives and how it is reached, which belongs to the runtime": """
        bind bind-source-addr daemonize dbfilename dir logfile pidfile port replica-announce-ip
        replica-announce-port replica-announced unixsocket unixsocketperm socket-mark-id""",
    "who may log in, and what is not to be shown": "acl-pubsub-default aclfile acllog-max-len masterauth "
    "masteruser requirepass",
    "certificates, which belong to the service (API.md 6)": """
        tls-auth-clients tls-ca-cert-dir tls-ca-cert-file tls-cert-file tls-ciphers tls-ciphersuites
        tls-client-cert-file tls-client-key-file tls-client-key-file-pass tls-cluster tls-dh-params-file
        tls-key-file tls-key-file-pass tls-port tls-prefer-server-ciphers tls-protocols tls-replication
        tls-session-cache-size tls-session-cache-timeout tls-session-caching""",
    "replication, on which failover rests (H4, H5, H11, H26, H27)": """
        min-replicas-max-lag min-replicas-to-write repl-backlog-size repl-disable-tcp-nodelay
        repl-diskless-load repl-diskless-sync repl-diskless-sync-delay repl-diskless-sync-max-replicas
        repl-ping-replica-period repl-timeout replica-ignore-disk-write-errors replica-ignore-maxmemory
        replica-priority replica-serve-stale-data replicaof slaveof propagation-error-behavior""",
    "the disk, on which nothing lies": """
        aof-disable-auto-gc aof-load-truncated aof-rewrite-incremental-fsync aof-timestamp-enabled
        aof-use-rdb-preamble aof_rewrite_cpulist appenddirname appendfilename appendfsync
        auto-aof-rewrite-min-size auto-aof-rewrite-percentage bgsave_cpulist no-appendfsync-on-rewrite
        rdb-del-sync-files rdb-save-incremental-fsync rdbcompression stop-writes-on-bgsave-error""",
    "what keeps a node from hanging or from being crashed (H16, H17, H25)": """
        busy-reply-threshold crash-log-enabled crash-memcheck-enabled lua-time-limit sanitize-dump-payload
        enable-debug-command enable-module-command enable-protected-configs watchdog-period
        use-exit-on-panic""",
    "the service's own connections, which it could end": "maxmemory-clients",
    "the machine that the node shares with others": """
        bio_cpulist server_cpulist disable-thp oom-score-adj oom-score-adj-values jemalloc-bg-thread""",
    "how the process shows and ends": """
        always-show-logo ignore-warnings loglevel proc-title-template set-proc-title shutdown-on-sigint
        shutdown-on-sigterm shutdown-timeout supervised syslog-enabled syslog-facility syslog-ident""",
    "of defragmentation, which not every build can do": """
        active-defrag-cycle-max active-defrag-cycle-min active-defrag-ignore-bytes
        active-defrag-max-scan-fields active-defrag-threshold-lower active-defrag-threshold-upper""",
    "for the engine's own tests": "key-load-delay rdb-key-save-delay",
    "what the engine itself advises against or gave up": "gopher-enabled lua-replicate-commands",
    "a list of numbers for one section of INFO": "latency-tracking-info-percentiles",
}
"""What `CONFIG GET *` tells and no group shows, by the reason."""

FORMER = {"slave": "replica", "ziplist": "listpack"}
"""Words that names had in earlier versions; engines know both."""

DIFFERENT = {
    "lazyfree-lazy-eviction": "H16",
    "lazyfree-lazy-expire": "H16",
    "lazyfree-lazy-server-del": "H16",
    "lazyfree-lazy-user-del": "H16",
    "lazyfree-lazy-user-flush": "H16",
    "maxclients": "the service's own come on top",
    "maxmemory": "API.md 7",
    "maxmemory-policy": "API.md 7",
    "protected-mode": "H20",
    "repl-backlog-ttl": "H4",
    "replica-lazy-flush": "H16",
    "save": "H21",
    "tcp-keepalive": "a dead client is noticed sooner",
}
"""Where our default is another than the engine's, and why."""

Serve = Callable[[Engine], redis.Redis]
Launch = Callable[[Engine, Directives], redis.Redis]


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """A client of a bare server of an engine, which has nothing but the engine's own defaults."""
    servers: dict[str, Server] = {}

    def served(engine: Engine) -> redis.Redis:
        if engine.version not in servers:
            servers[engine.version] = Server.start(engine, tmp_path_factory.mktemp(engine.version))
        return client_of(servers[engine.version])

    yield served
    for server in servers.values():
        server.end()


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """A client of a server that was started with these lines."""
    servers: list[Server] = []

    def launched(engine: Engine, lines: Directives) -> redis.Redis:
        servers.append(Server.start(engine, tmp_path / str(len(servers)), lines))
        return client_of(servers[-1])

    yield launched
    for server in servers:
        server.end()


def client_of(server: Server) -> redis.Redis:
    """A client that speaks what every engine understands."""
    return redis.Redis(server.host, server.port, protocol=2, decode_responses=True)


def named(engine: Engine) -> str:
    """The name of a case."""
    return engine.version


def editable(apply: Apply) -> list[tuple[Engine, Parameter]]:
    """Every parameter that may be changed in that way, with each engine that has it."""
    return [
        (engine, parameter)
        for engine in ALL
        for parameter in parameters_of(family_of(engine.version))
        if parameter.editable and parameter.apply is apply
    ]


def case(value: object) -> str:
    """The name of a case."""
    return value.version if isinstance(value, Engine) else getattr(value, "name", str(value))


def limits(parameter: Parameter) -> list[str]:
    """The first and the last value that a parameter may have, and what is special between them."""
    match parameter.bound:
        case Words():
            return list(parameter.bound.choices)
        case Whole(least=least, most=most, off=off):
            return [str(least), str(most), *(["0"] if off else [])]
        case Memory(least=least, least_percent=low, most_percent=high):
            return [str(least), str(parameter.bound.span(MEMORY)[1]), f"{low}%", f"{high}%"]
        case Events(all=every, further=further, untold=untold):
            most = f"KE{every[1:]}{further}{untold}"
            return ["", most, f"KEA{further}", f"E{every}", *(f"K{one}" for one in every + further + untold)]
        case BufferLimits(least=least, most=most, longest=longest):
            return [
                "normal 0 0 0 pubsub 0 0 0",
                f"normal {least} {least} 0 pubsub {most} {most} {longest}",
                f"normal {most} {most} {longest} pubsub {least} {least} 1",
            ]
    raise AssertionError(f"{parameter.name} has a bound of an unknown kind")


def beyond(parameter: Parameter) -> list[str]:
    """Values just outside of what a parameter may have, and some that are no values of its type at all."""
    strange = ["maybe", " ", "1.5", "0x10", "+7", "007", "-0", "7 ", "\u0661", "7\n", "1e3", "9" * 40]
    match parameter.bound:
        case Words():
            return [*strange, "", parameter.bound.choices[0].upper(), "1"]
        case Whole(least=least, most=most):
            return [*strange, "", str(least - 1), str(most + 1), "10%", "1k", "yes"]
        case Memory(least=least, least_percent=low, most_percent=high):
            percent = [f"{low - 1}%", f"{high + 1}%", "0%", "05%", "100%", "50 %", "%"]
            return [*strange, "", "0", "-1", str(least - 1), *percent, "1gb", "512m"]
        case Events(all=every, untold=untold):
            both = [f"KA{untold}", f"K{every}{untold}"] if untold else []
            return ["KK", "Q", "K ", "KE,", "yes", "K\u00e9", *both]
        case BufferLimits(least=least, most=most):
            return [
                *strange,
                "",
                "normal 0 0 0",
                "pubsub 0 0 0 normal 0 0 0",
                "normal 0 0 0 pubsub 0 0 0 replica 0 0 0",
                "replica 0 0 0 pubsub 0 0 0",
                "normal 0 0 0  pubsub 0 0 0",
                f"normal {least - 1} 0 0 pubsub 0 0 0",
                f"normal {most + 1} 0 0 pubsub 0 0 0",
                "normal 0 0 -1 pubsub 0 0 0",
            ]
    raise AssertionError(f"{parameter.name} has a bound of an unknown kind")


@pytest.mark.parametrize("engine", ALL, ids=named)
def test_every_parameter_of_the_engine_is_accounted_for(serve: Serve, engine: Engine) -> None:
    """It is shown, or there is a reason why not; and nothing is shown that the engine does not have."""
    theirs = set(serve(engine).config_get("*"))
    ours = {parameter.name for parameter in parameters_of(family_of(engine.version))}
    hidden = {name for names in HIDDEN.values() for name in names.split()}

    present = {name for name in theirs if not _former(name, theirs)}

    assert ours & hidden == set()
    assert present - hidden == ours


def _former(name: str, theirs: set[str]) -> bool:
    """Whether the engine has the same parameter under a later name."""
    return any(old in name and name.replace(old, new) in theirs for old, new in FORMER.items())


@pytest.mark.parametrize("engine", ALL, ids=named)
def test_defaults_are_the_engines_own(launch: Launch, engine: Engine) -> None:
    """But for those of which it is said why they are not."""
    theirs = launch(engine, ()).config_get("*")
    shown = parameters_of(family_of(engine.version))

    found = {p.name: theirs[p.name] for p in shown if _differs(p, theirs[p.name])}

    # 5.0 forgets its own `save` as soon as it is given a file.
    assert found.keys() | {"save"} == DIFFERENT.keys() & {p.name for p in shown}


def _differs(parameter: Parameter, read: str) -> bool:
    own = engine_value(parameter, parameter.default, MEMORY)
    return normalized(parameter, read) != normalized(parameter, own)


@pytest.mark.parametrize(("engine", "parameter"), editable(Apply.IMMEDIATE), ids=case)
def test_every_value_that_may_be_chosen_is_taken(serve: Serve, engine: Engine, parameter: Parameter) -> None:
    """At its limits a parameter is set on a running server, and read back the same."""
    client = serve(engine)

    for value in [*limits(parameter), parameter.default]:
        assert parameter.bound.admits(value), value
        wanted = engine_value(parameter, value, MEMORY)
        client.config_set(parameter.name, wanted)
        read = client.config_get(parameter.name)[parameter.name]
        assert normalized(parameter, read) == normalized(parameter, wanted), (value, read)


@pytest.mark.parametrize(("engine", "parameter"), editable(Apply.IMMEDIATE), ids=case)
def test_different_values_are_told_apart(serve: Serve, engine: Engine, parameter: Parameter) -> None:
    """What is read back as the same is the same."""
    client = serve(engine)
    read: dict[str, str] = {}
    for value in limits(parameter):
        client.config_set(parameter.name, engine_value(parameter, value, MEMORY))
        said = client.config_get(parameter.name)[parameter.name]
        read[normalized(parameter, said)] = said

    assert len(set(read.values())) == len(read)
    assert len(read) >= 2


@pytest.mark.parametrize(
    ("engine", "parameter"), editable(Apply.IMMEDIATE) + editable(Apply.REPLACE), ids=case
)
def test_what_is_beyond_is_refused_by_us(engine: Engine, parameter: Parameter) -> None:
    """One beyond the limits, and what is no value of its type: the engine never sees it."""
    assert family_of(engine.version)
    assert [value for value in beyond(parameter) if parameter.bound.admits(value)] == []


@pytest.mark.parametrize(("engine", "parameter"), editable(Apply.REPLACE), ids=case)
def test_what_needs_a_start_starts(launch: Launch, engine: Engine, parameter: Parameter) -> None:
    """At its limits a server starts with it and reads it back; a running one does not take it."""
    for value in limits(parameter):
        client = launch(engine, [(parameter.name, value)])
        assert client.config_get(parameter.name) == {parameter.name: value}
        with pytest.raises(redis.exceptions.ResponseError):
            client.config_set(parameter.name, value)


@pytest.mark.parametrize("last", [False, True], ids=["first", "last"])
@pytest.mark.parametrize("engine", ALL, ids=named)
def test_a_node_starts_with_all_of_them(launch: Launch, engine: Engine, *, last: bool) -> None:
    """Whatever a group may hold, a node that is started with it runs with it: at all limits at once."""
    family = family_of(engine.version)
    chosen = {
        p.name: engine_value(p, limits(p)[1 if last else 0], MEMORY)
        for p in parameters_of(family)
        if p.editable
    }
    lines = directives(
        engine.version, memory_gib=MEMORY, control=CONTROL, failure_detection=5.0, parameters=chosen
    )

    shown = {p.name for p in parameters_of(family)}
    theirs = launch(engine, [line for line in lines if line[0] in shown]).config_get("*")

    for name, value in chosen.items():
        parameter = parameter_of(family, name)
        assert parameter is not None
        assert normalized(parameter, theirs[name]) == normalized(parameter, value), name
    fixed = {p.name: p.default for p in parameters_of(family) if not p.editable}
    assert {name: theirs[name] for name in fixed} == fixed


@pytest.mark.parametrize("engine", ALL, ids=named)
def test_limits_of_other_clients_stay(serve: Serve, engine: Engine) -> None:
    """Setting the limits of tenants' connections leaves that of replicas as it is."""
    client = serve(engine)
    client.config_set("client-output-buffer-limit", "replica 1073741824 0 0")

    client.config_set("client-output-buffer-limit", "normal 0 0 0 pubsub 33554432 8388608 60")

    read = client.config_get("client-output-buffer-limit")["client-output-buffer-limit"]
    assert "slave 1073741824 0 0" in read
