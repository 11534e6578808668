"""Routes of parameter groups (API.md 7). This version has the default groups, which nobody edits."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from memstored.api.answers import Answer, answer
from memstored.api.body import json_body
from memstored.api.caller import ReadingCaller, WritingCaller, project_of
from memstored.api.openapi import answers, refusals
from memstored.api.schemas.forms import NoQuery
from memstored.api.schemas.parameter_groups import (
    GroupDocument,
    GroupList,
    GroupQuery,
    GroupRow,
    ParameterRow,
)
from memstored.domain.parameters import Parameter
from memstored.service.parameter_groups import GroupFilter, GroupView, ParameterGroupService

__all__ = ["router"]

router = APIRouter(prefix="/v1/parameter-groups", tags=["parameter groups"])


@router.get("", summary="List the parameter groups", responses=answers(GroupList, "The groups that fit."))
async def list_groups(
    request: Request, caller: ReadingCaller, query: Annotated[GroupQuery, Query()]
) -> Answer:
    """The default group of each engine family, newest family first."""
    wanted = GroupFilter(
        engine_version=query.engine_version,
        type=query.parameter_group_type,
        cluster_mode=None if query.cluster_mode is None else query.cluster_mode == "true",
    )
    views = await _service(request).fitting(project_of(caller), wanted)
    return answer(GroupList(parameter_groups=[GroupRow(**_summary(view)) for view in views]))


@router.get(
    "/{group_id}",
    summary="Show a parameter group",
    responses=answers(GroupDocument, "The group with its parameters.") | refusals(404),
)
async def show_group(
    request: Request, group_id: str, caller: ReadingCaller, _query: Annotated[NoQuery, Query()]
) -> Answer:
    """A group with all its parameters, by any of its ids."""
    view = await _service(request).show(project_of(caller), group_id)
    rows = [_parameter(parameter) for parameter in view.parameters]
    return answer(GroupDocument(**_summary(view), parameters=rows))


@router.post("", summary="Create a parameter group (not in this version)", response_class=Answer)
async def create_group(
    request: Request, _caller: WritingCaller, _query: Annotated[NoQuery, Query()]
) -> Answer:
    """Refused: this version has no custom groups."""
    await json_body(request)
    raise _service(request).refuse_custom()


@router.patch(
    "/{group_id}", summary="Change a parameter group (not in this version)", responses=refusals(404)
)
async def change_group(
    request: Request, group_id: str, caller: WritingCaller, _query: Annotated[NoQuery, Query()]
) -> Answer:
    """Refused: default groups are never editable, and there are no others in this version."""
    await _service(request).show(project_of(caller), group_id)
    await json_body(request)
    raise _service(request).refuse_change()


@router.delete(
    "/{group_id}", summary="Delete a parameter group (not in this version)", responses=refusals(404)
)
async def delete_group(
    request: Request, group_id: str, caller: WritingCaller, _query: Annotated[NoQuery, Query()]
) -> Answer:
    """Refused: default groups can not be deleted, and there are no others in this version."""
    await _service(request).show(project_of(caller), group_id)
    raise _service(request).refuse_change()


def _service(request: Request) -> ParameterGroupService:
    service: ParameterGroupService = request.app.state.services.parameter_groups
    return service


def _summary(view: GroupView) -> dict[str, Any]:
    group = view.group
    return {
        "id": group.id,
        "name": group.name,
        "description": f"The defaults of Redis {group.family}; they can not be changed.",
        "type": "default",
        "engine_family": group.family,
        "cluster_mode": False,
        "base_id": None,
        "instance_set_count": view.set_count,
        "created_at": None,
        "updated_at": None,
    }


def _parameter(parameter: Parameter) -> ParameterRow:
    return ParameterRow(
        name=parameter.name,
        value=parameter.default,
        default_value=parameter.default,
        type=parameter.type.value,
        unit=parameter.unit,
        allowed=parameter.allowed,
        editable=parameter.editable,
        apply=parameter.apply.value,
    )
