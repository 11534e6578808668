"""The pages of a set in the console: what they show, and what cannot be done through them."""

import re
from dataclasses import replace
from urllib.parse import urljoin

import pytest
from backup_calls import saved
from harness import NOW, Api
from set_calls import CATALOGUE, THIRD_SUBNET, kill, node_ids, put, running, seen, sized, stored

from browser import CONSOLE, Browser, signed_in, text_of, token_in
from memstored.console.protection import FIELD, form_token
from memstored.domain.history import Column, NodeHistory, Ring
from memstored.domain.model import InstanceSet, Operation, Reason, Step, TenantUser
from memstored.domain.words import (
    BackupType,
    NodeId,
    OperationKind,
    OperationState,
    SetId,
    SetState,
)

MINUTE = int(NOW) // 60
PAGES = ("", "charts", "charts?table=true", "connect", "operations", "events", "change")
FORMS = (
    "change",
    "security-groups",
    "recovery",
    "primary",
    "replicas",
    "instances/any/delete",
    "certificates/renew",
    "delete",
)
HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


async def act(browser: Browser, set_id: str, action: str, **fields: str) -> str:
    """Send a form of the page of changes, and return what the page that follows says."""
    answer = await browser.send(f"sets/{set_id}/change", f"sets/{set_id}/{action}", fields)
    if answer.status_code == 303:
        place = urljoin(f"{CONSOLE}sets/{set_id}/{action}", answer.headers["location"])
        return text_of(await browser.get(place))
    return text_of(answer)


# Reading


async def test_the_list_leads_to_the_page_of_a_set(api: Api, member: Browser) -> None:
    """Its name is a link, and the page is part of the navigation's first entry."""
    set_id = await running(api)

    listed = (await member.get("sets")).text
    page = (await member.get(f"sets/{set_id}/")).text

    assert f'<a id="set-{set_id}" href="./sets/{set_id}/">orders</a>' in listed
    assert '<a href="../../sets" aria-current="page">Sets</a>' in page


async def test_the_page_says_why_and_what_comes_next(api: Api, member: Browser) -> None:
    """All that the API tells of a set that is not `Running`, and how far its operation is."""
    set_id = await running(api)
    steps = (
        Step(name="provision", state=OperationState.SUCCEEDED, started_at=1.0, finished_at=3.5),
        Step(name="load", state=OperationState.RUNNING, started_at=3.5, done=512, total=2048),
    )
    operation = Operation(
        id="one",
        kind=OperationKind.CREATE,
        state=OperationState.RUNNING,
        steps=steps,
        started_at=1.0,
        actor="mia",
    )
    why = Reason(code="loading", message="It loads.", since=60.0, trying="loading it", next="It is compared.")
    await put(
        api, set_id, lambda it: replace(it, status=SetState.PROVISIONING, reason=why, operation=operation)
    )

    page = text_of(await member.get(f"sets/{set_id}/"))

    assert (
        "Why It loads. Since 1970-01-01 00:01:00 UTC Being done loading it What comes next It is compared."
        in page
    )
    assert "Creating the set since 1970-01-01 00:00:01 UTC 62 % 512 B of 2.0 KiB" in page
    assert "Start nodes 2.50 s Load the saved data under way" in page


async def test_the_picture_and_its_table_say_the_same(api: Api, member: Browser) -> None:
    """Who is primary, where each node is, and how far behind."""
    set_id = await running(api, recoveryEnabled=True)
    api.control.seen[SetId(set_id)] = seen(await stored(api, set_id), {1: 5000, 2: 5000, 3: 3976})

    page = await member.get(f"sets/{set_id}/")
    picture = page.text.partition('<svg class="topology"')[2].partition("</svg>")[0]

    first, second, _ = CATALOGUE.subnets
    assert "orders-1: primary, Running. orders-2: replica, Running. orders-3: replica, Running." in picture
    assert "127.20.255.1: leads to nobody." in picture
    assert f"orders-3 replica Running {first.zone} {first.name} 127.20.0.3 1.0 KiB" in text_of(page)
    assert f"orders-2 replica Running {second.zone} {second.name} 127.20.0.2 0 B" in text_of(page)
    assert " style=" not in page.text


async def test_whether_it_can_fail_over_is_said(api: Api, member: Browser) -> None:
    """Who would take over, or why nobody would and what each replica lacks."""
    ready = await running(api, recoveryEnabled=True)
    api.control.seen[SetId(ready)] = seen(await stored(api, ready), {1: 5000, 2: 5000, 3: 4000})
    off = await running(api, instanceSetName="sessions", **sized(2))

    assert "Yes orders-2 would take over. orders-2 0 B behind orders-3 1000 B behind" in text_of(
        await member.get(f"sets/{ready}/")
    )
    assert (
        "No High availability is off, so nothing takes over by itself. No replica is fit to take over. "
        "sessions-2 It does not answer."
    ) in text_of(await member.get(f"sets/{off}/"))


