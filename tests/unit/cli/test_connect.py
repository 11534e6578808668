"""What redis-cli is told, by the set."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from memstored.cli import connect
from memstored.cli.connect import place_of, words
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


def test_the_user_is_said_and_the_password_asked_for() -> None:
    """The password itself never is an argument."""
    assert words(ORDERS, ask=True) == ["--user", "app", "--askpass"]


def test_nothing_is_said_that_it_does_not_need() -> None:
    """The default user has no name where engines know none."""
    assert words(replace(ORDERS, user=SetUser(name="default")), ask=False) == []


def test_there_must_be_something_to_connect_to() -> None:
    """It says what there is not."""
    alone = Endpoints(primary=PRIMARY, reader=None)

    assert place_of(ORDERS, reader=True) == READER
    with pytest.raises(Stop, match="no address yet"):
        place_of(replace(ORDERS, endpoints=None, status="Init"), reader=False)
    with pytest.raises(Stop, match="no replicas"):
        place_of(replace(ORDERS, endpoints=alone), reader=True)


def test_without_redis_cli_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither on PATH nor beside a server that came along."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(connect, "find_spec", lambda _name: None)

    with pytest.raises(Stop, match="apt install redis-tools"):
        connect.program()
