"""The console's pages of parameter groups: what they show, what they do, and what they refuse."""

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest
from group_calls import SEVEN, change, events, made, shown, value, values
from harness import Api
from httpx import Response
from set_calls import put, put_state, running, sized, stored

from browser import Browser, signed_in, text_of, token_in
from memstored.console.protection import FIELD, form_token
from memstored.domain.model import Configuration, GroupValues
from memstored.domain.words import ApplyStatus, SetState

SCRIPT = "<script>alert(1)</script>"


def _hidden(page: Response) -> dict[str, str]:
    """The hidden fields of a page's forms."""
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.text))


async def _sent(browser: Browser, page: Response, action: str, **fields: str) -> Response:
    """Send the form of a page with its hidden fields, and these."""
    return await browser.post(action, {**_hidden(page), **fields})


async def _reviewed(browser: Browser, group_id: str, **parameters: str) -> Response:
    """The page before applying these values; `_` in a name stands for `-`."""
    page = await browser.get(f"parameter-groups/{group_id}/values")
    typed = {f"parameters.{name.replace('_', '-')}": it for name, it in parameters.items()}
    return await _sent(browser, page, f"parameter-groups/{group_id}/review", **typed)


async def _with_sets(api: Api, *names: str) -> str:
    """A group that running sets of these names have."""
    group_id = await made(api)
    for name in names:
        await running(api, instanceSetName=name, parameterGroupId=group_id, **sized(2))
        api.clock.advance(1)
    return group_id


async def _fail(api: Api, set_id: str, group_id: str, status: ApplyStatus, error: str | None) -> None:
    version = (await shown(api, group_id))["version"]
    settings = (await api.groups.of_project(api.project))[0].settings
    wanted = GroupValues(group_id=group_id, version=version, settings=settings)
    configuration = Configuration(
        values=GroupValues(group_id=group_id, version=1), wanted=wanted, status=status, error=error
    )
    await put(api, set_id, lambda it: replace(it, configuration=configuration))


# The list


async def test_groups_are_listed(api: Api, member: Browser) -> None:
    """The project's own, with how far their values have come to their sets, and the default ones."""
    group_id = await _with_sets(api, "orders")
    await values(api, group_id, timeout="300")

    page = text_of(await member.get("parameter-groups"))

    assert "sessions Redis 7.0 1 1 Pending" in page
    assert "Redis.7.2.Default" in page


async def test_groups_are_found_by_family(member: Browser) -> None:
    """As the API has it; an empty choice is none."""
    page = text_of(await member.get("parameter-groups?engineVersion=6.2"))

    assert "Redis.6.2.Default" in page
    assert "Redis.7.2.Default" not in page


async def test_another_project_s_groups_are_not_there(api: Api) -> None:
    """Neither in the list nor at their address, for reading or for writing."""
    group_id, browser = await made(api), signed_in(api.http, api.tokens["other_project"])
    forms = ("review", "values", "values/check", "values/apply", "reset", "rollback", "description", "delete")

    read = [await browser.get(f"parameter-groups/{group_id}{path}") for path in ("", "/values", "/rollback")]
    token = token_in(await browser.get("parameter-groups"))
    sent = [await browser.post(f"parameter-groups/{group_id}/{path}", {FIELD: token}) for path in forms]

    assert "sessions" not in text_of(await browser.get("parameter-groups"))
    assert {answer.status_code for answer in [*read, *sent]} == {404}


# A group


async def test_a_group_shows_its_parameters(api: Api, member: Browser) -> None:
    """Each with value, default, what it may be, and whether it reaches nodes that run."""
    group_id = await made(api)
    await values(api, group_id, timeout="300")

    page = text_of(await member.get(f"parameter-groups/{group_id}"))

    assert "timeout integer, seconds 300 0 0 (off), or 10 to 2147483647 at once Reset…" in page
    assert "io-threads integer, threads 1 1 1 to 8 with new nodes" in page
    assert "appendonly boolean no no \N{EN DASH} fixed" in page