async def test_charts_have_lines_or_tables(api: Api, member: Browser) -> None:
    """The same values, for as many hours as one chooses; a node that is gone is among them."""
    set_id = await running(api, **sized(2))
    ids = await node_ids(api, set_id)
    kept = api.past.kept[SetId(set_id)] = {}
    for node_id, name, used in ((ids[0], "orders-1", 3 << 20), ("gone", "orders-9", 1 << 20)):
        ring = Ring()
        point = {
            Column.USED_MEMORY: used,
            Column.MAXMEMORY: 4 << 20,
            Column.PRIMARY: 1.0,
            Column.INPUT_KBPS: 2.0,
        }
        ring.put(MINUTE - 1, point)
        ring.put(MINUTE, point)
        kept[NodeId(node_id)] = NodeHistory(name=name, ring=ring)

    lines = await member.get(f"sets/{set_id}/charts?hours=1")
    table = text_of(await member.get(f"sets/{set_id}/charts?hours=6&table=true"))

    assert (
        "Memory orders-1 3.0 MiB orders-9 1.0 MiB maxmemory 4.0 MiB 4.0 MiB 3.0 MiB 2.0 MiB 1.0 MiB 0 B"
        in text_of(lines)
    )
    assert lines.text.count("<polyline") == 3 + 2
    assert "Memory Time orders-1 orders-9 maxmemory" in table
    assert "3.0 MiB 1.0 MiB 4.0 MiB Commands per second" in table
    assert "Network in Time orders-1 orders-9" in table
    assert "2.0 KiB/s" in table


@pytest.mark.parametrize("query", ["hours=7", "hours=0", "hours=many", "table=maybe", "colour=red"])
async def test_charts_refuse_what_there_is_none_of(api: Api, member: Browser, query: str) -> None:
    """With the status of the API."""
    set_id = await running(api)

    assert (await member.get(f"sets/{set_id}/charts?{query}")).status_code == 400


async def test_operations_are_listed_with_their_ends(api: Api, member: Browser) -> None:
    """Newest first, in pages; a failed one with its reason."""
    set_id = await running(api)
    began = Operation(
        id="one",
        kind=OperationKind.ADD_REPLICA,
        state=OperationState.RUNNING,
        steps=(Step(name="provision", state=OperationState.RUNNING, started_at=1.0), Step(name="open")),
        started_at=1.0,
        actor="mia",
    )
    await put(api, set_id, lambda it: replace(it, operation=began))
    await put(api, set_id, lambda it: replace(it, operation=began.ended(91.0, error="No memory is left.")))

    page = text_of(await member.get(f"sets/{set_id}/operations?limit=1"))

    assert "Adding a replica failed 1970-01-01 00:00:01 UTC · 1 min 30 s · mia No memory is left." in page
    assert "Start nodes failed Let clients in" in page
    assert "Next page" in page


async def test_events_are_linked_with_their_causes(api: Api, member: Browser) -> None:
    """Each leads to what it came from, and to what came of it."""
    set_id = await running(api)
    await act(member, set_id, "change", description="of the shop")

    page = await member.get(f"sets/{set_id}/events")

    assert "Cluster Update Changed: description. mia" in text_of(page)
    assert "Cluster Create mia ordered 3 nodes of Redis 7.0.15." in text_of(page)


async def test_snippets_are_made_for_the_set(api: Api, member: Browser) -> None:
    """Address, user and TLS of the set, at either address; never a password."""
    set_id = await running(api, tlsEnabled=True)
    await put(api, set_id, lambda it: replace(it, user=TenantUser(name="app", password_hash=HASH)))

    primary = (await member.get(f"sets/{set_id}/connect")).text
    reader = (await member.get(f"sets/{set_id}/connect?to=reader")).text
    trusted = await member.get(f"sets/{set_id}/ca.pem")

    assert "redis-cli -h 127.20.255.1 -p 6379 --tls --cacert ca.pem --user app --askpass" in primary
    assert "redis-cli -h 127.20.255.2 -p 6379" in reader
    assert HASH not in primary
    assert trusted.text.startswith("-----BEGIN CERTIFICATE-----")
    assert trusted.headers["content-disposition"] == 'attachment; filename="ca.pem"'


async def test_there_is_nothing_to_connect_to_before_there_is(api: Api, member: Browser) -> None:
    """A set that is being made has no address yet."""
    set_id = await api.create_set()

    assert "There is no address yet" in text_of(await member.get(f"sets/{set_id}/connect"))


