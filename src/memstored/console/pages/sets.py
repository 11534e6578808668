"""The sets of a project."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass

from starlette.responses import RedirectResponse, Response

from memstored.api.caller import project_of
from memstored.api.schemas.sets import SetQuery
from memstored.console.feed import Parts, Table, Topic
from memstored.console.group import PageGroup
from memstored.console.languages import english
from memstored.console.visit import Fragments, Visit
from memstored.domain.model import InstanceSet
from memstored.domain.words import SetId, SetState
from memstored.identity.protocol import Caller
from memstored.service.history import HistoryService
from memstored.service.services import Services
from memstored.service.sets import SetFilter

__all__ = ["group"]

group = PageGroup(title=english("Sets"), home="sets")

ROWS = 50
"""Sets on a page."""


class Rows:
    """Sets as rows of the list, in HTML: one that is as it was, and its last hour too, is not drawn again."""

    def __init__(self, history: HistoryService, part: Fragments) -> None:
        self._history = history
        self._part = part
        self._drawn: dict[SetId, tuple[Hashable, str]] = {}

    def of(self, sets: Iterable[InstanceSet]) -> Mapping[str, str]:
        """The rows of these sets, by the names of their parts; those of others are forgotten."""
        self._drawn = {it.id: self._row(it) for it in sets}
        return {f"row-{set_id}": row for set_id, (_, row) in self._drawn.items()}

    def _row(self, it: InstanceSet) -> tuple[Hashable, str]:
        shown = (it.revision, self._history.seen(it))
        known = self._drawn.get(it.id)
        if known is not None and known[0] == shown:
            return known
        return shown, self._part("sets/row.html", it=it, glance=self._history.glance(it))


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of the list, its rows in HTML by their names; `next` is the marker of the one after it."""

    rows: Mapping[str, str]
    next: str | None


@group.get("/", name="home")
async def home(visit: Visit) -> Response:
    """The list is where one begins."""
    return RedirectResponse(visit.url("sets"), 303)


@group.get("/sets", name="sets")
async def list_sets(visit: Visit) -> Response:
    """The project's sets, oldest first, by name or state if that is asked for."""
    query = visit.query(SetQuery)
    listing = await _listing(visit.services, visit.caller, query, Rows(visit.services.history, visit.part))
    return visit.page("sets/list.html", listing=listing, query=query, states=tuple(SetState))


@group.live("/sets-live", name="sets_live")
async def follow_sets(visit: Visit) -> Response:
    """The rows of the list, whenever they change."""
    query, services, caller, part = visit.query(SetQuery), visit.services, visit.caller, visit.part
    rows = Rows(services.history, part)

    async def look() -> Parts:
        listing = await _listing(services, caller, query, rows)
        whole = part("sets/rows.html", listing=listing, query=query)
        return {"rows": Table(whole=whole, rows=listing.rows, beside=listing.next)}

    project_id = project_of(caller)
    key = ("sets", project_id, query, visit.language)
    return visit.live(Topic(key=key, project_id=project_id, look=look))


async def _listing(services: Services, caller: Caller, query: SetQuery, rows: Rows) -> Listing:
    status = SetState(query.status) if query.status else None
    wanted = SetFilter(limit=min(ROWS, query.limit), marker=query.marker, name=query.name, status=status)
    page = await services.sets.page(caller, wanted)
    return Listing(rows.of(view.set for view in page.rows), page.next)