async def test_parameters_are_found(api: Api, member: Browser) -> None:
    """By a part of their name, and those that differ from the default."""
    group_id = await made(api)
    await values(api, group_id, timeout="300")

    named = text_of(await member.get(f"parameter-groups/{group_id}?search=Memory"))
    changed = text_of(await member.get(f"parameter-groups/{group_id}?only=changed"))
    none = text_of(await member.get(f"parameter-groups/{group_id}?only=changed&search=memory"))

    assert ("maxmemory-policy" in named, "tcp-backlog" in named) == (True, False)
    assert ("timeout integer" in changed, "maxmemory-policy" in changed) == (True, False)
    assert "No parameter is like that" in none


async def test_a_default_group_has_nothing_to_change(member: Browser) -> None:
    """One can make a group out of it, and that is all."""
    page = await member.get(f"parameter-groups/{SEVEN}")

    assert "Make a group out of this" in text_of(page)
    assert "Change values" not in text_of(page)


async def test_who_only_reads_sees_no_forms(api: Api, reader: Browser) -> None:
    """Everything is to be seen, nothing to be sent but the sign-out."""
    group_id = await _with_sets(api, "orders")

    pages = [await reader.get(path) for path in ("parameter-groups", f"parameter-groups/{group_id}")]

    assert [page.text.count('method="post"') for page in pages] == [1, 1]
    assert "Change values" not in text_of(pages[1])


async def test_what_tenants_write_is_inert(api: Api, member: Browser) -> None:
    """A description is text, and so is what somebody looks for."""
    group_id = await made(api, description=SCRIPT)

    pages = [
        await member.get("parameter-groups"),
        await member.get(f"parameter-groups/{group_id}?search={SCRIPT}"),
        await _reviewed(member, group_id, timeout=SCRIPT),
    ]

    assert [SCRIPT in page.text for page in pages] == [False] * 3
    assert ["&lt;script&gt;alert(1)" in page.text for page in pages] == [True] * 3


# A new one


async def test_a_group_is_made(api: Api, member: Browser) -> None:
    """Out of the group whose page one came from; then one is at its page."""
    page = await member.get(f"parameter-groups/new?base={SEVEN}")
    fields = {"parameterGroupId": SEVEN, "name": "sessions", "description": "of the shop"}
    answer = await _sent(member, page, "parameter-groups", **fields)

    assert f'value="{SEVEN}" selected' in page.text
    [group] = await api.groups.of_project(api.project)
    assert answer.headers["location"] == f"./parameter-groups/{group.id}?notice=group_created"
    assert (group.name, group.description) == ("sessions", "of the shop")


@pytest.mark.parametrize(("name", "status"), [("-", 400), ("", 400), ("sessions", 409)])
async def test_a_wrong_name_is_refused_at_its_field(
    api: Api, member: Browser, name: str, status: int
) -> None:
    """As the API would; what was filled in is still there."""
    await made(api)
    page = await member.get("parameter-groups/new")
    fields = {"parameterGroupId": SEVEN, "name": name, "description": "kept"}
    answer = await _sent(member, page, "parameter-groups", **fields)

    assert answer.status_code == status
    assert 'id="field-name" name="name" type="text"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert 'value="kept"' in answer.text


# Changing values


async def test_a_change_is_shown_before_it_is_made(api: Api, member: Browser) -> None:
    """Old and new, which sets get it in which order, and which of them get new nodes; nothing is done."""
    group_id = await _with_sets(api, "orders", "billing")

    page = text_of(await _reviewed(member, group_id, timeout="300", io_threads="2"))

    assert "timeout seconds 0 300 at once" in page
    assert "io-threads threads 1 2 with new nodes" in page
    assert re.search("1 orders Running .* nodes are replaced .* reads io-threads only .* 2 billing", page)
    assert await value(api, group_id, "timeout") == "0"