@pytest.mark.parametrize("page", PAGES)
async def test_pages_of_a_set_hold_no_scripts_and_styles(api: Api, member: Browser, page: str) -> None:
    """What the policy would not let run is not there in the first place; what tenants write is inert."""
    set_id = await running(api)
    await put(api, set_id, lambda it: replace(it, description="<script>alert(1)</script>"))

    text = (await member.get(f"sets/{set_id}/{page}")).text

    assert "<style" not in text
    assert " style=" not in text
    assert re.search(r"<[^>]* on\w+=", text) is None
    assert text.count("<script") == text.count("<script src=")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


# Who may


@pytest.mark.parametrize("page", [*PAGES, "ca.pem"])
async def test_another_project_s_set_has_no_pages(api: Api, page: str) -> None:
    """404, as if it did not exist; nobody learns its name."""
    set_id = await running(api)
    other = signed_in(api.http, api.tokens["other_project"])

    answer = await other.get(f"sets/{set_id}/{page}")

    assert answer.status_code == 404
    assert "orders" not in answer.text


@pytest.mark.parametrize("caller", ["member", "other_project"])
async def test_the_stream_of_a_set_that_is_gone_says_so_and_ends(api: Api, caller: str) -> None:
    """A set of another project is one that is gone: nothing of it is told."""
    set_id = await running(api)
    if caller == "member":
        await put(api, set_id, _terminated)
    visitor = signed_in(api.http, api.tokens[caller])

    told = (await visitor.get(f"sets/{set_id}/live")).text

    assert "It is gone." in told
    assert told.endswith("event: end\ndata: gone\n\n")
    assert "orders" not in told


@pytest.mark.parametrize("form", FORMS)
async def test_another_project_s_set_takes_no_forms(api: Api, form: str) -> None:
    """Whatever is sent, nothing happens to it."""
    set_id = await running(api, tlsEnabled=True)
    before = await stored(api, set_id)
    other = signed_in(api.http, api.tokens["other_project"])

    answer = await other.send("sets", f"sets/{set_id}/{form}", {})

    assert answer.status_code == 404
    assert await stored(api, set_id) == before


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("headers", "token"), [({"origin": "https://evil.example"}, None), ({}, form_token("another session"))]
)
async def test_forms_of_others_change_nothing(
    api: Api, member: Browser, form: str, headers: dict[str, str], token: str | None
) -> None:
    """Another site's form, and one with another token."""
    set_id = await running(api, tlsEnabled=True)
    before = await stored(api, set_id)
    given = token or token_in(await member.get(f"sets/{set_id}/change"))

    fields = {FIELD: given, "instanceSetName": "orders"}
    answer = await member.post(f"sets/{set_id}/{form}", fields, headers=headers)

    assert answer.status_code == 403
    assert await stored(api, set_id) == before


@pytest.mark.parametrize("form", FORMS)
async def test_a_reader_only_looks(api: Api, form: str) -> None:
    """It sees no forms, and what it sends is refused."""
    set_id = await running(api, tlsEnabled=True)
    before = await stored(api, set_id)
    reader = signed_in(api.http, api.tokens["reader"])

    page = await reader.get(f"sets/{set_id}/change")
    answer = await reader.send("sets", f"sets/{set_id}/{form}", {"instanceSetName": "orders"})

    assert page.text.count("<form") == 1
    assert "ask for the role member" in text_of(page)
    assert answer.status_code == 403
    assert await stored(api, set_id) == before


# Changing


async def test_a_description_is_changed_and_cleared(api: Api, member: Browser) -> None:
    """An empty one is none."""
    set_id = await running(api)

    assert "It was changed." in await act(member, set_id, "change", description="of the shop")
    assert (await stored(api, set_id)).description == "of the shop"
    await act(member, set_id, "change", description="")
    assert (await stored(api, set_id)).description is None


async def test_a_refused_form_leaves_the_others_alone(api: Api, member: Browser) -> None:
    """What was sent is shown again with what is wrong with it; other forms show what is."""
    set_id = await running(api)
    await act(member, set_id, "change", description="of the shop")

    wrong = await member.send(f"sets/{set_id}/change", f"sets/{set_id}/change", {"description": "x" * 101})
    other = await member.send(f"sets/{set_id}/change", f"sets/{set_id}/primary", {"primaryId": "nobody"})

    assert wrong.status_code == 400
    assert f'value="{"x" * 101}"' in wrong.text
    assert "Give at most 100 characters on one line, without emoji." in text_of(wrong)
    assert 'value="of the shop"' in other.text
    assert "Give the objectId of one of this set's replicas." in text_of(other)
    assert other.text.count('role="alert"') == 1


