"""What is said to engines with and without users, and what is never shown of it."""

import pytest
from scripted_node import CONTROLLERS

from memstored.domain.ports import FENCE, TENANTS, Identity, LinkTrouble, Target
from memstored.domain.words import NodeId
from memstored.redis.dialect import Passwords, Users, dialect_of
from memstored.redis.readings import Readings
from memstored.redis.renaming import KEPT, renamings, secret_name

CONTROL = Identity(user="memstored-control", secret="the fence")
OLD = Passwords(fence=CONTROL.secret, password="the tenants' own")
GET_MASTERAUTH, GET_REQUIREPASS = ("CONFIG", "GET", "masterauth"), ("CONFIG", "GET", "requirepass")


def target(version: str) -> Target:
    """A node of that version."""
    return Target(
        node=NodeId("n"), host="127.0.0.1", port=6379, version=version, control=CONTROL, password="p"
    )


def learned(masterauth: bytes, requirepass: bytes) -> Readings:
    """What is known of an old node with these passwords."""
    readings = Readings()
    for command, value in ((GET_MASTERAUTH, masterauth), (GET_REQUIREPASS, requirepass)):
        readings = readings.learned(command, [command[2].encode(), value], 1.0, OLD.readers)
    return readings


def test_the_dialect_follows_from_what_the_engine_can_do() -> None:
    """Without ACL there are passwords alone (H19)."""
    assert isinstance(dialect_of(target("5.0.6"), CONTROLLERS), Passwords)
    assert isinstance(dialect_of(target("6.2.5"), CONTROLLERS), Users)


def test_the_fence_is_tried_before_the_tenants_password() -> None:
    """Either may be in force; there is no third way in."""
    assert OLD.logins == (("AUTH", "the fence"), ("AUTH", "the tenants' own"))


@pytest.mark.parametrize("command", KEPT)
def test_a_kept_command_is_sent_by_its_secret_name(command: str) -> None:
    """The name that the node was born with; arguments stay."""
    born = dict(value.split() for _, value in renamings(CONTROL.secret))

    assert OLD.spoken((command, "x", "y")) == (born[command], "x", "y")
    assert len(born[command]) == 64


def test_other_commands_have_their_own_names() -> None:
    """Reading and writing is not renamed."""
    assert OLD.spoken(("INFO", "replication")) == ("INFO", "replication")


def test_names_of_two_sets_tell_nothing_of_each_other() -> None:
    """Nor does one command's name tell another's."""
    assert len({secret_name(secret, command) for secret in ("a", "b") for command in KEPT}) == 2 * len(KEPT)


def test_what_an_engine_repeats_is_hidden() -> None:
    """It answers an unknown command with its name and its arguments."""
    name = secret_name(CONTROL.secret, "CONFIG")
    words = f"ERR unknown command `{name}`, with args beginning with: `masterauth`, `the fence`, `once`"

    hidden = OLD.hidden(words, "once")

    assert hidden == "ERR unknown command `…`, with args beginning with: `masterauth`, `…`, `…`"


def test_the_passwords_tell_whose_node_it_is_and_are_not_kept() -> None:
    """Equipped is who follows by the password asked for; admitted is who takes the tenants' (S1)."""
    newborn, fenced = learned(b"", b"the fence"), learned(b"the fence", b"the fence")
    joining = learned(b"the tenants' own", b"the fence")
    serving = learned(b"the tenants' own", b"the tenants' own")
    loading = learned(b"a door's", b"the fence")

    seen = (newborn, fenced, joining, serving, loading)
    assert [one.equipped_as(FENCE) for one in seen] == [False, True, False, False, False]
    assert [one.equipped_as(TENANTS) for one in seen] == [False, False, True, True, False]
    assert [one.admitted for one in seen] == [False, False, False, True, False]
    assert "the fence" not in repr(seen)
    assert "the tenants' own" not in repr(seen)


def test_nobody_is_admitted_without_a_password() -> None:
    """Such a set could not protect its replication (H19)."""
    with pytest.raises(LinkTrouble, match="without a password"):
        Passwords(fence="f", password=None).admit(None)
