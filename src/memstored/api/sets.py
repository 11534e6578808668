"""Routes of instance sets, in the order of API.md section 2.

A path that names nothing of the caller's is answered before the body is looked at (API.md 1).
"""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response, StreamingResponse

from memstored.api.answers import Answer, answer, created, written
from memstored.api.body import json_body
from memstored.api.caller import ReadingCaller, WritingCaller
from memstored.api.export import json_lines, wants_json_lines
from memstored.api.openapi import answers, refusals, request_body, writes
from memstored.api.reading import read_change, read_creation, read_whole, refuse_fields
from memstored.api.schemas.forms import NoQuery
from memstored.api.schemas.set_views import (
    EventPage,
    EventRow,
    FailoverCheck,
    InstanceList,
    OperationPage,
    SetDocument,
    SetPage,
)
from memstored.api.schemas.sets import (
    CREATION_STAND_IN,
    FIXED,
    UPDATE_STAND_IN,
    AddReplica,
    CreateSet,
    DeleteSetQuery,
    EventQuery,
    PageQuery,
    PromoteReplica,
    SetQuery,
    SwitchRecovery,
    UpdateSet,
)
from memstored.api.schemas.times import seconds_of
from memstored.domain.errors import Detail, InvalidRequest
from memstored.domain.words import SetState
from memstored.identity.protocol import Caller
from memstored.service.sets import EventFilter, SetFilter, SetService
from memstored.store.events import Event
from memstored.store.paging import Page

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["instance sets"])

EXPORT_PAGE = 500
"""Events that an export reads and holds at a time."""

_CHANGED = writes("The id of the set; the work goes on.")


async def _service(request: Request) -> SetService:
    service: SetService = request.app.state.services.sets
    return service


Sets = Annotated[SetService, Depends(_service)]

NoQueries = Annotated[NoQuery, Query()]


@router.post(
    "/instance-sets",
    status_code=201,
    summary="Create an instance set",
    responses=writes("The id of the new set; the work goes on.", 201) | refusals(409, 422),
    openapi_extra=request_body(CreateSet),
)
async def create_set(request: Request, caller: WritingCaller, sets: Sets, _query: NoQueries) -> Answer:
    """Order a set; it walks from `Init` over `Provisioning` and `Replicating` to `Running`."""
    reading = read_creation(CreateSet, await json_body(request), CREATION_STAND_IN)
    return created(await sets.create(caller, reading.form.order(), reading.misread))


@router.delete(
    "/instance-sets/{set_id}", summary="Delete an instance set", responses=_CHANGED | refusals(404)
)
async def delete_set(
    set_id: str,
    caller: WritingCaller,
    sets: Sets,
    query: Annotated[DeleteSetQuery, Query()],
) -> Answer:
    """Possible in every state; asked again while it goes, nothing more happens."""
    return written(await sets.delete(caller, set_id, keep_automatic_backups=query.keep()))


@router.patch(
    "/instance-sets/{set_id}",
    summary="Change an instance set",
    responses=_CHANGED | refusals(404),
    openapi_extra=request_body(UpdateSet),
)
async def update_set(
    request: Request,
    set_id: str,
    caller: WritingCaller,
    sets: Sets,
    _query: NoQueries,
) -> Answer:
    """Change description, backup schedule, parameter group or security groups: all of it, or nothing."""
    found = await sets.get(caller, set_id)
    reading = read_change(UpdateSet, await json_body(request), UPDATE_STAND_IN, fixed=FIXED)
    return written(await sets.update(caller, found.id, reading.form.wishes(), reading.misread))


@router.get(
    "/instance-sets/{set_id}/instances",
    summary="List the nodes of a set",
    responses=answers(InstanceList, "The nodes, the primary first.") | refusals(404),
)
async def list_instances(set_id: str, caller: ReadingCaller, sets: Sets, _query: NoQueries) -> Answer:
    """One row per node that is not `Terminated`; while healing they may differ from `replicas` in number."""
    return answer(InstanceList.of(await sets.view(await sets.get(caller, set_id))))


@router.delete(
    "/instance-sets/{set_id}/instances/{instance_id}",
    summary="Delete a node",
    responses=_CHANGED | refusals(404),
)
async def delete_instance(
    set_id: str,
    instance_id: str,
    caller: WritingCaller,
    sets: Sets,
    _query: NoQueries,
) -> Answer:
    """Take one node out of its set, but never the last copy of the data."""
    return written(await sets.delete_node(caller, set_id, instance_id))


@router.patch(
    "/instance-sets/{set_id}/primary",
    summary="Promote a replica",
    responses=_CHANGED | refusals(404),
    openapi_extra=request_body(PromoteReplica),
)
async def promote_replica(
    request: Request,
    set_id: str,
    caller: WritingCaller,
    sets: Sets,
    _query: NoQueries,
) -> Answer:
    """Make a replica the primary, with high availability off; no acknowledged write is lost."""
    found = await sets.get(caller, set_id)
    wanted = read_whole(PromoteReplica, await json_body(request))
    return written(await sets.promote(caller, found.id, wanted.primary_id))


@router.patch(
    "/instance-sets/{set_id}/replicas",
    summary="Add a replica",
    responses=_CHANGED | refusals(404),
    openapi_extra=request_body(AddReplica),
)
async def add_replica(
    request: Request,
    set_id: str,
    caller: WritingCaller,
    sets: Sets,
    _query: NoQueries,
) -> Answer:
    """Add one replica, in any subnet."""
    found = await sets.get(caller, set_id)
    wanted = read_whole(AddReplica, await json_body(request))
    return written(await sets.add_replica(caller, found.id, wanted.subnet.id))


