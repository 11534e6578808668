"""Changing the values of a parameter group: fields, then what they would do, then that.

What was filled in is compared with what the fields held when the page was made (`was.<name>`), so that values
which others changed meanwhile are not taken back. The page before applying says for which version of the
group it was made; when there is another by then, it is shown again.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

from starlette.responses import HTMLResponse, Response

from memstored.api.reading import read_change
from memstored.api.schemas.forms import QueryForm
from memstored.api.schemas.parameter_groups import GROUP_FIXED, RESET_STAND_IN, ChangeGroup, ResetGroup
from memstored.console.forms import NOTHING_REFUSED, Posted, Refusal, refusal_of
from memstored.console.group import PageGroup
from memstored.console.languages import english
from memstored.console.pages.parameter_groups import group as groups
from memstored.console.pages.parameter_groups import show
from memstored.console.visit import Visit
from memstored.domain.bounds import Words
from memstored.domain.errors import Conflict, Fault, InvalidRequest
from memstored.domain.parameters import Parameter
from memstored.domain.requests.change import Misread
from memstored.domain.requests.parameter_groups import GroupWishes
from memstored.service.parameter_groups import GroupPreview, GroupView

__all__ = ["group"]

group = PageGroup(within=groups)

VALUE, WAS = "parameters.", "was."
"""What the names of fields begin with: a value as the API names it, and what it was."""
FIELDS = (f"{VALUE}*", f"{WAS}*", "version")

_CHANGED = Refusal(
    status=409,
    message=english("Somebody changed the group in between. This is what it would do now."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A parameter to fill in: what it holds, and what the group gave it when the page was made."""

    parameter: Parameter
    value: str
    was: str

    @property
    def choices(self) -> tuple[str, ...]:
        """The words that it may be; none: it is written."""
        bound = self.parameter.bound
        return bound.choices if isinstance(bound, Words) else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What a page before applying is for: the name of the page that does it, and the fields it is sent."""

    action: str
    fields: Mapping[str, str]


class ResetQuery(QueryForm):
    """The parameter to reset; none: all."""

    name: str | None = None


# Filling in


@group.get("/parameter-groups/{group_id}/values", name="edit_values")
async def edit_values(visit: Visit, group_id: str) -> Response:
    """Every parameter that can be changed, to fill in."""
    return await _edit(visit, group_id)


@group.post("/parameter-groups/{group_id}/values", name="edit_values_again", fields=FIELDS)
async def edit_again(visit: Visit, group_id: str) -> Response:
    """The same, as it was filled in before."""
    return await _edit(visit, group_id)


async def _edit(visit: Visit, group_id: str, refusal: Refusal = NOTHING_REFUSED) -> Response:
    view = await visit.services.parameter_groups.show(visit.caller, group_id)
    return visit.page(
        "parameter_groups/edit.html",
        status=refusal.status,
        refusal=refusal,
        view=view,
        fields=_fields(view, visit.posted),
    )


def _fields(view: GroupView, posted: Posted) -> list[Field]:
    typed = _typed(posted, VALUE)
    was = _typed(posted, WAS)
    return [
        Field(
            parameter=it.parameter,
            value=typed.get(it.parameter.name, it.value),
            was=was.get(it.parameter.name, it.value),
        )
        for it in view.parameters
        if it.parameter.editable
    ]


def _typed(posted: Posted, kind: str) -> dict[str, str]:
    """The fields of a kind, by parameter. One that was left empty counts: a value may be so."""
    return {
        name.removeprefix(kind): given[0].strip()
        for name, given in posted.fields.items()
        if name.startswith(kind)
    }


def _wanted(posted: Posted) -> dict[str, str]:
    """The values that were changed, by parameter."""
    was = _typed(posted, WAS)
    return {name: value for name, value in _typed(posted, VALUE).items() if value != was.get(name)}


@group.post("/parameter-groups/{group_id}/values/check", name="check_value", fields=FIELDS)
async def check_value(visit: Visit, group_id: str) -> Response:
    """What is to be said beside the field that is being filled in: a part of the page, asked for by htmx.

    No node is asked while one types: whether a set's data fits is told by the page before applying.
    """
    await visit.services.parameter_groups.show(visit.caller, group_id)
    name = visit.request.headers.get("hx-trigger-name", "").removeprefix(VALUE)
    wanted = {it: value for it, value in _wanted(visit.posted).items() if it == name}
    said: dict[str, object] = {"was": _typed(visit.posted, WAS).get(name, ""), "wrong": (), "changed": False}
    if wanted:
        try:
            wishes, misread = _read(wanted)
            said["changed"] = await visit.services.parameter_groups.judge_change(
                visit.caller, group_id, wishes, misread
            )
        except InvalidRequest as fault:
            said["wrong"] = refusal_of(fault).at(f"{VALUE}{name}")
    return HTMLResponse(visit.part("parameter_groups/verdict.html", **said))


# Before applying


@group.post("/parameter-groups/{group_id}/review", name="review_values", fields=FIELDS)
async def review_change(visit: Visit, group_id: str) -> Response:
    """What the values that were filled in would do."""
    return await _review_change(visit, group_id)


async def _review_change(visit: Visit, group_id: str, refusal: Refusal = NOTHING_REFUSED) -> Response:
    wanted, was = _wanted(visit.posted), _typed(visit.posted, WAS)
    try:
        preview = await _preview_change(visit, group_id, wanted)
    except Fault as fault:
        return await _edit(visit, group_id, refusal_of(fault))
    fields = {f"{VALUE}{name}": value for name, value in wanted.items()}
    fields |= {f"{WAS}{name}": was[name] for name in wanted if name in was}
    return _review(visit, preview, Step(action="apply_values", fields=fields), refusal)


async def _preview_change(visit: Visit, group_id: str, wanted: dict[str, str]) -> GroupPreview:
    wishes, misread = _read(wanted)
    return await visit.services.parameter_groups.preview_change(visit.caller, group_id, wishes, misread)


def _read(wanted: dict[str, str]) -> tuple[GroupWishes, Misread]:
    """The values as the API reads them, and what of them can not be read."""
    document = {"parameters": wanted} if wanted else {}
    reading = read_change(ChangeGroup, document, {}, fixed=GROUP_FIXED)
    return reading.form.wishes(), reading.misread


@group.get("/parameter-groups/{group_id}/reset", name="review_reset")
async def review_reset(visit: Visit, group_id: str) -> Response:
    """What giving one parameter its default again would do, or all of them."""
    name = visit.query(ResetQuery).name
    return await _review_reset(visit, group_id, [name] if name else [])


async def _review_reset(
    visit: Visit, group_id: str, names: list[str], refusal: Refusal = NOTHING_REFUSED
) -> Response:
    reading = read_change(ResetGroup, {"names": names}, RESET_STAND_IN)
    try:
        preview = await visit.services.parameter_groups.preview_reset(
            visit.caller, group_id, reading.form.names, reading.misread
        )
    except Fault as fault:
        return await show(visit, group_id, refusal_of(fault))
    return _review(visit, preview, Step(action="apply_reset", fields={"names": " ".join(names)}), refusal)


@group.get("/parameter-groups/{group_id}/rollback", name="review_rollback")
async def review_rollback(visit: Visit, group_id: str) -> Response:
    """What going back to the version before would do."""
    return await _review_rollback(visit, group_id)


async def _review_rollback(visit: Visit, group_id: str, refusal: Refusal = NOTHING_REFUSED) -> Response:
    try:
        preview = await visit.services.parameter_groups.preview_rollback(visit.caller, group_id)
    except Fault as fault:
        return await show(visit, group_id, refusal_of(fault))
    return _review(visit, preview, Step(action="apply_rollback", fields={}), refusal)


def _review(visit: Visit, preview: GroupPreview, step: Step, refusal: Refusal) -> Response:
    return visit.page(
        "parameter_groups/review.html",
        status=refusal.status,
        refusal=refusal,
        preview=preview,
        outlook=preview.outlook,
        step=step,
    )


# Applying


@group.post("/parameter-groups/{group_id}/values/apply", name="apply_values", fields=FIELDS)
async def apply_change(visit: Visit, group_id: str) -> Response:
    """Record the values."""
    wishes, misread = _read(_wanted(visit.posted))

    async def apply(seen: int) -> None:
        await visit.services.parameter_groups.change(visit.caller, group_id, wishes, misread, seen=seen)

    return await _apply(visit, group_id, apply, partial(_review_change, visit, group_id))


@group.post("/parameter-groups/{group_id}/reset", name="apply_reset", fields=("names", "version"))
async def apply_reset(visit: Visit, group_id: str) -> Response:
    """Record the defaults."""
    names = (visit.posted.text("names") or "").split()
    reading = read_change(ResetGroup, {"names": names}, RESET_STAND_IN)

    async def apply(seen: int) -> None:
        service, named = visit.services.parameter_groups, reading.form.names
        await service.reset(visit.caller, group_id, named, reading.misread, seen=seen)

    return await _apply(visit, group_id, apply, partial(_review_reset, visit, group_id, names))


@group.post("/parameter-groups/{group_id}/rollback", name="apply_rollback", fields=("version",))
async def apply_rollback(visit: Visit, group_id: str) -> Response:
    """Record the values of the version before."""

    async def apply(seen: int) -> None:
        await visit.services.parameter_groups.rollback(visit.caller, group_id, seen=seen)

    return await _apply(visit, group_id, apply, partial(_review_rollback, visit, group_id))


async def _apply(
    visit: Visit,
    group_id: str,
    apply: Callable[[int], Awaitable[None]],
    review: Callable[[Refusal], Awaitable[Response]],
) -> Response:
    """Apply what the page before showed, or show it again when that is not what would happen now."""
    seen = visit.posted.number("version")
    try:
        await apply(seen if isinstance(seen, int) else 0)
    except Conflict:
        return await review(_CHANGED)
    except InvalidRequest:
        return await review(NOTHING_REFUSED)
    return visit.redirect("parameter_group", notice="values_applied", group_id=group_id)
