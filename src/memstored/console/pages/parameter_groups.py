"""Parameter groups: all of them, one with its sets as its values come to them, and a new one.

Changing values is in `parameter_values`, giving a group to a set in `set_group`: their pages are of the same
group in the navigation.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from starlette.responses import RedirectResponse, Response

from memstored.api.body import without_nulls
from memstored.api.caller import project_of
from memstored.api.reading import read_change, read_whole
from memstored.api.schemas.forms import QueryForm
from memstored.api.schemas.parameter_groups import GROUP_FIXED, ChangeGroup, CreateGroup, GroupQuery
from memstored.console.feed import Parts, Table, Topic
from memstored.console.forms import NOTHING_REFUSED, Refusal, refusal_of
from memstored.console.group import PageGroup
from memstored.console.languages import english
from memstored.console.visit import Fragments, Visit
from memstored.domain.engine import family_of
from memstored.domain.errors import Fault, NotFound
from memstored.domain.model import InstanceSet
from memstored.domain.parameter_group import AnyGroup
from memstored.domain.words import ApplyStatus, SetState
from memstored.service.parameter_groups import GroupFilter, GroupView, ParameterView
from memstored.service.sets import EventFilter, SetFilter

__all__ = ["group", "of_family", "show"]

group = PageGroup(
    title=english("Parameter groups"),
    home="parameter_groups",
    notices={
        "group_created": english("The parameter group is there. Change its values, then give it to a set."),
        "group_deleted": english("The parameter group is deleted."),
        "group_described": english("The description is changed."),
        "values_applied": english("The values are recorded, and come to the sets one after the other."),
        "group_given": english("The set has this group now; its values are on their way to the nodes."),
        "tried_again": english("The values are brought to the set again."),
    },
)

EVENTS = 8
"""Events that a group's page shows."""
MOST_SETS = 500
"""Sets of a project that one may choose out of."""

_NEW = ("parameterGroupId", "name", "description")
"""The fields of a new group."""
_STUCK = (ApplyStatus.ERROR_SYNC, ApplyStatus.SUSPENDED)


class ParameterQuery(QueryForm):
    """Which parameters of a group to show: names that contain `search`; `only=changed` hides defaults."""

    search: str | None = None
    only: Literal["changed"] | None = None

    def shows(self, view: ParameterView) -> bool:
        """Whether it is one of them."""
        found = self.search is None or self.search.strip().lower() in view.parameter.name
        return found and (self.only is None or view.value != view.parameter.default)


class NewGroupQuery(QueryForm):
    """`base` is the id of the group that a new one is made out of."""

    base: str | None = None


class GiveQuery(QueryForm):
    """`set` is the id of the set that is to have a group."""

    set: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A group, and how many of its sets are how far."""

    view: GroupView
    states: Counter[ApplyStatus]


@group.get("/parameter-groups", name="parameter_groups")
async def list_groups(visit: Visit) -> Response:
    """The project's own groups, and the default one of each engine family."""
    query = visit.query(GroupQuery)
    wanted = GroupFilter(engine_version=query.engine_version, type=query.parameter_group_type)
    views = await visit.services.parameter_groups.fitting(visit.caller, wanted)
    rows = [Row(view, Counter(it.progress.status for it in view.linked)) for view in views]
    families = {it.family: f"Redis {it.family}" for it in visit.services.catalogue.catalogue.parameter_groups}
    own, default = [r for r in rows if r.view.custom], [r for r in rows if not r.view.custom]
    return visit.page("parameter_groups/list.html", own=own, default=default, query=query, families=families)


@group.get("/parameter-groups/new", name="new_parameter_group")
async def new_group(visit: Visit) -> Response:
    """The form for a new group."""
    base = visit.query(NewGroupQuery).base
    return visit.page("parameter_groups/new.html", bases=await _bases(visit), base=base)


@group.post("/parameter-groups", name="create_parameter_group", fields=_NEW)
async def create_group(visit: Visit) -> Response:
    """Make a group out of another one."""
    document = {name: visit.posted.text(name) for name in _NEW}
    try:
        terms = read_whole(CreateGroup, without_nulls(document)).terms()
        group_id = await visit.services.parameter_groups.create(visit.caller, terms)
    except Fault as fault:
        return visit.refused("parameter_groups/new.html", fault, bases=await _bases(visit), base=None)
    return visit.redirect("parameter_group", notice="group_created", group_id=group_id)


@group.get("/parameter-groups/{group_id}", name="parameter_group")
async def show_group(visit: Visit, group_id: str) -> Response:
    """A group with its sets, its parameters and its last events."""
    return await show(visit, group_id)


async def show(visit: Visit, group_id: str, refusal: Refusal = NOTHING_REFUSED) -> Response:
    """The page of a group; with what was refused of a form of it."""
    services, caller = visit.services, visit.caller
    view = await services.parameter_groups.show(caller, group_id)
    query = ParameterQuery() if refusal else visit.query(ParameterQuery)
    events = await services.sets.events(caller, EventFilter(limit=EVENTS, resource_id=view.group.id))
    return visit.page(
        "parameter_groups/group.html",
        status=refusal.status,
        refusal=refusal,
        view=view,
        base=await _base(visit, view),
        rows=_rows(view, visit.part, may_write=visit.may_write),
        query=query,
        parameters=[it for it in view.parameters if query.shows(it)],
        others=await _others(visit, view),
        events=events.rows,
    )


