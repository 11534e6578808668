"""API.md 2.10 (ours): events as JSON lines."""

import json

import pytest
from harness import OTHER_PROJECT, PROJECT, Api

from memstored.api.sets import EXPORT_PAGE
from memstored.domain.model import EventDraft
from memstored.domain.words import EventName
from memstored.store.events import EventRepository, Resource

LINES = {"accept": "application/x-ndjson"}


async def _told(api: Api, count: int, project: str = PROJECT) -> None:
    resource = Resource(project_id=project, type="instance-set", id="a set", name="cache")
    drafts = [EventDraft(name=EventName.UPDATE, message=f'number {i}, "quoted"\n') for i in range(count)]
    await EventRepository(api.database, api.clock).record(resource, drafts)


async def test_all_events_come_one_a_line(api: Api) -> None:
    """More than a page of them, newest first, each as in the pages; nobody else's."""
    await _told(api, EXPORT_PAGE + 2)
    await _told(api, 1, OTHER_PROJECT)
    first_page = (await api.get("/v1/events")).json()["data"]

    answer = await api.get("/v1/events", headers=LINES)

    rows = [json.loads(line) for line in answer.text.splitlines()]
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
    assert len(rows) == len({row["id"] for row in rows}) == EXPORT_PAGE + 2
    assert rows[: len(first_page)] == first_page
    assert answer.text.endswith("\n")


async def test_what_is_left_out_of_pages_is_left_out(api: Api) -> None:
    """By name, time and place; a marker is where it goes on."""
    await _told(api, 3)
    page = (await api.get("/v1/events", params={"limit": "1"})).json()

    by_name = await api.get("/v1/events", headers=LINES, params={"name": "Cluster Delete"})
    goes_on = await api.get("/v1/events", headers=LINES, params={"marker": page["next"]})

    assert by_name.text == ""
    assert [json.loads(line)["message"][:8] for line in goes_on.text.splitlines()] == ["number 1", "number 0"]


@pytest.mark.parametrize(
    ("query", "field"),
    [({"limit": "5"}, "limit"), ({"marker": "nonsense"}, "marker"), ({"until": "x"}, "until")],
)
async def test_what_is_wrong_is_refused_as_ever(api: Api, query: dict[str, str], field: str) -> None:
    """With an error body, before anything is sent."""
    answer = await api.get("/v1/events", headers=LINES, params=query)

    assert answer.status_code == 400
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == [field]


@pytest.mark.parametrize("accept", ["*/*", "application/json", "application/x-ndjson-seq", ""])
async def test_without_the_word_it_is_a_page(api: Api, accept: str) -> None:
    """As MemStore's clients expect."""
    await _told(api, 1)

    answer = await api.get("/v1/events", headers={"accept": accept})

    assert answer.json()["size"] == 1


async def test_the_word_may_stand_among_others(api: Api) -> None:
    """As HTTP has it."""
    answer = await api.get("/v1/events", headers={"accept": "text/plain, Application/X-NDJSON;q=0.9"})

    assert answer.headers["content-type"] == "application/x-ndjson"
