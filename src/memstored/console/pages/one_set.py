"""The pages of one set: what it is and does, its last hours, how to connect, what was done and happened.

They lie in a folder of their own, `sets/{id}/`, together with the stream of what is live on all of them.
What changes a set is in `set_changes`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.responses import Response

from memstored.api.caller import project_of
from memstored.api.schemas.set_views import SetDocument
from memstored.api.schemas.sets import PageQuery
from memstored.console.feed import Parts, Topic
from memstored.console.group import PageGroup
from memstored.console.pages import sets
from memstored.console.snippets import PASSWORD, TRUSTED, place_of, snippets
from memstored.console.topology import Picture, picture
from memstored.console.visit import Visit
from memstored.domain.model import InstanceSet
from memstored.domain.requests.readiness import Readiness
from memstored.domain.words import NodeId
from memstored.identity.protocol import Caller
from memstored.service.services import Services
from memstored.service.sets import EventFilter
from memstored.store.events import Event

__all__ = ["Sight", "group", "sight_of"]

group = PageGroup(within=sets.group)

LIVE = ("standing", "picture", "nodes", "readiness", "lately")
"""The parts that change while one looks."""
LATELY = 6
"""Events on the first page of a set."""
ROWS = 50
"""Operations or events on a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """A set as its pages show it. `names` are those of its nodes, by id."""

    it: InstanceSet
    document: SetDocument
    check: Readiness
    picture: Picture
    names: Mapping[NodeId, str]


async def sight_of(services: Services, caller: Caller, set_id: str) -> Sight:
    """What is to be seen of a set now; raises `NotFound`."""
    it = await services.sets.get(caller, set_id)
    document = SetDocument.of(await services.sets.view(it))
    check = services.sets.failover_check(it)
    shown = picture(
        it,
        services.sets.seen(it),
        check,
        services.catalogue.catalogue,
        services.history.lags(it),
        addresses=document.endpoints is not None,
    )
    names = {node.id: node.name for node in it.nodes}
    return Sight(it=it, document=document, check=check, picture=shown, names=names)


async def _lately(services: Services, caller: Caller, set_id: str) -> Sequence[Event]:
    return (await services.sets.events(caller, EventFilter(limit=LATELY, resource_id=set_id))).rows


@group.get("/sets/{set_id}/", name="set")
async def show_set(visit: Visit, set_id: str) -> Response:
    """How the set stands: its picture, whether it could fail over, and what happened last."""
    sight = await sight_of(visit.services, visit.caller, set_id)
    catalogue = visit.services.catalogue.catalogue
    return visit.page(
        "set/overview.html",
        sight=sight,
        events=await _lately(visit.services, visit.caller, sight.it.id),
        flavor=catalogue.flavor(sight.it.flavor_id),
        security_groups=[
            found.name if (found := catalogue.security_group(one)) else one
            for one in sight.it.security_groups
        ],
    )


@group.live("/sets/{set_id}/live", name="set_live")
async def follow_set(visit: Visit, set_id: str) -> Response:
    """What changes on the pages of a set, whenever it does; in the end, that the set is gone.

    That is also the answer for a set that is none of the project's: a browser that was too late for the end
    would else ask again for ever.
    """
    services, caller, part = visit.services, visit.caller, visit.part

    async def look() -> Parts:
        sight = await sight_of(services, caller, set_id)
        events = await _lately(services, caller, set_id)
        return {name: part(f"set/{name}.html", sight=sight, events=events) for name in LIVE}

    project_id = project_of(caller)
    key = ("set", project_id, set_id, visit.language)
    last = {name: part("set/gone.html", name=name) for name in LIVE}
    return visit.live(Topic(key=key, project_id=project_id, look=look, last=last))


@group.get("/sets/{set_id}/connect", name="set_connect")
async def show_connect(visit: Visit, set_id: str) -> Response:
    """What programs are told to connect to the set, at either of its addresses."""
    sight = await sight_of(visit.services, visit.caller, set_id)
    ends = sight.document.endpoints
    end = None
    if ends is not None:
        end = (
            ends.reader if visit.request.query_params.get("to") == "reader" and ends.reader else ends.primary
        )
    place = place_of(sight.it, end.host) if end else None
    return visit.page(
        "set/connect.html",
        sight=sight,
        end=end,
        place=place,
        snippets=snippets(place) if place else (),
        trusted=TRUSTED,
        password=PASSWORD,
    )


@group.get("/sets/{set_id}/ca.pem", name="set_authorities")
async def download_authorities(visit: Visit, set_id: str) -> Response:
    """The certificates to trust, as a file."""
    await visit.services.sets.get(visit.caller, set_id)
    headers = {"content-disposition": f'attachment; filename="{TRUSTED}"'}
    bundle = await visit.services.authorities.bundle()
    return Response(bundle, media_type="application/x-pem-file", headers=headers)


@group.get("/sets/{set_id}/operations", name="set_operations")
async def list_operations(visit: Visit, set_id: str) -> Response:
    """What was done to the set, newest first."""
    query = visit.query(PageQuery)
    sight = await sight_of(visit.services, visit.caller, set_id)
    limit = min(ROWS, query.limit)
    page = await visit.services.sets.operations(sight.it.id, limit=limit, marker=query.marker)
    return visit.page("set/operations.html", sight=sight, page=page, query=query)


@group.get("/sets/{set_id}/events", name="set_events")
async def list_events(visit: Visit, set_id: str) -> Response:
    """What happened to the set, newest first, each with what it led to."""
    query = visit.query(PageQuery)
    sight = await sight_of(visit.services, visit.caller, set_id)
    wanted = EventFilter(limit=min(ROWS, query.limit), marker=query.marker, resource_id=sight.it.id)
    page = await visit.services.sets.events(visit.caller, wanted)
    return visit.page(
        "set/events.html", sight=sight, page=page, query=query, shown={event.id: event for event in page.rows}
    )
