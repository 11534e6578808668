"""Which connections are surplus, told from lists as engines write them."""

import pytest

from memstored.redis.crowd import AT_ONCE, surplus

OLD = (
    "id={id} addr=127.0.0.1:4{id} fd=8 name={name} age={age} idle=0 flags={flags} db=0 sub=0 psub=0 multi=-1"
    " qbuf=26 qbuf-free=32742 obl=0 oll=0 omem=0 events=r cmd={cmd}"
)
NEW = (
    "id={id} addr=127.0.0.1:4{id} laddr=127.0.0.1:1 fd=8 name={name} age={age} idle=0 flags={flags} db=0"
    " sub=0 psub=0 ssub=0 multi=-1 qbuf=26 qbuf-free=20448 argv-mem=10 multi-mem=0 rbs=1024 rbp=0 obl=0 oll=0"
    " omem=0 tot-mem=22298 events=r cmd={cmd} user={user} redir=-1 resp=2"
)
TENANT = {"name": "", "age": "60", "flags": "N", "cmd": "get", "user": "default"}


def listing(form: str, *clients: dict[str, str]) -> bytes:
    """What an engine says of these, whose ids count from 1."""
    lines = (form.format(**{**TENANT, **client, "id": str(i)}) for i, client in enumerate(clients, 1))
    return "".join(f"{line}\n" for line in lines).encode()


@pytest.mark.parametrize("form", [OLD, NEW])
def test_the_youngest_go_first(form: str) -> None:
    """As many as there are beyond the number, and nobody when there are not so many."""
    five = listing(form, {}, {}, {}, {}, {})

    assert surplus(five, 3) == ("5", "4")
    assert surplus(five, 5) == ()


@pytest.mark.parametrize("form", [OLD, NEW])
@pytest.mark.parametrize(
    "kept",
    [
        {"flags": "S"},
        {"flags": "M"},
        {"cmd": "ping", "age": "0"},
        {"cmd": "replconf", "age": "1"},
    ],
)
def test_replicas_primaries_and_who_begins_like_one_are_kept(form: str, kept: dict[str, str]) -> None:
    """Room is made for them, at the cost of a tenant who came before."""
    assert surplus(listing(form, {}, {}, kept), 1) == ("2", "1")


@pytest.mark.parametrize("form", [OLD, NEW])
def test_who_only_begins_like_a_replica_goes_when_its_moment_has_passed(form: str) -> None:
    """Saying PING once makes nobody a replica."""
    assert surplus(listing(form, {}, {"cmd": "ping", "age": "2"}), 1) == ("2",)


def test_ours_are_told_by_their_users() -> None:
    """A tenant may give its connection any name there."""
    ours, posing = {"user": "memstored-control"}, {"name": "memstored"}

    assert surplus(listing(NEW, {}, ours, posing), 1) == ("3", "1")


def test_ours_are_told_by_their_name_where_there_are_no_users() -> None:
    """Tenants have no CLIENT there."""
    assert surplus(listing(OLD, {}, {"name": "memstored"}), 1) == ("1",)


@pytest.mark.parametrize("form", [OLD, NEW])
def test_the_youngest_are_found_wherever_the_list_begins(form: str) -> None:
    """An engine turns its list while it looks after its clients."""
    lines = listing(form, {}, {}, {}, {}, {}).splitlines(keepends=True)

    assert surplus(b"".join(lines[2:] + lines[:2]), 3) == ("5", "4")


def test_so_many_are_named_at_once() -> None:
    """A node whose `maxclients` was lowered by thousands stands still for none of them."""
    many = listing(NEW, *({} for _ in range(AT_ONCE + 10)))

    assert surplus(many, 1) == tuple(str(number) for number in range(AT_ONCE + 10, 10, -1))


def test_only_who_may_have_to_go_is_read() -> None:
    """What an engine says of the others is of no concern, however much it is."""
    oldest, *others = listing(NEW, {}, {}, {}, {}).splitlines(keepends=True)

    assert surplus(oldest[: oldest.index(b" name")] + b"\n" + b"".join(others), 3) == ("4",)
