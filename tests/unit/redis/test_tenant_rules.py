import hashlib

import pytest

from memstored.domain.engine import Family, capabilities_of
from memstored.domain.model import TenantUser
from memstored.domain.ports import Identity
from memstored.redis.acl import control_rules, replication_rules, tenant_rules
from memstored.redis.commands import allowed_commands

HASH = "ab" * 32
REPLICATION = Identity(user="memstored-replication", secret="a secret")
VERSIONS = ["6.2.5", "7.0.15", "7.2.7"]
SPOILERS = """
    acl acl|setuser bgrewriteaof bgsave client client|kill client|no-evict client|pause client|unpause
    cluster config debug failover migrate module monitor psync replconf replicaof save script script|debug
    shutdown slaveof sync
"""


@pytest.mark.parametrize("family", [f for f in Family if capabilities_of(f"{f}.0").acl])
def test_no_table_holds_what_would_break_the_service(family: Family) -> None:
    """The refused commands of API.md 5 are in no family's table, nor the whole of CLIENT, SCRIPT or ACL."""
    assert allowed_commands(family).isdisjoint(SPOILERS.split())


def test_client_setinfo_comes_with_the_engine_that_has_it() -> None:
    """An ACL that names a subcommand the engine lacks is refused whole, so 7.0 must not name it."""
    assert "client|setinfo" in allowed_commands(Family.V7_2)
    assert "client|setinfo" not in allowed_commands(Family.V7_0)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("user", [None, TenantUser(name="alice", password_hash=HASH)])
def test_rules_only_ever_allow(version: str, user: TenantUser | None) -> None:
    """Every user is built from nothing, command by command: no category, nothing taken away (H18)."""
    for _name, first, *rules in tenant_rules(version, user):
        assert first == "reset"
        assert not [rule for rule in rules if rule.startswith(("-", "+@", "allcommands"))]


def test_without_a_user_the_default_user_needs_no_password() -> None:
    """One open user, nobody else."""
    ((name, *rules),) = tenant_rules("7.0.15", None)

    assert name == "default"
    assert {"on", "nopass", "~*", "&*", "+get"} <= set(rules)


def test_with_a_user_the_default_user_is_switched_off_first() -> None:
    """`reset` alone switches a user off; only then is the tenant's user made."""
    default, (name, *rules) = tenant_rules("7.0.15", TenantUser(name="alice", password_hash=HASH))

    assert default == ("default", "reset")
    assert name == "alice"
    assert {"on", f"#{HASH}"} <= set(rules)
    assert "nopass" not in rules


def test_a_user_named_default_is_the_default_user() -> None:
    """There is then one user, with a password."""
    ((name, *rules),) = tenant_rules("6.2.5", TenantUser(name="default", password_hash=HASH))

    assert name == "default"
    assert f"#{HASH}" in rules
    assert "nopass" not in rules


def test_secrets_travel_as_hashes() -> None:
    """Redis takes SHA-256, so no clear secret of ours is ever part of a rule."""
    digest = hashlib.sha256(b"a secret").hexdigest()

    for rules in (replication_rules(REPLICATION), control_rules(REPLICATION)):
        assert f"#{digest}" in rules
        assert "a secret" not in " ".join(rules)


def test_the_replication_user_has_three_commands_and_no_keys() -> None:
    """Who steals it can copy the set, and neither read nor write a single key."""
    rules = replication_rules(REPLICATION)

    assert [rule for rule in rules if rule.startswith("+")] == ["+psync", "+replconf", "+ping"]
    assert not [rule for rule in rules if rule.startswith(("~", "&", "%"))]
