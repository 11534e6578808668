"""The command line against the whole HTTP house, in a process that has everything but a terminal."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from harness import NOW, Api
from set_calls import FLAVOR, OTHER_SUBNET, PARAMETERS, SECURITY_GROUP, SUBNET, put, running, stored
from typed_commands import Run

from browser import Browser
from memstored.domain.model import BackupSchedule, InstanceSet
from memstored.domain.words import SetState


async def test_a_set_is_ordered_with_what_was_not_said_chosen(run: Run, api: Api) -> None:
    """The newest version, the smallest size, all zones one after the other, high availability."""
    done = await run(
        "set", "create", "orders", "--nodes", "3", "--description", "the shop's", "--backup-hour", "3"
    )

    assert (done.code, done.out) == (0, "orders\n")
    it = json.loads((await run("set", "show", "orders", "-o", "json")).out)
    made = await stored(api, it["objectId"])
    assert (it["version"], it["recoveryEnabled"], it["description"]) == ("7.0.15", True, "the shop's")
    assert it["backupSchedule"] == {"cron": "* 3 * * *", "retentionLimit": 7}
    assert it["parameterGroup"]["name"] == "Redis.7.0.Default"
    assert len({node.subnet_id for node in made.nodes}) == 3


async def test_the_console_shows_the_command_for_its_form(api: Api, run: Run) -> None:
    """What the form of a new set shows as a command orders that set, wherever its nodes are to be."""
    browser = Browser(api.http)
    browser.take(api.tokens["member"])
    subnets = {"primary.id": SUBNET, "replicas[0].id": SUBNET, "replicas[1].id": OTHER_SUBNET}
    filled = {
        "instanceSetName": "orders",
        "description": 'it\'s "all" $HOME',
        "version": "6.2.5",
        "parameterGroupId": PARAMETERS["6.2"],
        "port": "7000",
        "flavorId": FLAVOR,
        "replicas": "3",
        "securityGroups": SECURITY_GROUP,
        "backupSchedule.cron": "* 3 * * *",
        "backupSchedule.retentionLimit": "14",
        **{f"subnetAssignments[0].{name}": subnet_id for name, subnet_id in subnets.items()},
    }
    page = await browser.send("create-set", "create-set-check", filled)
    shown = unescape(page.text.split("<code>")[1].split("</code>")[0])

    done = await run(*shlex.split(shown.replace("\\\n", ""))[1:])

    assert (done.code, done.err) == (0, "")
    (row,) = (await api.get("/v1/instance-sets")).json()["data"]
    made = await stored(api, row["objectId"])
    assert [node.subnet_id for node in made.nodes] == list(subnets.values())
    assert (made.description, made.version, made.port) == ('it\'s "all" $HOME', "6.2.5", 7000)
    assert (made.flavor_id, made.recovery_enabled, made.security_groups) == (FLAVOR, False, (SECURITY_GROUP,))
    assert made.backup_schedule == BackupSchedule(cron="* 3 * * *", retention_limit=14)


async def test_names_are_taken_for_ids(run: Run, api: Api) -> None:
    """And ids, too."""
    set_id = await running(api)

    by_name = await run("set", "show", "orders")
    by_id = await run("set", "show", set_id)

    assert by_name == by_id
    assert ["name", "orders"] in by_name.words
    assert ["primary", "127.20.255.1:6379"] in by_name.words


async def test_what_is_not_there_ends_with_5(run: Run) -> None:
    """With where to look, whether it was asked for by a name or by an id."""
    by_name = await run("set", "show", "orders")
    by_id = await run("set", "show", "3f0c9a52-5f5e-4f0e-9f5e-0d6c3a0f7a11")

    assert (by_name.code, by_id.code) == (5, 5)
    assert "`memstored set list`" in by_name.err
    assert by_name.out == by_id.out == ""


async def test_a_refusal_ends_with_3_and_names_every_field(run: Run) -> None:
    """In the API's words."""
    done = await run("set", "create", "Bad_Name", "--description", "two\nlines")

    assert (done.code, done.out) == (3, "")
    assert "instanceSetName: Give 4 to 20 characters" in done.err
    assert "description: Keep the description on one line." in done.err


async def test_a_wrong_word_ends_with_2(run: Run) -> None:
    """Before anything is sent."""
    assert (await run("set", "create", "orders", "--nodes", "9")).code == 2
    assert (await run("set", "ha", "orders", "maybe")).code == 2
    assert (await run("events", "--since", "yesterday")).code == 2
    assert (await run("parameters", "set", "mine", "timeout")).code == 2