@router.patch(
    "/instance-sets/{set_id}/recovery",
    summary="Switch high availability",
    responses=_CHANGED | refusals(404),
    openapi_extra=request_body(SwitchRecovery),
)
async def switch_recovery(
    request: Request,
    set_id: str,
    caller: WritingCaller,
    sets: Sets,
    _query: NoQueries,
) -> Answer:
    """Switch high availability on or off, while the set is `Running`."""
    found = await sets.get(caller, set_id)
    wanted = read_whole(SwitchRecovery, await json_body(request))
    return written(await sets.set_recovery(caller, found.id, enabled=wanted.enabled))


@router.get(
    "/instance-sets",
    summary="List the instance sets",
    responses=answers(SetPage, "A page of the project's sets, oldest first."),
)
async def list_sets(
    request: Request, caller: ReadingCaller, sets: Sets, query: Annotated[SetQuery, Query()]
) -> Answer:
    """The sets of the caller's project."""
    status = SetState(query.status) if query.status is not None else None
    wanted = SetFilter(limit=query.limit, marker=query.marker, name=query.name, status=status)
    return answer(request.app.state.set_pages.write(await sets.page(caller, wanted)))


@router.post(
    "/instance-sets/{set_id}/certificates/renew",
    summary="Renew the certificates of a set",
    responses=writes("The id of the set.") | refusals(404),
)
async def renew_certificates(
    request: Request, set_id: str, caller: WritingCaller, sets: Sets, _query: NoQueries
) -> Answer:
    """Every node gets another certificate, replicas first; clients stay connected."""
    found = await sets.get(caller, set_id)
    await refuse_fields(request)
    return written(await sets.renew_certificates(caller, found.id))


@router.get(
    "/instance-sets/{set_id}",
    summary="Show an instance set",
    responses=answers(SetDocument, "The set.") | refusals(404),
)
async def show_set(set_id: str, caller: ReadingCaller, sets: Sets, _query: NoQueries) -> Answer:
    """Everything about a set: why it is not `Running`, where to connect, what is under way."""
    return answer(SetDocument.of(await sets.view(await sets.get(caller, set_id))))


@router.get(
    "/instance-sets/{set_id}/operations",
    summary="List the operations of a set",
    responses=answers(OperationPage, "A page of operations, newest first.") | refusals(404),
)
async def list_operations(
    set_id: str, caller: ReadingCaller, sets: Sets, query: Annotated[PageQuery, Query()]
) -> Answer:
    """What was done to the set, step by step, and what is under way."""
    found = await sets.get(caller, set_id)
    return answer(OperationPage.of(await sets.operations(found.id, limit=query.limit, marker=query.marker)))


@router.get(
    "/instance-sets/{set_id}/events",
    summary="List the events of a set",
    responses=answers(EventPage, "A page of events, newest first.") | refusals(404),
)
async def list_set_events(
    set_id: str,
    caller: ReadingCaller,
    sets: Sets,
    query: Annotated[PageQuery, Query()],
) -> Answer:
    """What happened to the set."""
    found = await sets.get(caller, set_id)
    wanted = EventFilter(limit=query.limit, marker=query.marker, resource_id=found.id)
    return answer(EventPage.of(await sets.events(caller, wanted)))


@router.get(
    "/instance-sets/{set_id}/failover-check",
    summary="Ask whether a set could fail over now",
    responses=answers(FailoverCheck, "Whether it could, and what each replica lacks.") | refusals(404),
)
async def check_failover(set_id: str, caller: ReadingCaller, sets: Sets, _query: NoQueries) -> Answer:
    """Answered from what was last seen of the nodes."""
    return answer(FailoverCheck.of(sets.failover_check(await sets.get(caller, set_id))))


@router.get(
    "/events",
    summary="List the events of the project",
    tags=["events"],
    responses=answers(EventPage, "A page of events, newest first; as JSON lines all of them."),
)
async def list_events(
    request: Request, caller: ReadingCaller, sets: Sets, query: Annotated[EventQuery, Query()]
) -> Response:
    """What happened in the project, to sets that are gone too.

    With `Accept: application/x-ndjson` all that match from `marker` on, one a line and without `limit`.
    """
    wanted = EventFilter(
        limit=query.limit,
        marker=query.marker,
        resource_id=query.resource_id,
        name=query.name,
        since=None if query.since is None else seconds_of(query.since),
        until=None if query.until is None else seconds_of(query.until),
    )
    if wants_json_lines(request):
        return await _all_events(request, caller, sets, wanted)
    return answer(EventPage.of(await sets.events(caller, wanted)))


async def _all_events(
    request: Request, caller: Caller, sets: SetService, wanted: EventFilter
) -> StreamingResponse:
    if "limit" in request.query_params:
        words = "Leave this out: as JSON lines all events are sent."
        raise InvalidRequest(words, details=[Detail("limit", "not_with_json_lines", words)])

    async def page(marker: str | None) -> Page[Event]:
        return await sets.events(caller, replace(wanted, limit=EXPORT_PAGE, marker=marker or wanted.marker))

    return await json_lines(page, EventRow.of)
