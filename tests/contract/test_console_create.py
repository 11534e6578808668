"""The form of a new set: what it orders, what it refuses while it is filled in, what goes with what."""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from backup_calls import put_file, rdb, saved
from harness import NOW, OTHER_PROJECT, Api
from httpx import Response
from set_calls import FLAVOR, OTHER_SUBNET, PARAMETERS, SECURITY_GROUP, SUBNET, created, sized

from browser import Browser, signed_in, text_of, token_in
from memstored.console.pages.create import SUGGESTED
from memstored.console.protection import FIELD, form_token
from memstored.domain.words import BackupState

PASSWORD = "correct horse battery staple"
PATHS = ("create-set", "create-set-check", "create-set-refresh")
"""Where the form is sent to."""


def fields(**changes: str | None) -> dict[str, str]:
    """A form that was filled in well, of two nodes, with some fields changed or, by None, left out."""
    good: dict[str, str | None] = {
        "instanceSetName": "orders",
        "description": "",
        "source": "",
        "version": "7.0.15",
        "parameterGroupId": PARAMETERS["7.0"],
        "port": "6379",
        "flavorId": FLAVOR,
        "replicas": "2",
        "recoveryEnabled": "on",
        "subnetAssignments[0].primary.id": SUBNET,
        "subnetAssignments[0].replicas[0].id": OTHER_SUBNET,
        "securityGroups": SECURITY_GROUP,
        "user.name": "",
        "user.password": "",
        "passwordAgain": "",
        "backupSchedule.cron": "",
        "backupSchedule.retentionLimit": "7",
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


async def sent(member: Browser, **changes: str | None) -> Response:
    """The answer to the form."""
    return await member.send("create-set", "create-set", fields(**changes))


async def checked(member: Browser, changes: Mapping[str, str | None]) -> dict[str, str]:
    """What the check says, by field."""
    answer = await member.send("create-set", "create-set-check", fields(**changes))
    assert answer.status_code == 200
    return {
        name: unescape(words) for name, words in re.findall(r'data-field="([^"]*)">([^<]*)<', answer.text)
    }


async def only_set(api: Api) -> dict[str, object]:
    """The set that was ordered."""
    (found,) = (await api.get("/v1/instance-sets")).json()["data"]
    assert isinstance(found, dict)
    return found


# What is ordered


async def test_a_form_orders_a_set(api: Api, member: Browser) -> None:
    """What was filled in is what is recorded, and the list says so."""
    answer = await sent(
        member,
        description="what customers ordered",
        tlsEnabled="on",
        **{"backupSchedule.cron": "* 3 * * *", "backupSchedule.retentionLimit": "14"},
    )

    made = await only_set(api)
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"./sets/{made['objectId']}/?notice=set_ordered",
    )
    assert (made["instanceSetName"], made["replicas"], made["version"]) == ("orders", 2, "7.0.15")
    assert (made["tlsEnabled"], made["recoveryEnabled"]) == (True, True)
    assert made["description"] == "what customers ordered"
    assert made["backupSchedule"] == {"cron": "* 3 * * *", "retentionLimit": 14}
    assert made["subnets"] == [{"id": SUBNET}, {"id": OTHER_SUBNET}]
    assert "The set was ordered" in text_of(await member.get(answer.headers["location"]))


async def test_the_first_form_can_be_sent(api: Api, member: Browser) -> None:
    """Only a name has to be given: everything else begins with something that goes together."""
    page = await member.get("create-set")
    values = re.findall(r'<input[^>]* name="([^"]+)"[^>]* value="([^"]*)"', page.text)
    chosen = re.findall(r'<select[^>]* name="([^"]+)".*?</select>', page.text, re.DOTALL)
    filled = {name: value for name, value in values if name != FIELD}
    for name in chosen:
        select = page.text.split(f'name="{name}"', 1)[1].split("</select>")[0]
        option = re.search(r"<option([^>]*) selected>([^<]*)<", select) or re.search(
            r"<option([^>]*)>([^<]*)<", select
        )
        assert option is not None, name
        value = re.search(r'value="([^"]*)"', option[1])
        filled[name] = value[1] if value else option[2]

    answer = await member.send("create-set", "create-set", filled | {"instanceSetName": "orders"})

    assert answer.status_code == 303, text_of(answer)
    assert (await only_set(api))["replicas"] == 2


