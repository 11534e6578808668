"""What can be done to a set: each form becomes the request that the API has for it.

All forms are on one page. One that is refused is shown again there, with what is wrong at its fields; the
others stay as they are, for a page has at most one form that was `sent`.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.responses import Response

from memstored.api.reading import read_change, read_whole
from memstored.api.schemas.sets import (
    FIXED,
    UPDATE_STAND_IN,
    AddReplica,
    PromoteReplica,
    SwitchRecovery,
    UpdateSet,
)
from memstored.console.forms import NOTHING_REFUSED, Posted, Refusal, refusal_of
from memstored.console.group import PageGroup
from memstored.console.languages import english
from memstored.console.pages import sets
from memstored.console.pages.one_set import sight_of
from memstored.console.visit import Visit
from memstored.domain.backup import Backup
from memstored.domain.errors import Fault, InvalidRequest
from memstored.domain.words import BackupState, BackupType, SetId

__all__ = ["group"]

group = PageGroup(
    within=sets.group,
    notices={
        "set_changed": english("It was changed."),
        "set_changing": english("It is under way; this page shows how far it is."),
    },
)

_CHOICE = {"true": True, "false": False}
_OTHER_NAME = english("This is not the name of the set, so nothing was deleted. Type the name to delete it.")


@group.get("/sets/{set_id}/change", name="set_changes")
async def show_changes(visit: Visit, set_id: str) -> Response:
    """Everything that can be done to the set, for who may."""
    return await _change_page(visit, set_id)


async def _change_page(
    visit: Visit, set_id: str, *, sent: str = "", refusal: Refusal = NOTHING_REFUSED
) -> Response:
    """The page; `sent` names the form that was refused, if one was."""
    sight = await sight_of(visit.services, visit.caller, set_id)
    catalogue = visit.services.catalogue.catalogue
    return visit.page(
        "set/change.html",
        status=refusal.status,
        refusal=refusal,
        sight=sight,
        security_groups=catalogue.security_groups,
        subnets=[(it.id, f"{it.zone} · {it.name} · {it.cidr}") for it in catalogue.subnets],
        automatic=await _automatic(visit, sight.it.id),
        sent=sent,
        unsent=Posted({}),
        unrefused=NOTHING_REFUSED,
    )


async def _automatic(visit: Visit, set_id: SetId) -> list[Backup]:
    """The automatic backups of the set: what becomes of them must be said when it is deleted (API.md 2.2)."""
    found = [view.backup for view in await visit.services.backups.all(visit.caller, set_id=set_id)]
    return [it for it in found if it.type is BackupType.AUTOMATIC and it.status is not BackupState.DELETING]


async def _carried_out(
    visit: Visit,
    set_id: str,
    sent: str,
    deed: Callable[[], Awaitable[object]],
    *,
    notice: str = "set_changing",
) -> Response:
    """Do it, and lead to the set's first page; or show the form again with why not."""
    await visit.services.sets.get(visit.caller, set_id)
    try:
        await deed()
    except Fault as fault:
        return await _change_page(visit, set_id, sent=sent, refusal=refusal_of(fault))
    return visit.redirect("set", notice=notice, set_id=set_id)


@group.post("/sets/{set_id}/change", name="change_set", fields=("description",))
async def change_set(visit: Visit, set_id: str) -> Response:
    """Another description; an empty one clears it."""
    return await _update(
        visit, set_id, "description", {"description": visit.posted.text("description") or ""}
    )


@group.post("/sets/{set_id}/security-groups", name="change_security_groups", fields=("securityGroups",))
async def change_security_groups(visit: Visit, set_id: str) -> Response:
    """Other security groups: exactly those that are ticked."""
    document = {"securityGroups": [{"id": one} for one in visit.posted.all("securityGroups")]}
    return await _update(visit, set_id, "security-groups", document)


async def _update(visit: Visit, set_id: str, sent: str, document: dict[str, Any]) -> Response:
    async def deed() -> object:
        reading = read_change(UpdateSet, document, UPDATE_STAND_IN, fixed=FIXED)
        return await visit.services.sets.update(visit.caller, set_id, reading.form.wishes(), reading.misread)

    return await _carried_out(visit, set_id, sent, deed, notice="set_changed")


@group.post("/sets/{set_id}/recovery", name="switch_recovery", fields=("enabled",))
async def switch_recovery(visit: Visit, set_id: str) -> Response:
    """High availability on or off."""
    document = {"enabled": visit.posted.text("enabled") == "true"}

    async def deed() -> object:
        wanted = read_whole(SwitchRecovery, document)
        return await visit.services.sets.set_recovery(visit.caller, set_id, enabled=wanted.enabled)

    return await _carried_out(visit, set_id, "recovery", deed, notice="set_changed")


@group.post("/sets/{set_id}/primary", name="promote_replica", fields=("primaryId",))
async def promote_replica(visit: Visit, set_id: str) -> Response:
    """A replica becomes the primary."""
    document = {"primaryId": visit.posted.text("primaryId") or ""}

    async def deed() -> object:
        wanted = read_whole(PromoteReplica, document)
        return await visit.services.sets.promote(visit.caller, set_id, wanted.primary_id)

    return await _carried_out(visit, set_id, "nodes", deed)


@group.post("/sets/{set_id}/replicas", name="add_replica", fields=("subnet.id",))
async def add_replica(visit: Visit, set_id: str) -> Response:
    """One more replica, in the subnet that was chosen."""
    document = {"subnet": {"id": visit.posted.text("subnet.id") or ""}}

    async def deed() -> object:
        wanted = read_whole(AddReplica, document)
        return await visit.services.sets.add_replica(visit.caller, set_id, wanted.subnet.id)

    return await _carried_out(visit, set_id, "replicas", deed)


@group.post("/sets/{set_id}/instances/{instance_id}/delete", name="remove_node")
async def remove_node(visit: Visit, set_id: str, instance_id: str) -> Response:
    """A node leaves the set."""

    async def deed() -> object:
        return await visit.services.sets.delete_node(visit.caller, set_id, instance_id)

    return await _carried_out(visit, set_id, "nodes", deed)


@group.post("/sets/{set_id}/certificates/renew", name="renew_certificates")
async def renew_certificates(visit: Visit, set_id: str) -> Response:
    """Every node gets another certificate."""

    async def deed() -> object:
        return await visit.services.sets.renew_certificates(visit.caller, set_id)

    return await _carried_out(visit, set_id, "certificates", deed)


@group.post("/sets/{set_id}/delete", name="delete_set", fields=("instanceSetName", "keepAutomaticBackups"))
async def delete_set(visit: Visit, set_id: str) -> Response:
    """The whole set goes, if its name was typed."""
    it = await visit.services.sets.get(visit.caller, set_id)

    async def deed() -> object:
        if visit.posted.text("instanceSetName") != it.name:
            raise InvalidRequest(_OTHER_NAME)
        keep = _CHOICE.get(visit.posted.text("keepAutomaticBackups") or "")
        return await visit.services.sets.delete(visit.caller, set_id, keep_automatic_backups=keep)

    return await _carried_out(visit, set_id, "delete", deed)