async def test_a_change_is_applied(api: Api, member: Browser) -> None:
    """What was shown is recorded, and brought to the sets."""
    group_id = await _with_sets(api, "orders")

    review = await _reviewed(member, group_id, timeout="300")
    woken = api.sequence.woken
    answer = await _sent(member, review, f"parameter-groups/{group_id}/values/apply")

    assert answer.headers["location"] == f"../../../parameter-groups/{group_id}?notice=values_applied"
    assert await value(api, group_id, "timeout") == "300"
    assert await value(api, group_id, "hz") == "10"
    assert api.sequence.woken == woken + 1
    assert (await events(api, group_id))[-1] == "Parameters Update"


async def test_an_empty_value_is_one(api: Api, member: Browser) -> None:
    """A parameter may have been given a value, and be emptied."""
    group_id = await made(api)
    await values(api, group_id, notify_keyspace_events="Ex")

    review = await _reviewed(member, group_id, notify_keyspace_events="")
    await _sent(member, review, f"parameter-groups/{group_id}/values/apply")

    assert "notify-keyspace-events Ex (empty)" in text_of(review)
    assert await value(api, group_id, "notify-keyspace-events") == ""


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"timeout": "5"}, "Give a value that timeout can have: 0 (off), or 10 to 2147483647 (seconds)."),
        ({"appendonly": "yes"}, "appendonly is fixed; leave it out."),
        ({"nothing-like-it": "1"}, "Name a parameter that the group shows"),
        ({}, "Give at least one field that is to change."),
    ],
)
async def test_a_wrong_value_is_refused(
    api: Api, member: Browser, parameters: Mapping[str, str], said: str
) -> None:
    """In the words of the API, beside what was filled in."""
    group_id = await made(api)

    answer = await _reviewed(member, group_id, **parameters)

    assert answer.status_code == 400
    assert said in text_of(answer)
    assert 'name="parameters.timeout"' in answer.text


async def test_too_little_memory_is_refused(api: Api, member: Browser) -> None:
    """Less than a set uses is not even shown as a change."""
    group_id = await _with_sets(api, "orders")
    [it] = (await api.get(f"/v1/parameter-groups/{group_id}/instance-sets")).json()["instanceSets"]
    api.control.used[it["id"]] = 2 * 1024**3

    answer = await _reviewed(member, group_id, maxmemory="10%")

    assert answer.status_code == 400
    assert "orders uses 2147483648 bytes" in text_of(answer)


async def test_less_memory_is_warned_of(api: Api, member: Browser) -> None:
    """Where it is still enough, both sizes and what is used are told."""
    group_id = await _with_sets(api, "orders")
    [it] = (await api.get(f"/v1/parameter-groups/{group_id}/instance-sets")).json()["instanceSets"]
    api.control.used[it["id"]] = 100 * 1024**2

    page = text_of(await _reviewed(member, group_id, maxmemory="10%"))

    assert "Its data may take 409.6 MiB of the 4.0 GiB of a node; now 2.6 GiB. It takes 100.0 MiB." in page
    assert "Keys beyond that are evicted" in page


async def test_what_others_changed_meanwhile_stays(api: Api, member: Browser) -> None:
    """Only what was filled in is changed, not all that the page held."""
    group_id = await made(api)
    page = await member.get(f"parameter-groups/{group_id}/values")
    await values(api, group_id, hz="20")

    fields = {"parameters.timeout": "300", "parameters.hz": "10"}
    review = await _sent(member, page, f"parameter-groups/{group_id}/review", **fields)
    await _sent(member, review, f"parameter-groups/{group_id}/values/apply")

    assert (await value(api, group_id, "hz"), await value(api, group_id, "timeout")) == ("20", "300")


