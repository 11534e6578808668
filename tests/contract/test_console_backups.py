"""Backups in the console: the list, one of them, what is done with it, schedules and their calendar."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from backup_calls import lines, put_file, put_use, rdb, saved, stored_backup
from harness import NOW, OTHER_PROJECT, PROJECT, Api
from set_calls import put_state, running, stored

from browser import Browser, signed_in, text_of, token_in
from memstored.console.protection import FIELD, form_token
from memstored.domain.backup import Progress
from memstored.domain.words import BackupState, BackupType, SetId, SetState, UseKind

SCRIPT = "<script>alert(1)</script>"
DAY = 86_400.0


# The list


async def test_the_list_shows_what_the_api_does(api: Api, member: Browser) -> None:
    """State, set, kind, size and times; the newest first; why one came to nothing."""
    await saved(api)
    await saved(
        api,
        name="broken",
        created_at=NOW + 1,
        status=BackupState.ERROR,
        reason="The set was deleted.",
        size=0,
    )

    said = text_of(await member.get("backups"))

    assert said.index("broken") < said.index("nightly")
    for words in ("The set was deleted.", "Available", "orders", "by hand", "4.0 KiB", "2025-06-15 15:07:40"):
        assert words in said


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", {"one", "two", "three"}),
        ("?clusterName=orders", {"one", "two"}),
        ("?status=Error", {"two"}),
        ("?type=automatic", {"three"}),
        ("?clusterName=orders&status=Available&type=manual", {"one"}),
        ("?clusterName=&status=&type=", {"one", "two", "three"}),
        ("?type=automatic&status=Error", set()),
    ],
)
async def test_the_list_is_filtered(api: Api, member: Browser, query: str, names: set[str]) -> None:
    """By set, state and kind; what is left empty counts as everything."""
    await saved(api, name="one")
    await saved(api, name="two", status=BackupState.ERROR)
    await saved(api, name="three", type=BackupType.AUTOMATIC, set_name="users")

    page = await member.get(f"backups{query}")

    assert {name for name in ("one", "two", "three") if f">{name}</a>" in page.text} == names
    assert ("No backup is like that" in page.text) is (not names)


@pytest.mark.parametrize("query", ["status=Odd", "type=odd", "nonsense=1", "marker=gone"])
async def test_a_wrong_filter_is_told(member: Browser, query: str) -> None:
    """What the list can not be filtered by is refused with words."""
    assert (await member.get(f"backups?{query}")).status_code == 400


async def test_the_list_has_pages(api: Api, member: Browser) -> None:
    """Fifty a page; each backup is on one of them, also when the last one of a page is gone."""
    made = [await saved(api, name=f"b-{number:02d}", created_at=NOW + number) for number in range(52)]

    first = await member.get("backups")
    marker = first.text.split("marker=")[-1].split('"')[0]
    await api.backups.remove(made[2])
    second = await member.get(f"backups?marker={marker}")

    assert ("b-51" in first.text, "b-02" in first.text, "b-01<" in first.text) == (True, True, False)
    assert ("b-01" in second.text, "b-03<" in second.text) == (True, False)
    assert 'rel="next"' not in second.text


async def test_without_backups_the_list_says_what_they_are(member: Browser) -> None:
    """An empty page is an invitation."""
    assert "There is no backup yet" in text_of(await member.get("backups"))


# One of them


async def test_a_backup_shows_all_that_is_known(api: Api, member: Browser) -> None:
    """What it holds, whether it was verified, what happened to it."""
    backup = await saved(api, verified_at=NOW + 90, copy_of="12", type=BackupType.MANUAL)

    said = text_of(await member.get(f"backups/{backup.id}"))

    for words in ("nightly", "c" * 64, "8.0 KiB", "Keys 3", "7.0.15", "2025-06-15 15:08:10 UTC", "Restore"):
        assert words in said


async def test_damage_is_shown(api: Api, member: Browser) -> None:
    """A backup that was found damaged says so, in the words of who found it."""
    backup = await saved(api, damage="The object differs from its checksum.")

    assert "differs from its checksum" in text_of(await member.get(f"backups/{backup.id}"))
    assert "differs from its checksum" in text_of(await member.get("backups"))


async def test_progress_is_shown(api: Api, member: Browser) -> None:
    """While it is being made one sees how far it is."""
    backup = await saved(api, status=BackupState.CREATING, size=0)
    api.keeper.far[backup.id] = Progress(done=512, total=2048)

    for page in ("backups", f"backups/{backup.id}"):
        answer = await member.get(page)
        assert 'value="25" max="100"' in answer.text
        assert "512 B of 2.0 KiB" in text_of(answer)


async def test_a_failed_export_is_told(api: Api, member: Browser) -> None:
    """What became of an export is in what happened, since the backup itself stays as it was."""
    backup = await saved(api)
    await member.send(f"backups/{backup.id}", f"export-backup/{backup.id}", {"path": "archive/out.rdb"})

    assert "Backup Export" in text_of(await member.get(f"backups/{backup.id}"))


# What is done with it


async def test_a_backup_is_made(api: Api, member: Browser) -> None:
    """Of the set that is chosen, with the name that is given."""
    set_id = await running(api)

    form = await member.get(f"create-backup?set={set_id}")
    answer = await member.send("create-backup", "create-backup", {"clusterId": set_id, "name": "nightly"})

    (made,) = (await api.get("/v1/backups")).json()["backups"]
    assert f'value="{set_id}" selected' in form.text
    assert answer.headers["location"] == f"./backups/{made['id']}?notice=backup_begun"
    assert (made["name"], made["clusterId"], made["status"]) == ("nightly", set_id, "Pending")


@pytest.mark.parametrize(
    ("name", "status", "words"),
    [
        ("", 400, "This field is required."),
        ("No", 400, "Give 2 to 63 characters"),
        ("taken", 409, "is in use in this project"),
    ],
)
async def test_a_wrong_name_is_told_at_its_field(
    api: Api, member: Browser, name: str, status: int, words: str
) -> None:
    """And what was filled in is still there."""
    set_id = await running(api)
    await saved(api, name="taken")

    answer = await member.send("create-backup", "create-backup", {"clusterId": set_id, "name": name})

    assert answer.status_code == status
    assert words in answer.text.split('id="wrong-name"')[1].split("</p>")[0]
    assert f'value="{name}"' in answer.text


async def test_a_set_that_does_not_run_is_not_saved(api: Api, member: Browser) -> None:
    """The words are those of the API, at the set."""
    set_id = await running(api)
    await put_state(api, set_id, SetState.WARNING)

    answer = await member.send("create-backup", "create-backup", {"clusterId": set_id, "name": "nightly"})

    assert answer.status_code == 400
    assert "Warning" in answer.text.split('id="wrong-clusterId"')[1].split("</p>")[0]


async def test_a_backup_is_copied_exported_verified_and_deleted(api: Api, member: Browser) -> None:
    """Each does what the call of the API does."""
    backup = await saved(api)
    page = f"backups/{backup.id}"

    copied = await member.send(page, f"copy-backup/{backup.id}", {"name": "kept"})
    exported = await member.send(page, f"export-backup/{backup.id}", {"path": "archive/out.rdb"})
    verified = await member.send(page, f"verify-backup/{backup.id}", {})

    uses = {use.kind for use in (await stored_backup(api, backup.id)).uses}
    copy = await api.backups.named(PROJECT, "kept")
    assert copy is not None
    assert copied.headers["location"] == f"../backups/{copy.id}?notice=backup_copied"
    assert (exported.status_code, verified.status_code) == (303, 303)
    assert uses == {UseKind.COPY, UseKind.EXPORT, UseKind.VERIFY}
    assert "It is being verified." in text_of(await member.get(page))

    other = await saved(api, name="old")
    deleted = await member.send(f"backups/{other.id}", f"delete-backup/{other.id}", {})

    assert deleted.headers["location"] == "../backups?notice=backup_deleted"
    assert (await stored_backup(api, other.id)).status is BackupState.DELETING
    assert [name for name, _, _ in await lines(api, other.id)] == ["Backup Delete"]


@pytest.mark.parametrize(
    ("action", "fields", "status", "words"),
    [
        ("copy", {"name": "No"}, 400, "Give 2 to 63 characters"),
        ("copy", {"name": "nightly"}, 409, "is in use"),
        ("copy", {}, 400, "This field is required."),
        ("export", {"path": "nowhere"}, 400, ""),
        ("export", {"path": "archive/there.rdb"}, 400, "There is an object"),
        ("export", {"path": "read-only/x.rdb"}, 403, "may only read"),
    ],
)
async def test_what_is_refused_is_told_at_its_field(
    api: Api, member: Browser, action: str, fields: Mapping[str, str], status: int, words: str
) -> None:
    """The page comes back with what was filled in, and nothing was done."""
    backup = await saved(api)
    await put_file(api, "archive/there.rdb", rdb())
    field = "name" if action == "copy" else "path"

    answer = await member.send(f"backups/{backup.id}", f"{action}-backup/{backup.id}", fields)

    assert answer.status_code == status
    assert words in answer.text.split(f'id="wrong-{field}"')[1].split("</p>")[0]
    assert (await stored_backup(api, backup.id)).uses == ()


async def test_a_backup_in_use_is_not_deleted(api: Api, member: Browser) -> None:
    """The last copy of the data that a set is beginning with stays."""
    backup = await saved(api)
    await put_use(api, backup, UseKind.RESTORE, holder=SetId("set"))

    answer = await member.send(f"backups/{backup.id}", f"delete-backup/{backup.id}", {})

    assert answer.status_code == 400
    assert "It is in use (restore)" in text_of(answer)
    assert (await stored_backup(api, backup.id)).status is BackupState.AVAILABLE


async def test_what_failed_can_only_be_deleted(api: Api, member: Browser) -> None:
    """There is nothing to restore or to copy."""
    backup = await saved(api, status=BackupState.ERROR, reason="It was cut.")

    page = (await member.get(f"backups/{backup.id}")).text

    assert "copy-backup" not in page
    assert "create-set?backup" not in page
    assert "delete-backup" in page


# Schedules


async def test_a_schedule_is_set_and_switched_off(api: Api, member: Browser) -> None:
    """The hour and the days; none is off."""
    set_id = await running(api)
    page = f"backup-schedules/{set_id}"
    on = {"backupSchedule.cron": "* 3 * * *", "backupSchedule.retentionLimit": "14"}

    answer = await member.send(page, page, on)
    daily = (await stored(api, set_id)).backup_schedule
    shown = await member.get(page)
    await member.send(page, page, {**on, "backupSchedule.cron": ""})

    assert answer.headers["location"] == f"../backup-schedules/{set_id}?notice=schedule_changed"
    assert daily is not None
    assert (daily.cron, daily.retention_limit) == ("* 3 * * *", 14)
    assert '<option value="* 3 * * *" selected>' in shown.text
    assert (await stored(api, set_id)).backup_schedule is None


async def test_a_wrong_schedule_is_told(api: Api, member: Browser) -> None:
    """At its field, and nothing changes."""
    set_id = await running(api)
    page = f"backup-schedules/{set_id}"

    answer = await member.send(
        page, page, {"backupSchedule.cron": "* 3 * * *", "backupSchedule.retentionLimit": "36"}
    )

    assert answer.status_code == 400
    assert "1 to 35" in answer.text.split('id="wrong-backupSchedule.retentionLimit"')[1].split("</p>")[0]
    assert (await stored(api, set_id)).backup_schedule is None


async def test_the_calendar_tells_each_day(api: Api, member: Browser) -> None:
    """What was made, what failed and why, what is planned; by the set and for the project."""
    schedule = {"cron": "* 3 * * *", "retentionLimit": 7}
    set_id = await running(api, backupSchedule=schedule)
    made = await saved(
        api, name="a", type=BackupType.AUTOMATIC, set_id=SetId(set_id), created_at=NOW - 86_400
    )
    await saved(
        api,
        name="b",
        type=BackupType.AUTOMATIC,
        set_id=SetId(set_id),
        created_at=NOW - 2 * 86_400,
        status=BackupState.ERROR,
        reason="The replica is gone.",
    )

    for page in ("backup-calendar", f"backup-schedules/{set_id}"):
        cells = (await member.get(page)).text.split('<time datetime="')
        days = {cell[:10]: cell for cell in cells if cell[:4] == "2025" and cell[10] == '"'}
        assert "made" in days["2025-06-15"]
        assert f"backups/{made.id}" in days["2025-06-15"]
        assert "failed" in days["2025-06-14"]
        assert "The replica is gone." in days["2025-06-14"]
        assert "planned" in days["2025-06-17"]
        assert "mark" not in days["2025-06-10"]


async def test_the_calendar_shows_other_months(api: Api, member: Browser) -> None:
    """As far as there is anything to know; what is no month is refused."""
    await running(api, backupSchedule={"cron": "* 3 * * *"})

    july = await member.get("backup-calendar?month=2025-07")

    assert july.text.count('class="mark planned"') == 31
    assert "month=2025-06" in july.text
    for wrong in ("2025-13", "1999-12", "x", "2025-07-01"):
        assert (await member.get(f"backup-calendar?month={wrong}")).status_code == 400


async def test_a_week_begins_as_one_is_used_to(api: Api, member: Browser) -> None:
    """On Monday in English, on Sunday in Korean."""
    english = text_of(await member.get("backup-calendar"))
    korean = text_of(await member.get("backup-calendar", headers={"accept-language": "ko"}))

    assert english.index("Monday") < english.index("Sunday")
    assert korean.index("일요일") < korean.index("월요일")


# Who may, and from where


PAGES = ("backups/{backup}", "backup-schedules/{set}", "create-set?backup={backup}")
FORMS: Mapping[str, Mapping[str, str]] = {
    "copy-backup/{backup}": {"name": "copy"},
    "export-backup/{backup}": {"path": "archive/x"},
    "verify-backup/{backup}": {},
    "delete-backup/{backup}": {},
    "backup-schedules/{set}": {"backupSchedule.cron": "* 3 * * *"},
}


@pytest.mark.parametrize(("path", "fields"), [*((path, None) for path in PAGES), *FORMS.items()])
async def test_what_is_of_another_project_is_not_there(
    api: Api, path: str, fields: Mapping[str, str] | None
) -> None:
    """By whatever address: 404, and nothing is done."""
    backup, set_id = await saved(api), await running(api)
    other = signed_in(api.http, api.tokens["other_project"])
    address = path.format(backup=backup.id, set=set_id)

    answer = await (other.get(address) if fields is None else other.send("sets", address, fields))

    assert answer.status_code == 404
    assert await stored_backup(api, backup.id) == backup
    assert (await stored(api, set_id)).backup_schedule is None


@pytest.mark.parametrize("path", [*FORMS, "create-backup"])
@pytest.mark.parametrize(
    ("headers", "token"), [({"origin": "https://evil.example"}, None), ({}, form_token("another"))]
)
async def test_forms_of_others_do_nothing(
    api: Api, member: Browser, path: str, headers: Mapping[str, str], token: str | None
) -> None:
    """Another site's form, and one of another session, are refused."""
    backup, set_id = await saved(api), await running(api)
    given = token or token_in(await member.get("sets"))
    fields = {"name": "copy", "path": "archive/x", "clusterId": set_id, "backupSchedule.cron": "* 3 * * *"}

    answer = await member.post(
        path.format(backup=backup.id, set=set_id), {**fields, FIELD: given}, headers=headers
    )

    assert answer.status_code == 403
    assert await stored_backup(api, backup.id) == backup
    assert len(await api.backups.of_project(PROJECT)) == 1