@pytest.mark.parametrize(("version", "family"), [("7.0.15", "7.0"), ("5.0.6", "5.0")])
async def test_a_password_is_sent_as_the_api_takes_it(
    api: Api, member: Browser, logs: list[dict[str, Any]], version: str, family: str
) -> None:
    """Engines with users and those without take it, and it is shown and logged nowhere."""
    access = {"user.name": "default", "user.password": PASSWORD, "passwordAgain": PASSWORD}
    wrong = await sent(member, **access, version=version, parameterGroupId=PARAMETERS[family], port="1")
    right = await sent(member, **access, version=version, parameterGroupId=PARAMETERS[family])

    assert wrong.status_code in (400, 422)
    assert PASSWORD not in wrong.text
    assert right.status_code == 303, text_of(right)
    assert (await only_set(api))["user"] == {"name": "default"}
    assert logs
    assert PASSWORD not in str(logs)


async def test_a_backup_is_restored(api: Api, member: Browser) -> None:
    """A backup leads to the form with itself filled in, and the form orders a set that begins with it."""
    backup = await saved(api)

    page = await member.get(f"create-set?backup={backup.id}")
    answer = await sent(member, source="backup", **{"restoreSource.backupName": "nightly"})

    assert ' value="nightly" required list="backups"' in page.text
    assert answer.status_code == 303, text_of(answer)
    assert (await api.get(f"/v1/backups/{backup.id}")).json()["status"] == "Restoring"


async def test_the_newest_backups_are_suggested(api: Api, member: Browser) -> None:
    """Those that are whole, as many as one reads; of an older one the name is typed."""
    for number in range(SUGGESTED + 1):
        await saved(api, name=f"b-{number:02d}", created_at=NOW + number)
    await saved(api, name="broken", created_at=NOW + 99, status=BackupState.ERROR)
    typed = {"source": "backup", "restoreSource.backupName": "b-00"}

    form = await member.send("create-set", "create-set-refresh", fields(**typed))
    answer = await sent(member, **typed)

    assert re.findall(r'<option value="(b-\d+)">', form.text) == [
        f"b-{number:02d}" for number in range(SUGGESTED, 0, -1)
    ]
    assert answer.status_code == 303, text_of(answer)


async def test_a_file_is_restored(api: Api, member: Browser) -> None:
    """A file of a bucket begins a set."""
    await put_file(api, "archive/shop.rdb", rdb())

    answer = await sent(member, source="file", **{"restoreSource.files[0]": "archive/shop.rdb"})

    assert answer.status_code == 303, text_of(answer)


@pytest.mark.parametrize("project", [OTHER_PROJECT, None])
async def test_backups_of_others_are_not_restored(api: Api, member: Browser, project: str | None) -> None:
    """Neither by the address of the form nor in it: another project's backup is not there."""
    backup = await saved(api, project_id=project or OTHER_PROJECT)

    page = await member.get(f"create-set?backup={backup.id}")
    answer = await sent(member, source="backup", **{"restoreSource.backupName": "nightly"})

    assert page.status_code == 404
    assert answer.status_code == 400
    assert "nightly" not in (await member.get("create-set")).text


# What is refused, and when


DAILY = {"backupSchedule.cron": "* 3 * * *"}


def from_file(path: str) -> dict[str, str | None]:
    """The fields of a set that begins with a file."""
    return {"source": "file", "restoreSource.files[0]": path}


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"instanceSetName": "No"}, "instanceSetName", "Give 4 to 20 characters"),
        ({"description": "🙂"}, "description", "Leave out emoji."),
        ({"port": "80"}, "port", "2000 to 50000"),
        ({"replicas": "1000000000"}, "replicas", "1 to 6"),
        ({"replicas": "-5"}, "replicas", "1 to 6"),
        ({"port": "many"}, "port", "2000 to 50000"),
        ({"user.name": "memstored-x"}, "user.name", "does not begin with memstored"),
        ({"securityGroups": None}, "securityGroups", "at least one"),
        (
            {**DAILY, "backupSchedule.retentionLimit": "90"},
            "backupSchedule.retentionLimit",
            "from 1 to 35",
        ),
        (
            {"source": "backup", "restoreSource.backupName": "gone"},
            "restoreSource.backupName",
            "name of a backup",
        ),
        (from_file("archive/gone.rdb"), "restoreSource.files[0]", "There is no object"),
        (from_file("read-only/x.rdb"), "restoreSource.files[0]", "may only read"),
        (
            {"version": "6.2.5", "tlsEnabled": "on", "parameterGroupId": PARAMETERS["6.2"]},
            "tlsEnabled",
            "no TLS",
        ),
    ],
)
async def test_rules_are_shown_while_one_types(
    member: Browser, changes: Mapping[str, str | None], field: str, words: str
) -> None:
    """The check says what the API would, at the field, and the form says the same when it is sent."""
    told = await checked(member, changes)
    answer = await sent(member, **changes)

    assert words in told[field]
    assert answer.status_code in (400, 403, 422)
    assert words in text_of(answer)