@pytest.mark.parametrize("step", ["change", "reset", "rollback"])
async def test_what_was_not_shown_is_not_applied(api: Api, member: Browser, step: str) -> None:
    """When the group changed after the page before applying was made, that page is shown again."""
    group_id = await made(api)
    await values(api, group_id, timeout="300")
    paths = {"change": "values/apply", "reset": "reset", "rollback": "rollback"}
    if step == "change":
        review = await _reviewed(member, group_id, timeout="600")
    else:
        review = await member.get(f"parameter-groups/{group_id}/{step}")
    await values(api, group_id, timeout="100")

    answer = await _sent(member, review, f"parameter-groups/{group_id}/{paths[step]}")
    again = await _sent(member, answer, f"parameter-groups/{group_id}/{paths[step]}")

    assert answer.status_code == 409
    assert "Somebody changed the group in between." in text_of(answer)
    assert "timeout seconds 100" in text_of(answer)
    assert again.status_code == 303


async def test_a_value_is_judged_as_one_types(api: Api, member: Browser) -> None:
    """A part of the page, for the field that asks; nothing is recorded."""
    group_id = await made(api)
    page = await member.get(f"parameter-groups/{group_id}/values")
    said = []
    for typed in ("5", "300", "0"):
        fields = {**_hidden(page), "parameters.timeout": typed, "parameters.hz": "wrong"}
        path, asks = f"parameter-groups/{group_id}/values/check", {"hx-trigger-name": "parameters.timeout"}
        said.append(text_of(await member.post(path, fields, headers=asks)))

    assert said == [
        "Give a value that timeout can have: 0 (off), or 10 to 2147483647 (seconds).",
        "Was 0",
        "",
    ]
    assert await value(api, group_id, "timeout") == "0"


async def test_no_node_is_asked_as_one_types(api: Api, member: Browser) -> None:
    """What the flavors of the sets take is known; what their data uses is asked for before applying."""
    group_id = await _with_sets(api, "orders", "sessions")
    page = await member.get(f"parameter-groups/{group_id}/values")
    said = []
    for typed in ("10%", "99999999999"):
        fields = {**_hidden(page), "parameters.maxmemory": typed}
        path, asks = f"parameter-groups/{group_id}/values/check", {"hx-trigger-name": "parameters.maxmemory"}
        said.append(text_of(await member.post(path, fields, headers=asks)))

    assert api.control.most_asked == 0
    assert said[0].startswith("Was ")
    assert "The flavor of orders takes a maxmemory of" in said[1]
    assert (await _reviewed(member, group_id, maxmemory="10%")).status_code == 400
    assert api.control.most_asked > 0


async def test_one_can_go_back_to_the_fields(api: Api, member: Browser) -> None:
    """From the page before applying, with what was filled in."""
    group_id = await made(api)

    review = await _reviewed(member, group_id, timeout="300")
    page = await _sent(member, review, f"parameter-groups/{group_id}/values")

    assert re.search(r'name="parameters.timeout" class="mono" value="300"', page.text)
    assert re.search(r'name="was.timeout" value="0"', page.text)


# Taking back


async def test_the_version_before_comes_back(api: Api, member: Browser) -> None:
    """Shown first, as every change is."""
    group_id = await made(api)
    await values(api, group_id, timeout="300")

    review = await member.get(f"parameter-groups/{group_id}/rollback")
    answer = await _sent(member, review, f"parameter-groups/{group_id}/rollback")

    assert "timeout seconds 300 0 the default at once" in text_of(review)
    assert answer.status_code == 303
    assert await value(api, group_id, "timeout") == "0"
    assert (await events(api, group_id))[-1] == "Parameters Rollback"


async def test_without_a_version_before_there_is_none(api: Api, member: Browser) -> None:
    """The group's page says so."""
    answer = await member.get(f"parameter-groups/{await made(api)}/rollback")

    assert answer.status_code == 400
    assert "no version to go back to" in text_of(answer)


