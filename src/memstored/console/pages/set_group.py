"""Giving a set another parameter group: which one, what that would do, then that (API.md 2.3)."""

from starlette.responses import Response

from memstored.api.reading import read_change
from memstored.api.schemas.forms import QueryForm
from memstored.api.schemas.sets import FIXED, UPDATE_STAND_IN, UpdateSet
from memstored.console.forms import NOTHING_REFUSED, refusal_of
from memstored.console.group import PageGroup
from memstored.console.pages import sets
from memstored.console.pages.parameter_groups import of_family
from memstored.console.visit import Visit
from memstored.domain.engine import family_of
from memstored.domain.errors import Fault

__all__ = ["group"]

group = PageGroup(within=sets.group)

FIELD = "parameterGroupId"


class ChoiceQuery(QueryForm):
    """`to` is the id of the group that the set is to have."""

    to: str | None = None


@group.get("/sets/{set_id}/parameter-group", name="set-group")
async def show_choice(visit: Visit, set_id: str) -> Response:
    """The groups that a set may have; with one chosen, what giving it would do."""
    return await _choice(visit, set_id, visit.query(ChoiceQuery).to)


async def _choice(visit: Visit, set_id: str, to: str | None, fault: Fault | None = None) -> Response:
    services, caller = visit.services, visit.caller
    found = await services.sets.get(caller, set_id)
    outlook = None
    if to is not None and fault is None:
        try:
            outlook = await services.sets.preview_group(caller, set_id, to)
        except Fault as refused:
            fault = refused
    refusal = NOTHING_REFUSED if fault is None else refusal_of(fault)
    return visit.page(
        "parameter_groups/set.html",
        status=refusal.status,
        refusal=refusal,
        set_view=await services.sets.view(found),
        groups=await of_family(visit, family_of(found.version)),
        to=to,
        outlook=outlook,
    )


@group.post("/sets/{set_id}/parameter-group", name="give_set_group", fields=(FIELD,))
async def give_group(visit: Visit, set_id: str) -> Response:
    """Give the set the group."""
    to = visit.posted.text(FIELD)
    found = await visit.services.sets.get(visit.caller, set_id)
    reading = read_change(UpdateSet, {FIELD: to} if to else {}, UPDATE_STAND_IN, fixed=FIXED)
    try:
        await visit.services.sets.update(visit.caller, found.id, reading.form.wishes(), reading.misread)
    except Fault as fault:
        return await _choice(visit, set_id, to, fault)
    return visit.redirect("parameter_group", notice="group_given", group_id=to)
