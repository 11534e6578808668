"""The sets of a project."""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import RedirectResponse, Response

from memstored.api.caller import project_of
from memstored.api.schemas.sets import SetQuery
from memstored.console.feed import Parts, Topic
from memstored.console.group import PageGroup
from memstored.console.languages import english
from memstored.console.visit import Visit
from memstored.domain.words import SetState
from memstored.identity.protocol import Caller
from memstored.service.history import Glance
from memstored.service.services import Services
from memstored.service.sets import SetFilter, SetView

__all__ = ["group"]

group = PageGroup(title=english("Sets"), home="sets")

ROWS = 50
"""Sets on a page."""


@dataclass(frozen=True, slots=True)
class Row:
    """A set, and how its last hour was."""

    view: SetView
    glance: Glance


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of the list; `next` is the marker of the one after it."""

    rows: Sequence[Row]
    next: str | None


@group.get("/", name="home")
async def home(visit: Visit) -> Response:
    """The list is where one begins."""
    return RedirectResponse(visit.url("sets"), 303)


@group.get("/sets", name="sets")
async def list_sets(visit: Visit) -> Response:
    """The project's sets, oldest first, by name or state if that is asked for."""
    query = visit.query(SetQuery)
    listing = await _listing(visit.services, visit.caller, query)
    return visit.page("sets/list.html", listing=listing, query=query, states=tuple(SetState))


@group.get("/sets-live", name="sets_live")
async def follow_sets(visit: Visit) -> Response:
    """The rows of the list, whenever they change."""
    query, services, caller = visit.query(SetQuery), visit.services, visit.caller

    async def look() -> Parts:
        listing = await _listing(services, caller, query)
        return {"rows": visit.part("sets/rows.html", listing=listing, query=query)}

    project_id = project_of(caller)
    key = ("sets", project_id, query, visit.language)
    return visit.live(Topic(key=key, project_id=project_id, look=look))


async def _listing(services: Services, caller: Caller, query: SetQuery) -> Listing:
    status = SetState(query.status) if query.status else None
    wanted = SetFilter(limit=min(ROWS, query.limit), marker=query.marker, name=query.name, status=status)
    page = await services.sets.page(caller, wanted)
    rows = [Row(view, services.history.glance(view.set)) for view in page.rows]
    return Listing(rows, page.next)