@pytest.mark.parametrize(("query", "kept"), [("", "10"), ("?name=timeout", "20")])
async def test_defaults_come_back(api: Api, member: Browser, query: str, kept: str) -> None:
    """Of one parameter, or of all."""
    group_id = await made(api)
    await values(api, group_id, timeout="300", hz="20")

    review = await member.get(f"parameter-groups/{group_id}/reset{query}")
    answer = await _sent(member, review, f"parameter-groups/{group_id}/reset")

    assert answer.status_code == 303
    assert (await value(api, group_id, "timeout"), await value(api, group_id, "hz")) == ("0", kept)


# Its sets


async def test_what_went_wrong_is_told(api: Api, member: Browser) -> None:
    """In the engine's own words, with what one can do; then the values are brought again."""
    group_id = await _with_sets(api, "orders")
    await values(api, group_id, maxclients="9000")
    [it] = (await api.get(f"/v1/parameter-groups/{group_id}/instance-sets")).json()["instanceSets"]
    await _fail(api, it["id"], group_id, ApplyStatus.ERROR_SYNC, f"ERR {SCRIPT}")

    page = await member.get(f"parameter-groups/{group_id}")
    stuck = await member.get(f"parameter-groups/{group_id}/sets/{it['id']}")
    answer = await _sent(member, stuck, f"parameter-groups/{group_id}/sets/{it['id']}")
    again = await _sent(member, stuck, f"parameter-groups/{group_id}/sets/{it['id']}")

    assert "Error-Sync ERR <script>" in text_of(page)
    assert SCRIPT not in page.text + stuck.text
    assert "What Redis said" in text_of(stuck)
    assert answer.headers["location"].endswith("?notice=tried_again")
    assert again.status_code == 400
    assert "Only a set that is Error-Sync or Suspended is tried again" in text_of(again)


async def test_a_set_without_the_group_is_not_there(api: Api, member: Browser) -> None:
    """Of another group, or of nobody."""
    group_id = await made(api)
    set_id = await running(api)

    assert (await member.get(f"parameter-groups/{group_id}/sets/{set_id}")).status_code == 404


async def test_a_set_gets_another_group(api: Api, member: Browser) -> None:
    """From the group's page over what it would do; then one is at the group's page."""
    group_id = await made(api)
    await values(api, group_id, timeout="300")
    set_id = await running(api, instanceSetName="orders")

    led = await member.get(f"parameter-groups/{group_id}/give?set={set_id}")
    look = await member.get(f"sets/{set_id}/parameter-group?to={group_id}")
    answer = await _sent(member, look, f"sets/{set_id}/parameter-group")

    assert led.headers["location"] == f"../../sets/{set_id}/parameter-group?to={group_id}"
    assert "timeout seconds 0 300 at once" in text_of(look)
    assert answer.headers["location"] == f"../../parameter-groups/{group_id}?notice=group_given"
    assert (await stored(api, set_id)).parameter_group_id == group_id


@pytest.mark.parametrize("chosen", ["", "nobody", "a/b", "../../sign-in"])
async def test_a_group_is_given_to_a_set_that_is_there(api: Api, member: Browser, chosen: str) -> None:
    """Whatever an address says, it leads nowhere else."""
    group_id = await made(api)

    assert (await member.get(f"parameter-groups/{group_id}/give?set={chosen}")).status_code == 404


async def test_a_group_that_does_not_fit_is_refused(api: Api, member: Browser) -> None:
    """Said where it is chosen; nothing can be applied."""
    group_id = await made(api, "old", parameterGroupId=(await _default_of(api, "6.2")))
    set_id = await running(api, instanceSetName="orders")

    look = await member.get(f"sets/{set_id}/parameter-group?to={group_id}")

    assert look.status_code == 400
    assert "Take a parameter group for Redis 7.0" in text_of(look)
    assert "Give it this group" not in text_of(look)