async def test_who_only_reads_sees_no_forms(api: Api, reader: Browser) -> None:
    """A reader sees everything, and nothing to send but the way out and filters."""
    backup, set_id = await saved(api), await running(api, backupSchedule={"cron": "* 3 * * *"})

    for path in ("backups", f"backups/{backup.id}", "backup-calendar", f"backup-schedules/{set_id}"):
        page = await reader.get(path)
        assert page.status_code == 200
        assert 'method="post"' not in page.text.split("<main")[1]
        assert "create-" not in page.text
    assert (await reader.get("create-backup")).status_code == 403
    for path, fields in FORMS.items():
        answer = await reader.send("sets", path.format(backup=backup.id, set=set_id), fields)
        assert answer.status_code == 403


async def test_scripts_are_inert(api: Api, member: Browser) -> None:
    """In names, reasons and what is filled in again."""
    set_id = await running(api)
    made = await saved(
        api,
        name=SCRIPT,
        reason=SCRIPT,
        damage=SCRIPT,
        set_name=SCRIPT,
        actor=SCRIPT,
        type=BackupType.AUTOMATIC,
    )
    pages = [
        await member.get("backups"),
        await member.get(f"backups/{made.id}"),
        await member.get("backup-calendar"),
        await member.get(f"backups?clusterName={SCRIPT}"),
        await member.get(f"create-backup?set={SCRIPT}"),
        await member.send("create-backup", "create-backup", {"clusterId": SCRIPT, "name": SCRIPT}),
        await member.send(f"backups/{made.id}", f"copy-backup/{made.id}", {"name": SCRIPT}),
        await member.send(f"backups/{made.id}", f"export-backup/{made.id}", {"path": SCRIPT}),
        await member.send(
            f"backup-schedules/{set_id}", f"backup-schedules/{set_id}", {"backupSchedule.cron": SCRIPT}
        ),
    ]

    assert all(SCRIPT not in page.text for page in pages)


async def test_backups_of_other_projects_are_not_listed(api: Api, member: Browser) -> None:
    """Neither in the list nor in the calendar."""
    await saved(api, project_id=OTHER_PROJECT, name="theirs", type=BackupType.AUTOMATIC, set_name="theirs")

    assert "theirs" not in (await member.get("backups")).text
    assert "theirs" not in (await member.get("backup-calendar")).text


async def test_a_backup_without_its_set_is_shown(api: Api, member: Browser) -> None:
    """Backups outlive their sets."""
    backup = await saved(api, set_id=SetId("gone"))

    assert (await member.get(f"backups/{backup.id}")).status_code == 200
    assert replace(backup).set_name in text_of(await member.get("backups"))