async def test_security_groups_are_those_that_are_ticked(api: Api, member: Browser) -> None:
    """None is refused, as by the API."""
    set_id = await running(api)

    refused = await act(member, set_id, "security-groups")
    page = await act(member, set_id, "security-groups", securityGroups=CATALOGUE.security_groups[0].id)

    assert "Give at least one object with an id." in refused
    assert "Modifying" in page


async def test_a_replica_is_promoted_with_high_availability_off(api: Api, member: Browser) -> None:
    """With it on the service chooses: there is no such button."""
    set_id = await running(api)
    ids = await node_ids(api, set_id)

    page = await act(member, set_id, "primary", primaryId=ids[1])

    assert "It is under way; this page shows how far it is." in page
    assert "Promoting a replica" in page
    await put(api, set_id, lambda it: replace(it, recovery_enabled=True))
    assert "the service chooses the primary" in text_of(await member.get(f"sets/{set_id}/change"))
    assert 'value="' + ids[1] + '"' not in (await member.get(f"sets/{set_id}/change")).text


async def test_a_replica_is_added(api: Api, member: Browser) -> None:
    """In the subnet that was chosen."""
    set_id = await running(api)

    page = await act(member, set_id, "replicas", **{"subnet.id": THIRD_SUBNET})

    assert "Adding a replica" in page
    assert (await stored(api, set_id)).nodes[-1].subnet_id == THIRD_SUBNET


async def test_a_node_is_removed(api: Api, member: Browser) -> None:
    """Not the primary that lives; one that is none of the set's is not found."""
    set_id = await running(api)
    ids = await node_ids(api, set_id)

    refused = await act(member, set_id, f"instances/{ids[0]}/delete")
    unknown = await act(member, set_id, "instances/nobody/delete")
    page = await act(member, set_id, f"instances/{ids[2]}/delete")

    assert "It is the living primary; promote a replica first." in refused
    assert "There is no such page" in unknown
    assert "Removing a node" in page


async def test_high_availability_is_switched(api: Api, member: Browser) -> None:
    """On and off again."""
    set_id = await running(api)

    await act(member, set_id, "recovery", enabled="true")
    assert (await stored(api, set_id)).recovery_enabled
    await act(member, set_id, "recovery", enabled="false")
    assert not (await stored(api, set_id)).recovery_enabled


async def test_certificates_are_renewed_where_there_are_any(api: Api, member: Browser) -> None:
    """Without TLS there is no such form, and what is sent all the same is refused."""
    plain = await running(api)
    tls = await running(api, instanceSetName="sessions", tlsEnabled=True)

    assert "Renew them now" not in text_of(await member.get(f"sets/{plain}/change"))
    assert "This set has no TLS" in await act(member, plain, "certificates/renew")
    assert "Renewing certificates" in await act(member, tls, "certificates/renew")


async def test_a_set_is_deleted_by_its_name(api: Api, member: Browser) -> None:
    """Another name, or none, deletes nothing."""
    set_id = await running(api)

    for name in ("", "Orders", "sessions"):
        assert "This is not the name of the set" in await act(member, set_id, "delete", instanceSetName=name)
    assert (await stored(api, set_id)).status is SetState.RUNNING
    assert "Terminating" in await act(member, set_id, "delete", instanceSetName="orders")


@pytest.mark.parametrize(("choice", "left"), [("true", 1), ("false", 0)])
async def test_what_becomes_of_automatic_backups_must_be_said(
    api: Api, member: Browser, choice: str, left: int
) -> None:
    """Exactly when there are any."""
    set_id = await running(api)
    await saved(api, set_id=SetId(set_id), type=BackupType.AUTOMATIC)

    unsaid = await act(member, set_id, "delete", instanceSetName="orders")
    await act(member, set_id, "delete", instanceSetName="orders", keepAutomaticBackups=choice)

    backups = await api.backups.of_project(api.project, set_id=set_id)
    assert "true to keep them, or false" in unsaid
    assert (await stored(api, set_id)).status is SetState.TERMINATING
    assert sum(backup.status == "Available" for backup in backups) == left


async def test_a_dead_node_is_shown_so(api: Api, member: Browser) -> None:
    """In the picture, and in words."""
    set_id = await running(api, **sized(2))
    await kill(api, set_id, 1)

    page = await member.get(f"sets/{set_id}/")

    assert 'class="card primary lost"' in page.text
    assert "orders-1: primary, Failed." in page.text


async def test_a_set_that_is_gone_has_no_page(api: Api, member: Browser) -> None:
    """404, with a way back."""
    set_id = await running(api)
    await put(api, set_id, _terminated)

    assert (await member.get(f"sets/{set_id}/")).status_code == 404


def _terminated(it: InstanceSet) -> InstanceSet:
    return replace(it, status=SetState.TERMINATED)
