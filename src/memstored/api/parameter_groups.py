"""Routes of parameter groups, in the order of API.md section 7.

A path that names nothing of the caller's is answered before the body is looked at (API.md 1).
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from memstored.api.answers import Answer, answer, created, written
from memstored.api.body import json_body, optional_body, without_nulls
from memstored.api.caller import ReadingCaller, WritingCaller
from memstored.api.openapi import answers, refusals, request_body, writes
from memstored.api.reading import read_change, read_whole, refuse_fields
from memstored.api.schemas.forms import NoQuery
from memstored.api.schemas.parameter_groups import (
    GROUP_FIXED,
    RESET_STAND_IN,
    ChangeGroup,
    CreateGroup,
    GroupDocument,
    GroupList,
    GroupQuery,
    GroupRow,
    LinkedSetList,
    LinkedSetRow,
    ResetGroup,
)
from memstored.api.schemas.set_views import EventPage
from memstored.api.schemas.sets import PageQuery
from memstored.service.parameter_groups import GroupFilter, ParameterGroupService
from memstored.service.sets import EventFilter

__all__ = ["router"]

router = APIRouter(prefix="/v1/parameter-groups", tags=["parameter groups"])

_CHANGED = writes("The id of the group; its values are brought to its sets.") | refusals(404)


async def _service(request: Request) -> ParameterGroupService:
    service: ParameterGroupService = request.app.state.services.parameter_groups
    return service


Groups = Annotated[ParameterGroupService, Depends(_service)]

NoQueries = Annotated[NoQuery, Query()]


@router.post(
    "",
    status_code=201,
    summary="Create a parameter group",
    responses=writes("The id of the new group.", 201) | refusals(404, 409),
    openapi_extra=request_body(CreateGroup),
)
async def create_group(request: Request, caller: WritingCaller, groups: Groups, _query: NoQueries) -> Answer:
    """Make a group of the project's own, with the values of a default or custom one."""
    wanted = read_whole(CreateGroup, without_nulls(await json_body(request)))
    return created(await groups.create(caller, wanted.terms()))


@router.get("", summary="List the parameter groups", responses=answers(GroupList, "The groups that fit."))
async def list_groups(caller: ReadingCaller, groups: Groups, query: Annotated[GroupQuery, Query()]) -> Answer:
    """The default group of each engine family, newest family first, then the project's own, oldest first."""
    wanted = GroupFilter(
        engine_version=query.engine_version,
        type=query.parameter_group_type,
        cluster_mode=None if query.cluster_mode is None else query.cluster_mode == "true",
    )
    views = await groups.fitting(caller, wanted)
    return answer(GroupList(parameter_groups=[GroupRow.of(view) for view in views]))


@router.get(
    "/{group_id}",
    summary="Show a parameter group",
    responses=answers(GroupDocument, "The group with its parameters.") | refusals(404),
)
async def show_group(group_id: str, caller: ReadingCaller, groups: Groups, _query: NoQueries) -> Answer:
    """A group with all its parameters, by any of its ids."""
    return answer(GroupDocument.whole(await groups.show(caller, group_id)))


@router.patch(
    "/{group_id}",
    summary="Change a parameter group",
    responses=_CHANGED,
    openapi_extra=request_body(ChangeGroup),
)
async def change_group(
    request: Request, group_id: str, caller: WritingCaller, groups: Groups, _query: NoQueries
) -> Answer:
    """Give parameters other values, or the group another description: all that is asked, or nothing."""
    await groups.show(caller, group_id)
    reading = read_change(ChangeGroup, await json_body(request), {}, fixed=GROUP_FIXED)
    return written(await groups.change(caller, group_id, reading.form.wishes(), reading.misread))


@router.post(
    "/{group_id}/reset",
    summary="Reset parameters",
    responses=_CHANGED,
    openapi_extra=request_body(ResetGroup),
)
async def reset_group(
    request: Request, group_id: str, caller: WritingCaller, groups: Groups, _query: NoQueries
) -> Answer:
    """Give the parameters that are named their defaults again; all, when none is named."""
    await groups.show(caller, group_id)
    reading = read_change(ResetGroup, await optional_body(request), RESET_STAND_IN)
    return written(await groups.reset(caller, group_id, reading.form.names, reading.misread))


@router.post("/{group_id}/rollback", summary="Roll a parameter group back", responses=_CHANGED)
async def roll_group_back(
    request: Request, group_id: str, caller: WritingCaller, groups: Groups, _query: NoQueries
) -> Answer:
    """Give the group the values of the version before; the same again takes that back."""
    await groups.show(caller, group_id)
    await refuse_fields(request)
    return written(await groups.rollback(caller, group_id))


@router.delete(
    "/{group_id}",
    summary="Delete a parameter group",
    responses=writes("The id of the group.") | refusals(404),
)
async def delete_group(group_id: str, caller: WritingCaller, groups: Groups, _query: NoQueries) -> Answer:
    """Possible for a custom group that no set has."""
    return written(await groups.delete(caller, group_id))


@router.get(
    "/{group_id}/events",
    summary="List the events of a parameter group",
    responses=answers(EventPage, "A page of events, newest first.") | refusals(404),
)
async def list_group_events(
    request: Request,
    group_id: str,
    caller: ReadingCaller,
    groups: Groups,
    query: Annotated[PageQuery, Query()],
) -> Answer:
    """What was done with the group; after its deletion they are among those of the project."""
    found = (await groups.show(caller, group_id)).group
    wanted = EventFilter(limit=query.limit, marker=query.marker, resource_id=found.id)
    return answer(EventPage.of(await request.app.state.services.sets.events(caller, wanted)))


@router.get(
    "/{group_id}/instance-sets",
    summary="List the sets that have a parameter group",
    responses=answers(LinkedSetList, "The sets, and how far the values have come.") | refusals(404),
)
async def list_linked_sets(group_id: str, caller: ReadingCaller, groups: Groups, _query: NoQueries) -> Answer:
    """Each with how far the group's present values have come to it, in the order in which they come."""
    linked = (await groups.show(caller, group_id)).linked
    return answer(LinkedSetList(instance_sets=[LinkedSetRow.of(row) for row in linked]))


@router.post(
    "/{group_id}/instance-sets/{set_id}/retry",
    summary="Apply a parameter group again",
    responses=_CHANGED,
)
async def retry_set(
    request: Request, group_id: str, set_id: str, caller: WritingCaller, groups: Groups, _query: NoQueries
) -> Answer:
    """Bring the values again to a set that is `Error-Sync` or `Suspended`; then to those after it."""
    await groups.show(caller, group_id)
    await refuse_fields(request)
    return written(await groups.retry(caller, group_id, set_id))