async def test_sets_are_listed_in_every_form(run: Run, api: Api) -> None:
    """A table, names for shells, the API's words for programs."""
    await running(api)

    table, names, data = [await run("set", "list", "-o", form) for form in ("table", "name", "json")]

    assert table.words[1] == ["orders", "Running", "7.0.15", "3", "off", "127.20.255.1:6379"]
    assert "\x1b" not in table.out
    assert names.out == "orders\n"
    assert json.loads(data.out)[0]["instanceSetName"] == "orders"


async def test_operations_on_a_set(run: Run, api: Api) -> None:
    """Each asks for what it says, by names."""
    set_id = await running(api)

    async def status_after(*words: str) -> SetState:
        done = await run(*words)
        assert (done.code, done.out) == (0, "orders\n"), done.err
        status = (await stored(api, set_id)).status
        await put(api, set_id, lambda it: replace(it, status=SetState.RUNNING, operation=None))
        return status

    assert await status_after("set", "ha", "orders", "on") is SetState.RUNNING
    assert (await stored(api, set_id)).recovery_enabled
    assert await status_after("set", "ha", "orders", "off") is SetState.RUNNING
    assert await status_after("set", "promote", "orders", "orders-2") is SetState.SWITCHING_OVER
    assert await status_after("set", "add-replica", "orders") is SetState.SCALING_HORIZONTAL
    assert [it.subnet_id for it in (await stored(api, set_id)).nodes] == [
        SUBNET,
        OTHER_SUBNET,
        SUBNET,
        OTHER_SUBNET,
    ]
    assert (
        await status_after("set", "remove-node", "orders", "orders-3", "--yes") is SetState.SCALING_HORIZONTAL
    )
    assert await status_after("set", "update", "orders", "--description", "new") is SetState.RUNNING
    assert (await stored(api, set_id)).description == "new"
    assert await status_after("set", "delete", "orders", "--yes") is SetState.TERMINATING


async def test_nobody_is_asked_where_nobody_is(run: Run, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """What destroys needs --yes in a script."""
    set_id = await running(api)

    done = await run("set", "delete", "orders")

    assert (done.code, "--yes" in done.err) == (2, True)
    assert (await stored(api, set_id)).status is SetState.RUNNING


def ends_at_once(api: Api, monkeypatch: pytest.MonkeyPatch, error: str | None = None) -> None:
    """From now on every operation ends with the answer to its order."""
    commit = api.sets.commit

    async def commit_ended(before: InstanceSet, after: InstanceSet, *rest: Any, **more: Any) -> InstanceSet:  # noqa: ANN401 - as it comes
        done = await commit(before, after, *rest, **more)
        if done.operation is None or done.operation == before.operation:
            return done
        ended = done.operation.ended(NOW + 2, error)
        return await commit(done, replace(done, status=SetState.RUNNING, operation=ended))

    monkeypatch.setattr(api.sets, "commit", commit_ended)


async def test_waiting_shows_each_step_once(run: Run, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """On standard error; standard output holds what came of it."""
    await running(api)
    ends_at_once(api, monkeypatch)

    done = await run("set", "add-replica", "orders", "--wait", "-o", "name")

    assert (done.code, done.out) == (0, "orders\n")
    assert [line.split(":")[0] for line in done.err.splitlines()] == ["provision", "replicate", "open"]


async def test_an_operation_that_failed_ends_with_1(
    run: Run, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the service's words. What needs no operation is not taken for the one before."""
    await running(api)
    ends_at_once(api, monkeypatch, "It can not.")

    failed = await run("set", "add-replica", "orders", "--wait")
    described = await run("set", "update", "orders", "--description", "new", "--wait", "-o", "name")

    assert (failed.code, "add_replica failed: It can not." in failed.err) == (1, True)
    assert (described.code, described.out, described.err) == (0, "orders\n", "")


async def test_waiting_too_long_ends_with_4(run: Run, api: Api) -> None:
    """It goes on, and one may wait longer."""
    done = await run("set", "create", "orders", "--wait", "--timeout", "0")

    assert (done.code, "--timeout" in done.err) == (4, True)
    assert "provision" in done.err


@pytest.mark.parametrize(
    "words",
    [
        ("set", "show", "\udcff"),
        ("set", "list", "--status", "\udcff"),
        ("set", "create", "orders", "--description", "\udcff"),
    ],
)
async def test_what_is_no_utf8_is_not_sent(run: Run, words: Sequence[str]) -> None:
    """It is named instead, as the bytes are that a shell hands over."""
    done = await run(*words)

    assert (done.code, done.out) == (2, "")
    assert "'\\udcff'" in done.err


async def test_a_service_that_is_away_ends_with_1(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, with its address."""
    monkeypatch.setenv("MEMSTORED_URL", "no address")

    done = await run("set", "list")

    assert (done.code, done.err.count("\n")) == (1, 0)
    assert "no address" in done.err
