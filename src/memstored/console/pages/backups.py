"""Backups: all of a project, one of them, and what can be done with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from memstored.api.body import without_nulls
from memstored.api.caller import check_role, project_of
from memstored.api.reading import read_whole
from memstored.api.schemas.backups import BackupQuery, CopyBackup, CreateBackup, ExportBackup
from memstored.console.feed import Parts, Table, Topic
from memstored.console.forms import NOTHING_REFUSED, Refusal, refusal_of
from memstored.console.group import PageGroup
from memstored.console.languages import english
from memstored.console.listing import ListingQuery
from memstored.console.visit import Fragments, Visit
from memstored.domain.errors import Fault, NotFound
from memstored.domain.words import BackupState, BackupType
from memstored.identity.protocol import Caller
from memstored.service.backups import BackupFilter, BackupView
from memstored.service.services import Services
from memstored.service.sets import EventFilter
from memstored.store.events import Event

__all__ = ["group"]

group = PageGroup(
    title=english("Backups"),
    home="backups",
    notices={
        "backup_begun": english("The backup was ordered."),
        "backup_copied": english("The copy was ordered."),
        "backup_exported": english("The export has begun. How it ends is told below."),
        "backup_verifying": english("The verification has begun. How it ends is told below."),
        "backup_deleted": english("The backup is being deleted."),
    },
)

ROWS = 50
"""Backups on a page."""
LATEST = 10
"""Events of a backup that are shown."""


def _state(word: str) -> str:
    if word not in set(BackupState):
        raise PydanticCustomError("malformed", "Give a state of a backup, like Available.")
    return word


def _kind(word: str) -> str:
    if word not in set(BackupType):
        raise PydanticCustomError("malformed", "Give manual or automatic.")
    return word


class ListQuery(ListingQuery, BackupQuery):
    """Which backups to list."""

    status: Annotated[str, AfterValidator(_state)] | None = None
    type: Annotated[str, AfterValidator(_kind)] | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of the list, its rows in HTML by their names; `next` is the marker of the one after it."""

    rows: Mapping[str, str]
    next: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A backup, and what happened to it lately, the newest first; `of_set` tells whether its set is there."""

    view: BackupView
    events: Sequence[Event]
    of_set: bool


# All of them


@group.get("/backups", name="backups")
async def list_backups(visit: Visit) -> Response:
    """The project's backups, also those of sets that are gone."""
    query = visit.query(ListQuery)
    listing = await _listing(visit.services, visit.caller, query, visit.part)
    return visit.page(
        "backups/list.html",
        listing=listing,
        query=query,
        states=tuple(BackupState),
        kinds=tuple(BackupType),
    )


@group.live("/backups-live", name="backups_live")
async def follow_backups(visit: Visit) -> Response:
    """The rows of the list, whenever they change."""
    query, services, caller, part = visit.query(ListQuery), visit.services, visit.caller, visit.part

    async def look() -> Parts:
        listing = await _listing(services, caller, query, part)
        whole = part("backups/rows.html", listing=listing, query=query)
        return {"rows": Table(whole=whole, rows=listing.rows, beside=listing.next)}

    project_id = project_of(caller)
    key = ("backups", project_id, query, visit.language)
    return visit.live(Topic(key=key, project_id=project_id, look=look))


async def _listing(services: Services, caller: Caller, query: ListQuery, part: Fragments) -> Listing:
    wanted = BackupFilter(
        limit=ROWS,
        marker=query.marker,
        set_id=query.cluster_id,
        set_name=query.cluster_name,
        states=[BackupState(query.status)] if query.status else (),
        kind=BackupType(query.type) if query.type else None,
    )
    page = await services.backups.page(caller, wanted)
    rows = {f"row-{view.backup.id}": part("backups/row.html", view=view) for view in page.rows}
    return Listing(rows, page.next)


# One of them


@group.get("/backups/{backup_id}", name="backup")
async def show_backup(visit: Visit, backup_id: str) -> Response:
    """A backup, and forms for what can be done with it."""
    return await _page(visit, backup_id)


