"""The live parts of pages, over HTTP: what is sent to whom, and when it ends."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import httpx
import pytest
from backup_calls import post_backup, saved, stored_backup
from group_calls import made
from harness import Api
from set_calls import running
from starlette.responses import Response

from memstored.console import feed
from memstored.console.cookies import SESSION
from memstored.console.feed import MOST_OF_ONE, Topic
from memstored.console.house import Console
from memstored.console.visit import Visit
from memstored.domain.model import EventDraft
from memstored.domain.words import BackupState, EventName

PATIENCE = 20.0
"""Seconds in which what is awaited comes, also on a busy machine."""


@pytest.fixture
async def console(api: Api) -> AsyncIterator[Console]:
    """The console of the house, told of what is written as in a service; in the end nothing is open."""
    found = next(route.app for route in api.app.routes if isinstance(getattr(route, "app", None), Console))
    found.told_by(api.sets, api.database)
    return found


class Stream:
    """What a browser is sent, event by event."""

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self._lines = answer.aiter_lines()

    async def event(self) -> tuple[str, str]:
        """The name and the content of the next event."""
        async with asyncio.timeout(PATIENCE):
            name, content = "", []
            async for line in self._lines:
                if not line:
                    return name, "\n".join(content)
                kind, _, rest = line.partition(": ")
                name = rest if kind == "event" else name
                content += [rest] if kind == "data" else []
        raise EOFError

    async def shows(self, what: str) -> str:
        """The next event with that in its content."""
        async with asyncio.timeout(PATIENCE):
            while what not in (found := await self.event())[1]:
                pass
        return found[1]


@asynccontextmanager
async def stream(port: int, token: str, path: str = "sets-live") -> AsyncIterator[Stream]:
    """A browser that is signed in, and left open at a stream."""
    place = f"http://127.0.0.1:{port}/console/{path}"
    async with (
        httpx.AsyncClient(cookies={SESSION: token}, timeout=PATIENCE) as http,
        http.stream("GET", place) as answer,
    ):
        yield Stream(answer)


@pytest.mark.usefixtures("console")
async def test_what_is_ordered_is_on_the_list(api: Api, port: int) -> None:
    """First all of it, then what changed; as a stream that nobody may keep or collect."""
    async with stream(port, api.tokens["reader"]) as live:
        first = await live.event()
        await api.create_set(instanceSetName="orders")
        await live.shows("orders")

    headers = live.answer.headers
    assert first[0] == "rows"
    assert "There is no set yet" in first[1]
    assert headers["content-type"] == "text/event-stream"
    assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-store", "no")


@pytest.mark.usefixtures("console")
async def test_a_row_is_drawn_again_when_its_set_changes(api: Api, port: int) -> None:
    """And nothing else is sent."""
    await api.create_set(instanceSetName="orders")
    changed = await api.create_set(instanceSetName="sessions")
    async with stream(port, api.tokens["reader"]) as live:
        first = await live.event()
        await api.request("PATCH", f"/v1/instance-sets/{changed}", json={"description": "of the shop"})
        name, row = await live.event()

    assert "orders" in first[1]
    assert (name, "of the shop" in row, "orders" in row) == (f"row-{changed}", True, False)
    assert f'sse-swap="{name}"' in first[1]


@pytest.mark.usefixtures("console")
async def test_what_is_written_without_its_set_is_seen_at_once(
    api: Api, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup that is ordered or deleted is on the list without waiting for the next look."""
    monkeypatch.setattr(feed, "CALM", 3600.0)
    ready = await running(api)
    async with stream(port, api.tokens["reader"], "backups-live") as live:
        await live.shows("There is no backup yet")
        failed = EventDraft(name=EventName.BACKUP_CREATE_FAILED, message="The replica is gone.")
        made = await post_backup(api, {"clusterId": ready, "name": "nightly"})
        await live.shows("Pending")
        backup = await stored_backup(api, made.json()["objectId"])
        await api.backups.update(backup, replace(backup, status=BackupState.ERROR), [failed])
        await live.shows("Error")


