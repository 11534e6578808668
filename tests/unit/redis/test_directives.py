import pytest

from memstored.domain.parameters import engine_value, parameters_of
from memstored.domain.ports import Identity
from memstored.redis.config import directives
from memstored.redis.renaming import KEPT, REMOVED

CONTROL = Identity(user="memstored-control", secret="a secret")


def lines(**changes: object) -> dict[str, str]:
    """The directives of a node of 4 GiB as name and value, users left out."""
    values = {"memory_gib": 4, "control": CONTROL, "failure_detection": 5.0, **changes}
    return {name: value for name, value in directives("7.0.15", **values) if name != "user"}


def test_the_default_user_is_off_and_the_control_user_has_a_hash() -> None:
    """On disk stands a fence: one user off, one known by the hash of its secret (S1)."""
    written = directives("7.0.15", memory_gib=4, control=CONTROL, failure_detection=5.0)

    default, control = (value for name, value in written if name == "user")
    assert default == "default off resetchannels -@all"
    assert control.startswith("memstored-control on #")
    assert control.endswith(" +acl|list +acl|setuser +acl|deluser +info +script|kill")
    assert "a secret" not in repr(written)


def test_maxmemory_is_65_percent_of_the_flavor() -> None:
    """The rest is for buffers, copies and the engine itself (API.md 7)."""
    assert lines(memory_gib=4)["maxmemory"] == f'"{4 * 1024**3 * 65 // 100}"'


@pytest.mark.parametrize(
    ("memory", "backlog", "buffer"),
    [
        (1, 16 * 1024**2, 256 * 1024**2),
        (16, 16 * 1024**3 // 100, 16 * 1024**3 // 10),
        (256, 1024**3, 256 * 1024**3 // 10),
    ],
)
def test_buffers_grow_with_the_flavor(memory: int, backlog: int, buffer: int) -> None:
    """Small flavors keep a useful backlog, large ones one that is not out of proportion; what is written
    during a copy has a tenth of the memory, and no soft limit cuts off a copy for its length.
    """
    written = directives("7.0.15", memory_gib=memory, control=CONTROL, failure_detection=5.0)

    assert ("repl-backlog-size", str(backlog)) in written
    assert ("client-output-buffer-limit", f"replica {buffer} 0 0") in written


def test_scripts_answer_busy_before_silence_is_death() -> None:
    """An endless script says `-BUSY` after half of the time in which silence counts as death (H16)."""
    assert lines(failure_detection=5.0)["lua-time-limit"] == "2500"


def test_no_directive_is_given_twice() -> None:
    """Nothing depends on which of two lines wins."""
    names = [
        name
        for name, _ in directives(
            "6.2.5",
            memory_gib=4,
            control=CONTROL,
            failure_detection=5.0,
            parameters={"timeout": "60", "maxmemory": "1073741824"},
        )
        if name not in {"user", "client-output-buffer-limit"}
    ]

    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["save", "user", "protected-mode", "requirepass", "rename-command"])
def test_what_keeps_the_service_safe_is_not_to_be_chosen(name: str) -> None:
    """A parameter group can not open the fence or bring data to the disk."""
    with pytest.raises(ValueError, match=name):
        lines(parameters={name: "x"})


def test_chosen_values_are_quoted() -> None:
    """A value can not end its line or begin another one."""
    chosen = lines(parameters={"maxmemory-policy": 'a "b"\nuser x on nopass'})

    assert chosen["maxmemory-policy"] == '"a \\"b\\"\\nuser x on nopass"'


def test_an_unknown_generation_is_refused() -> None:
    """Nothing is started that can not be fenced."""
    with pytest.raises(ValueError, match=r"4\.0\.14"):
        directives("4.0.14", memory_gib=4, control=CONTROL, failure_detection=5.0)


@pytest.mark.parametrize("family", ["6.2", "7.0"])
def test_nodes_are_born_with_what_the_default_group_shows(family: str) -> None:
    """Who reads the default parameter group reads what the nodes have; `maxmemory` depends on the flavor."""
    born = {
        name: value.strip('"')
        for name, value in directives(f"{family}.5", memory_gib=4, control=CONTROL, failure_detection=5.0)
    }
    shown = {
        parameter.name: parameter.default
        if parameter.default == ""
        else engine_value(parameter, parameter.default, 4)
        for parameter in parameters_of(family)
    }

    both = (born.keys() & shown.keys()) - {"maxmemory", "client-output-buffer-limit", "repl-backlog-size"}

    assert len(both) > 10
    assert {name: born[name] for name in both} == {name: shown[name] for name in both}


def test_an_engine_without_users_is_born_with_the_fence_and_without_what_tenants_must_not_run() -> None:
    """Its lines hold the secret in clear, and nothing that it does not know (H19)."""
    written = directives("5.0.6", memory_gib=4, control=CONTROL, failure_detection=5.0)

    names = {name for name, _ in written}
    renamed = [value.split()[0] for name, value in written if name == "rename-command"]
    assert ("requirepass", '"a secret"') in written
    assert not names & {"user", "acl-pubsub-default", "sanitize-dump-payload", "repl-diskless-load"}
    assert sorted(renamed) == sorted({*KEPT, *REMOVED})
    assert ("repl-diskless-sync", "no") in written