@group.live("/parameter-groups-live/{group_id}", name="parameter_group_live")
async def follow_group(visit: Visit, group_id: str) -> Response:
    """How far the values have come to each set, whenever that changes; in the end, that the group is gone."""
    services, caller, may_write, part = visit.services, visit.caller, visit.may_write, visit.part

    async def look() -> Parts:
        view = await services.parameter_groups.show(caller, group_id)
        rows = _rows(view, part, may_write=may_write)
        return {"sets": Table(whole=part("parameter_groups/sets.html", rows=rows), rows=rows)}

    project_id = project_of(caller)
    key = ("parameter_group", project_id, group_id, may_write, visit.language)
    last = {"sets": part("parameter_groups/gone.html")}
    return visit.live(Topic(key=key, project_id=project_id, look=look, last=last))


def _rows(view: GroupView, part: Fragments, *, may_write: bool) -> Mapping[str, str]:
    """The sets that have the group, as rows in HTML by their names."""
    template = "parameter_groups/set_row.html"
    return {
        f"row-{row.set.id}": part(template, view=view, row=row, turn=turn, may_write=may_write)
        for turn, row in enumerate(view.linked, start=1)
    }


@group.post(
    "/parameter-groups/{group_id}/description", name="describe_parameter_group", fields=("description",)
)
async def describe_group(visit: Visit, group_id: str) -> Response:
    """Give a group another description; an empty one clears it."""
    groups = visit.services.parameter_groups
    document = {"description": visit.posted.text("description") or ""}
    reading = read_change(ChangeGroup, document, {}, fixed=GROUP_FIXED)
    try:
        await groups.change(visit.caller, group_id, reading.form.wishes(), reading.misread)
    except Fault as fault:
        return await show(visit, group_id, refusal_of(fault))
    return visit.redirect("parameter_group", notice="group_described", group_id=group_id)


@group.post("/parameter-groups/{group_id}/delete", name="delete_parameter_group")
async def delete_group(visit: Visit, group_id: str) -> Response:
    """Let a group go that no set has."""
    try:
        await visit.services.parameter_groups.delete(visit.caller, group_id)
    except Fault as fault:
        return await show(visit, group_id, refusal_of(fault))
    return visit.redirect("parameter_groups", notice="group_deleted")


@group.get("/parameter-groups/{group_id}/sets/{set_id}", name="parameter_group_set")
async def show_stuck(visit: Visit, group_id: str, set_id: str) -> Response:
    """A set that the values did not come to: why, and what one can do."""
    return await _stuck(visit, group_id, set_id)


@group.post("/parameter-groups/{group_id}/sets/{set_id}", name="retry_parameter_group_set")
async def retry_set(visit: Visit, group_id: str, set_id: str) -> Response:
    """Bring the values again."""
    try:
        await visit.services.parameter_groups.retry(visit.caller, group_id, set_id)
    except Fault as fault:
        return await _stuck(visit, group_id, set_id, refusal_of(fault))
    return visit.redirect("parameter_group", notice="tried_again", group_id=group_id)


async def _stuck(visit: Visit, group_id: str, set_id: str, refusal: Refusal = NOTHING_REFUSED) -> Response:
    view = await visit.services.parameter_groups.show(visit.caller, group_id)
    row = next((it for it in view.linked if it.set.id == set_id), None)
    if row is None:
        raise NotFound("There is no such instance set with this parameter group.")
    return visit.page(
        "parameter_groups/stuck.html",
        status=refusal.status,
        refusal=refusal,
        view=view,
        row=row,
        stuck=row.progress.status in _STUCK,
    )


@group.get("/parameter-groups/{group_id}/give", name="give_parameter_group")
async def give_group(visit: Visit, group_id: str) -> Response:
    """Lead to what giving the group to the chosen set would do."""
    chosen = await visit.services.sets.get(visit.caller, visit.query(GiveQuery).set)
    return RedirectResponse(visit.url("set-group", {"to": group_id}, set_id=chosen.id), 303)


async def _bases(visit: Visit) -> list[GroupView]:
    """Every group that one can be made out of."""
    return await visit.services.parameter_groups.fitting(visit.caller, GroupFilter())


async def of_family(visit: Visit, family: str) -> list[GroupView]:
    """The groups that a set of this engine family may have."""
    return await visit.services.parameter_groups.fitting(visit.caller, GroupFilter(engine_version=family))


async def _base(visit: Visit, view: GroupView) -> AnyGroup | None:
    """What a group was made out of, if that is still there."""
    if view.custom is None:
        return None
    try:
        return (await visit.services.parameter_groups.show(visit.caller, view.custom.base_id)).group
    except NotFound:
        return None


async def _others(visit: Visit, view: GroupView) -> list[InstanceSet]:
    """The sets that could have the group and do not."""
    has = {it.id for it in view.sets}
    page = await visit.services.sets.page(visit.caller, SetFilter(limit=MOST_SETS, status=SetState.RUNNING))
    sets = [row.set for row in page.rows]
    return [it for it in sets if family_of(it.version) == view.group.family and it.id not in has]