async def test_a_name_in_use_is_told_at_once(api: Api, member: Browser) -> None:
    """Also what only the store knows is checked: names that are in use, and whether there is room."""
    await created(api)

    assert "in use" in (await checked(member, {}))["instanceSetName"]
    assert (await sent(member)).status_code == 409


async def test_a_check_knows_the_quota(api: Api, member: Browser) -> None:
    """A project with no room for more nodes is told so before it sends."""
    for number in range(10):
        await created(api, instanceSetName=f"full-{number}", **sized(6))

    assert "may have 60 nodes" in (await checked(member, {}))["replicas"]


async def test_what_is_empty_is_not_wrong_yet(member: Browser) -> None:
    """Nobody is told that a field is missing before the form is sent."""
    empty = {"instanceSetName": "", "port": "", "source": "file", "restoreSource.files[0]": ""}

    assert await checked(member, empty) == {}
    assert "This field is required." in text_of(await sent(member, **empty))


async def test_a_check_reads_no_list_of_backups(
    api: Api, member: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are, typing costs the same: only the one that is named is looked for."""
    await saved(api)
    token = token_in(await member.get("create-set"))
    for method in ("of_project", "all", "page"):
        monkeypatch.delattr(type(api.backups), method)
    named = fields(source="backup", **{"restoreSource.backupName": "nightly"})

    answer = await member.post("create-set-check", {**named, FIELD: token})

    assert answer.status_code == 200
    assert "--from-backup nightly" in unescape(answer.text)


@pytest.mark.parametrize("source", ["backup", "file"])
async def test_a_field_that_just_came_is_not_wrong_yet(member: Browser, source: str) -> None:
    """Who chooses what the set begins with is not told that it is not there."""
    form = await member.send("create-set", "create-set-refresh", fields(source=source))

    assert 'name="restoreSource.' in form.text
    assert 'aria-invalid="true"' not in form.text


async def test_a_check_does_nothing(api: Api, member: Browser) -> None:
    """A good form that is checked a hundred times is still not sent."""
    for _ in range(3):
        assert await checked(member, {}) == {}

    assert (await api.get("/v1/instance-sets")).json()["size"] == 0
    assert (await api.get("/v1/events")).json()["size"] == 0
    assert api.control.woken == []


async def test_passwords_must_agree(api: Api, member: Browser) -> None:
    """A password that can not be changed later is given twice, and not too long."""
    access = {"user.name": "app", "user.password": PASSWORD}
    differing = await sent(member, **access, passwordAgain="another")
    too_long = await sent(member, **{"user.name": "app", "user.password": "x" * 129}, passwordAgain="x" * 129)
    alone = await sent(member, **{"user.password": PASSWORD}, passwordAgain=PASSWORD)
    none = await sent(member, **{"user.name": "app"})

    assert "Give the same password twice." in text_of(differing)
    assert "1 to 128 bytes; this one has 129" in text_of(too_long)
    assert "Give the password of the user, twice." in text_of(none)
    assert "SHA-256 of the password as" not in text_of(none)
    assert {answer.status_code for answer in (differing, too_long, alone, none)} == {400}
    assert (await api.get("/v1/instance-sets")).json()["size"] == 0


# What goes with what


async def test_another_version_brings_its_groups(member: Browser) -> None:
    """Without scripts, too: the form comes back with what goes with the version, and all else as it was."""
    page = await member.send("create-set", "create-set-refresh", fields(version="6.2.5", description="kept"))

    assert f'<option value="{PARAMETERS["6.2"]}" selected>' in page.text
    assert PARAMETERS["7.0"] not in page.text
    assert 'name="tlsEnabled"' not in page.text
    assert "Redis 6.2.5 here has no TLS" in text_of(page)
    assert 'value="kept"' in page.text


async def test_an_engine_without_users_has_one_name(member: Browser) -> None:
    """Redis 5.0 needs the user default: the form gives it."""
    page = await member.send("create-set", "create-set-refresh", fields(version="5.0.6"))

    assert re.search(r'name="user.name"[^>]* value="default"', page.text)


async def test_another_number_of_nodes_brings_their_places(member: Browser) -> None:
    """Each node has a subnet; one alone has neither high availability nor a schedule."""
    four = (await member.send("create-set", "create-set-refresh", fields(replicas="4"))).text
    one = (await member.send("create-set", "create-set-refresh", fields(replicas="1"))).text

    assert four.count('name="subnetAssignments[0].replicas') == 3
    assert 'name="subnetAssignments[0].replicas' not in one
    assert 'name="recoveryEnabled"' not in one
    assert 'name="backupSchedule.cron"' not in one


async def test_what_a_form_was_sent_with_goes_together_again(api: Api, member: Browser) -> None:
    """Without scripts and refresh: what is refused comes back so that it can be sent."""
    refused = await sent(member, replicas="3")
    repaired = await sent(member, replicas="3", **{"subnetAssignments[0].replicas[1].id": SUBNET})

    assert refused.status_code == 422
    assert 'name="subnetAssignments[0].replicas[1].id"' in refused.text
    assert repaired.status_code == 303
    assert (await only_set(api))["replicas"] == 3


# The same for other doors


async def test_the_same_is_shown_as_a_call(api: Api, member: Browser) -> None:
    """The document of the curl command is one that the API takes, whatever was written into it."""
    nasty = 'it\'s $HOME; `rm` "x" <b>'
    answer = await member.send("create-set", "create-set-check", fields(description=nasty))
    command, curl = (unescape(text) for text in re.findall(r"<code>(.*?)</code>", answer.text, re.DOTALL))

    words = shlex.split(curl)
    made = await api.request("POST", "/v1/instance-sets", content=words[-1].encode())

    assert "<b>" not in answer.text
    assert made.status_code == 201, made.text
    assert (await only_set(api))["description"] == nasty
    assert shlex.split(command)[:4] == ["memstored", "set", "create", "orders"]
    assert shlex.split(command)[shlex.split(command).index("--description") + 1] == nasty


async def test_no_secret_is_shown(member: Browser) -> None:
    """In the place of a password stands what it is to be."""
    access = {"user.name": "app", "user.password": PASSWORD, "passwordAgain": PASSWORD}
    for version, words in (("7.0.15", "SHA-256 of the password"), ("5.0.6", "encrypted with the key")):
        answer = await member.send("create-set", "create-set-check", fields(**access, version=version))
        curl = unescape(re.findall(r"<code>(.*?)</code>", answer.text, re.DOTALL)[1])

        assert PASSWORD not in answer.text
        assert words in json.loads(shlex.split(curl)[-1])["user"]["password"]


# Who may, and from where


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("headers", "token"), [({"origin": "https://evil.example"}, None), ({}, form_token("another"))]
)
async def test_forms_of_others_order_nothing(
    api: Api, member: Browser, path: str, headers: Mapping[str, str], token: str | None
) -> None:
    """Another site's form, and one of another session, are refused."""
    given = token or token_in(await member.get("create-set"))

    answer = await member.post(path, fields() | {FIELD: given}, headers=headers)

    assert answer.status_code == 403
    assert (await api.get("/v1/instance-sets")).json()["size"] == 0


async def test_who_only_reads_gets_no_form(api: Api) -> None:
    """A reader is told why instead, and finds no way to it in the list."""
    browser = signed_in(api.http, api.tokens["reader"])

    answer = await browser.get("create-set")

    assert answer.status_code == 403
    assert "<form" not in answer.text.split("<main")[1]
    assert "create-set" not in (await browser.get("sets")).text


async def test_scripts_in_names_are_inert(api: Api, member: Browser) -> None:
    """What tenants named is text."""
    script = "<script>alert(1)</script>"
    await saved(api, name=script)

    page = await member.send(
        "create-set",
        "create-set-refresh",
        fields(source="backup", instanceSetName=script, description=script),
    )

    assert script not in page.text


async def test_without_an_engine_there_is_nothing_to_fill_in(api: Api, member: Browser) -> None:
    """Where no Redis is found the page says so."""
    services = api.app.state.services
    bare = replace(services.catalogue, engines=list)
    api.app.state.services = replace(services, catalogue=bare)

    pages = [
        await member.get("create-set"),
        await member.send("sets", "create-set-check", fields()),
        await member.send("sets", "create-set-refresh", fields()),
    ]

    assert {page.status_code for page in pages} == {400}
    assert all("There is no Redis here" in text_of(page) for page in pages)


async def test_only_what_is_whole_can_be_chosen(api: Api, member: Browser) -> None:
    """A backup that is being made, or that failed, is no source."""
    for number, state in enumerate((BackupState.CREATING, BackupState.ERROR)):
        await saved(api, name=f"unready-{number}", status=state)

    page = await member.send("create-set", "create-set-refresh", fields(source="backup"))

    assert "unready" not in page.text