async def _default_of(api: Api, family: str) -> str:
    rows = (await api.get(f"/v1/parameter-groups?engineVersion={family}")).json()["parameterGroups"]
    return str(rows[0]["id"])


async def test_a_set_that_does_not_run_keeps_its_group(api: Api, member: Browser) -> None:
    """As the API has it."""
    group_id, set_id = await made(api), await running(api)
    look = await member.get(f"sets/{set_id}/parameter-group?to={group_id}")
    await put_state(api, set_id, SetState.RECOVERING)

    answer = await _sent(member, look, f"sets/{set_id}/parameter-group")

    assert answer.status_code == 400
    assert (await stored(api, set_id)).parameter_group_id != group_id


async def test_another_project_s_set_gets_no_group(api: Api) -> None:
    """It is not there, for reading or for writing."""
    set_id, browser = await running(api), signed_in(api.http, api.tokens["other_project"])
    token = token_in(await browser.get("parameter-groups"))

    assert (await browser.get(f"sets/{set_id}/parameter-group")).status_code == 404
    assert (await browser.post(f"sets/{set_id}/parameter-group", {FIELD: token})).status_code == 404


# Description and end


async def test_a_description_is_changed(api: Api, member: Browser) -> None:
    """And cleared."""
    group_id = await made(api)
    page = await member.get(f"parameter-groups/{group_id}")
    path = f"parameter-groups/{group_id}/description"

    await _sent(member, page, path, description="of the shop")
    told = (await shown(api, group_id))["description"]
    await _sent(member, page, path, description="")

    assert told == "of the shop"
    assert (await shown(api, group_id))["description"] == ""


async def test_an_unused_group_is_deleted(api: Api, member: Browser) -> None:
    """After a question; then one is at the list."""
    group_id = await made(api)
    page = await member.get(f"parameter-groups/{group_id}")

    answer = await _sent(member, page, f"parameter-groups/{group_id}/delete")

    assert "This can not be undone." in text_of(page)
    assert answer.headers["location"] == "../../parameter-groups?notice=group_deleted"
    assert await api.groups.of_project(api.project) == []


async def test_a_group_in_use_is_not_deleted(api: Api, member: Browser) -> None:
    """The page does not offer it, and who sends it all the same is told why not."""
    group_id = await _with_sets(api, "orders")
    page = await member.get(f"parameter-groups/{group_id}")

    answer = await _sent(member, page, f"parameter-groups/{group_id}/delete")

    assert "Delete the group" not in text_of(page)
    assert answer.status_code == 400
    assert "Instance sets have this group (1)" in text_of(answer)


# Forms of others


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({"origin": "https://evil.example"}, None),
        ({"sec-fetch-site": "cross-site"}, None),
        ({}, ""),
        ({}, form_token("another session")),
    ],
)
@pytest.mark.parametrize("path", ["values/apply", "values/check", "rollback", "reset", "delete"])
async def test_forms_of_others_do_nothing(
    api: Api, member: Browser, path: str, headers: Mapping[str, str], token: str | None
) -> None:
    """Another site's form, and one with another token."""
    group_id = await made(api)
    await values(api, group_id, timeout="300")
    own = token_in(await member.get(f"parameter-groups/{group_id}"))
    fields = {FIELD: own if token is None else token, "version": "2", "parameters.timeout": "600"}

    answer = await member.post(f"parameter-groups/{group_id}/{path}", fields, headers=headers)

    assert answer.status_code == 403
    assert await value(api, group_id, "timeout") == "300"


async def test_who_only_reads_changes_nothing(api: Api, reader: Browser) -> None:
    """The role is asked for before the form is looked at."""
    group_id = await made(api)
    token = token_in(await reader.get(f"parameter-groups/{group_id}"))

    answer = await reader.post(f"parameter-groups/{group_id}/delete", {FIELD: token})

    assert answer.status_code == 403
    assert (await change(api, group_id, {"description": "still there"})).status_code == 200