@group.live("/backup-live/{backup_id}", name="backup_live")
async def follow_backup(visit: Visit, backup_id: str) -> Response:
    """The state of a backup, whenever it changes; in the end, that it is gone, as of a set."""
    services, caller, part = visit.services, visit.caller, visit.part

    async def look() -> Parts:
        return {"backup": part("backups/state.html", shown=await _shown(services, caller, backup_id))}

    project_id = project_of(caller)
    key = ("backup", project_id, backup_id, visit.language)
    last = {"backup": part("backups/gone.html")}
    return visit.live(Topic(key=key, project_id=project_id, look=look, last=last))


async def _shown(services: Services, caller: Caller, backup_id: str) -> Shown:
    view = await services.backups.show(caller, backup_id)
    lately = EventFilter(limit=LATEST, resource_id=view.backup.id)
    try:
        await services.sets.get(caller, view.backup.set_id)
    except NotFound:
        of_set = False
    else:
        of_set = True
    return Shown(view, (await services.sets.events(caller, lately)).rows, of_set)


async def _page(visit: Visit, backup_id: str, refusal: Refusal = NOTHING_REFUSED) -> Response:
    shown = await _shown(visit.services, visit.caller, backup_id)
    return visit.page("backups/one.html", status=refusal.status, refusal=refusal, shown=shown)


# What can be done


@group.get("/create-backup", name="new_backup")
async def new_backup(visit: Visit) -> Response:
    """The form of a new backup; `?set=` is the id of the set that it is of."""
    check_role(visit.caller, "POST")
    return await _form(visit)


@group.post("/create-backup", name="create_backup", fields=("clusterId", "name"))
async def create_backup(visit: Visit) -> Response:
    """Order a backup of a set."""
    document = {"clusterId": visit.posted.text("clusterId"), "name": visit.posted.text("name")}
    try:
        wanted = read_whole(CreateBackup, without_nulls(document))
        backup_id = await visit.services.backups.create(visit.caller, wanted.cluster_id, wanted.name)
    except Fault as fault:
        return await _form(visit, refusal_of(fault))
    return visit.redirect("backup", notice="backup_begun", backup_id=backup_id)


async def _form(visit: Visit, refusal: Refusal = NOTHING_REFUSED) -> Response:
    return visit.page(
        "backups/new.html",
        status=refusal.status,
        refusal=refusal,
        sets=await visit.services.sets.all(visit.caller),
        chosen=visit.request.query_params.get("set", ""),
    )


@group.post("/copy-backup/{backup_id}", name="copy_backup", fields=("name",))
async def copy_backup(visit: Visit, backup_id: str) -> Response:
    """Keep the same data under another name."""
    backups = visit.services.backups
    await backups.show(visit.caller, backup_id)
    try:
        wanted = read_whole(CopyBackup, _document(visit, "name"))
        copy_id = await backups.copy(visit.caller, backup_id, wanted.name)
    except Fault as fault:
        return await _page(visit, backup_id, refusal_of(fault))
    return visit.redirect("backup", notice="backup_copied", backup_id=copy_id)


@group.post("/export-backup/{backup_id}", name="export_backup", fields=("path",))
async def export_backup(visit: Visit, backup_id: str) -> Response:
    """Write the backup to a file of a bucket."""
    backups = visit.services.backups
    await backups.show(visit.caller, backup_id)
    try:
        wanted = read_whole(ExportBackup, _document(visit, "path"))
        await backups.export(visit.caller, backup_id, wanted.path)
    except Fault as fault:
        return await _page(visit, backup_id, refusal_of(fault))
    return visit.redirect("backup", notice="backup_exported", backup_id=backup_id)


@group.post("/verify-backup/{backup_id}", name="verify_backup")
async def verify_backup(visit: Visit, backup_id: str) -> Response:
    """Begin to prove that the backup loads."""
    try:
        await visit.services.backups.verify(visit.caller, backup_id)
    except Fault as fault:
        return await _page(visit, backup_id, refusal_of(fault))
    return visit.redirect("backup", notice="backup_verifying", backup_id=backup_id)


@group.post("/delete-backup/{backup_id}", name="delete_backup")
async def delete_backup(visit: Visit, backup_id: str) -> Response:
    """Let the backup go."""
    try:
        await visit.services.backups.delete(visit.caller, backup_id)
    except Fault as fault:
        return await _page(visit, backup_id, refusal_of(fault))
    return visit.redirect("backups", notice="backup_deleted")


def _document(visit: Visit, field: str) -> dict[str, Any]:
    """A document with this one field, where it was filled in."""
    given = visit.posted.text(field)
    return {} if given is None else {field: given}
