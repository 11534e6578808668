"""What redis-cli is told, by the set."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memstored.cli import connect
from memstored.cli.connect import words
from memstored.cli.errors import Stop
from memstored.client.models import (
    Endpoint,
    Endpoints,
    InstanceSet,
    ParameterGroupLink,
    SetUser,
)

AT = datetime(2026, 1, 31, tzinfo=UTC)
PRIMARY, READER = Endpoint(host="127.0.1.1", port=7000), Endpoint(host="127.0.1.2", port=7000)
ORDERS = InstanceSet(
    object_id="s1",
    instance_set_name="orders",
    description="",
    project_id="p1",
    status="Running",
    reason=None,
    version="7.0.15",
    flavor_id="f1",
    replicas=2,
    recovery_enabled=True,
    tls_enabled=True,
    port=7000,
    endpoints=Endpoints(primary=PRIMARY, reader=READER),
    subnets=(),
    security_groups=(),
    backup_schedule=None,
    user=SetUser(name="app"),
    parameter_group=ParameterGroupLink(id="g1", name="Redis.7.0.Default", apply_status="In-Sync"),
    creator="mia",
    license="BSD-3-Clause",
    created_at=AT,
    updated_at=AT,
    operation=None,
)


def test_everything_that_the_set_needs_is_said() -> None:
    """TLS with whom to trust, the user, and that the password is asked for; the password itself never."""
    assert words(ORDERS, reader=False, trusted=Path("ca.pem"), ask=True) == [
        *("-h", "127.0.1.1", "-p", "7000", "--tls", "--cacert", "ca.pem", "--user", "app", "--askpass")
    ]


def test_nothing_is_said_that_it_does_not_need() -> None:
    """The default user has no name where engines know none."""
    plain = replace(ORDERS, tls_enabled=False, user=SetUser(name="default"))

    assert words(plain, reader=True, trusted=None, ask=False) == ["-h", "127.0.1.2", "-p", "7000"]


def test_there_must_be_something_to_connect_to() -> None:
    """It says what there is not."""
    alone = Endpoints(primary=PRIMARY, reader=None)

    with pytest.raises(Stop, match="no address yet"):
        words(replace(ORDERS, endpoints=None, status="Init"), reader=False, trusted=None, ask=False)
    with pytest.raises(Stop, match="no replicas"):
        words(replace(ORDERS, endpoints=alone), reader=True, trusted=None, ask=False)


def test_without_redis_cli_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither on PATH nor beside a server that came along."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(connect, "find_spec", lambda _name: None)

    with pytest.raises(Stop, match="apt install redis-tools"):
        connect.program()