@pytest.mark.usefixtures("console")
async def test_another_project_is_not_told(api: Api, port: int) -> None:
    """Neither its list nor a set of others, which is not there for it."""
    mine = await api.create_set(instanceSetName="orders")
    async with stream(port, api.tokens["other_project"]) as live:
        name, content = await live.event()
    async with (
        stream(port, api.tokens["other_project"], f"sets/{mine}/live") as foreign,
        stream(port, api.tokens["other_project"], "sets/unknown/live") as unknown,
    ):
        # Not 404: the browser would ask again and again.
        told = [await live.event() for live in (foreign, foreign, unknown, unknown)]

    assert (name, "orders" in content) == ("rows", False)
    assert told[:2] == told[2:]
    assert "orders" not in str(told)


@pytest.mark.usefixtures("console")
async def test_a_backup_that_is_gone_ends_its_stream(api: Api, port: int) -> None:
    """The page says so, and is not looked for any more; one that was never there is not told apart."""
    backup = await saved(api)
    async with stream(port, api.tokens["reader"], f"backup-live/{backup.id}") as live:
        first = await live.event()
        await api.backups.remove(backup)
        told = [await live.event(), await live.event()]
    async with stream(port, api.tokens["other_project"], "backup-live/unknown") as unknown:
        assert [await unknown.event(), await unknown.event()] == told

    assert "orders" in first[1]
    assert told == [("backup", '<p class="notice">This backup is deleted.</p>'), ("end", "gone")]


@pytest.mark.usefixtures("console")
async def test_a_group_that_is_gone_ends_its_stream(api: Api, port: int) -> None:
    """In the place of its sets the page says so."""
    async with stream(port, api.tokens["reader"], "parameter-groups-live/unknown") as live:
        told = [await live.event(), await live.event()]

    assert told == [("sets", '<p class="notice">This parameter group is deleted.</p>'), ("end", "gone")]


@pytest.mark.parametrize("kind", ["sets", "set", "backups", "backup", "group"])
@pytest.mark.usefixtures("console")
async def test_what_is_shared_keeps_nobody(
    api: Api, port: int, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first reader's request, with its token, is not kept for those who read on."""
    places = {
        "sets": "sets-live",
        "set": f"sets/{await api.create_set()}/live",
        "backups": "backups-live",
        "backup": f"backup-live/{(await saved(api)).id}",
        "group": f"parameter-groups-live/{await made(api)}",
    }
    visits: list[weakref.ref[Visit]] = []
    answer = Visit.live

    def live(visit: Visit, topic: Topic) -> Response:
        visits.append(weakref.ref(visit))
        return answer(visit, topic)

    monkeypatch.setattr(Visit, "live", live)
    async with AsyncExitStack() as stack:
        first = stream(port, api.tokens["member"], places[kind])
        await (await first.__aenter__()).event()
        second = await stack.enter_async_context(stream(port, api.tokens["member"], places[kind]))
        await second.event()
        await first.__aexit__(None, None, None)

        async with asyncio.timeout(PATIENCE):
            while visits[0]() is not None:
                gc.collect()
                await asyncio.sleep(0.01)
        assert visits[1]() is not None


async def test_who_is_not_signed_in_is_told_that_it_is_over(port: int) -> None:
    """A page that is left open does not come back again and again, but says why it stands still."""
    async with stream(port, "expired") as live:
        told = await live.event()

    assert live.answer.status_code == 200
    assert told == ("end", "signed-out")


@pytest.mark.usefixtures("console")
async def test_signing_out_ends_what_is_open(api: Api, port: int) -> None:
    """Instead of the next news the browser is told not to come back."""
    made = await api.app.state.services.issuer.create_credential("new", api.project, ["reader"])
    claim = {"id": made.credential.id, "secret": made.secret}
    identity = {"methods": ["application_credential"], "application_credential": claim}
    token = (await api.app.state.services.issuer.issue({"auth": {"identity": identity}})).token
    async with stream(port, token) as live:
        await live.event()
        await api.app.state.services.issuer.revoke(token, asked_by=token)
        await api.create_set(instanceSetName="orders")
        last = await live.event()

    assert last == ("end", "signed-out")


@pytest.mark.usefixtures("console")
async def test_a_session_has_a_few_streams(api: Api, port: int) -> None:
    """One more is refused; when one ends there is room."""
    opened = [stream(port, api.tokens["reader"]) for _ in range(MOST_OF_ONE)]
    for one in opened:
        await one.__aenter__()
    async with stream(port, api.tokens["reader"]) as refused:
        pass
    for one in opened:
        await one.__aexit__(None, None, None)

    assert refused.answer.status_code == 503
