"""Routes of backups, in the order of API.md section 4.

A path that names nothing of the caller's is answered before the body is looked at (API.md 1).
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from memstored.api.answers import Answer, answer, created, written
from memstored.api.body import json_body, without_nulls
from memstored.api.caller import ReadingCaller, WritingCaller
from memstored.api.openapi import answers, refusals, request_body, writes
from memstored.api.reading import read_whole, refuse_fields
from memstored.api.schemas.backups import (
    BackupList,
    BackupQuery,
    BackupRow,
    CopyBackup,
    CreateBackup,
    ExportBackup,
)
from memstored.api.schemas.forms import NoQuery
from memstored.service.backups import BackupService

__all__ = ["router"]

router = APIRouter(prefix="/v1/backups", tags=["backups"])


async def _service(request: Request) -> BackupService:
    service: BackupService = request.app.state.services.backups
    return service


Backups = Annotated[BackupService, Depends(_service)]

NoQueries = Annotated[NoQuery, Query()]


@router.post(
    "",
    status_code=201,
    summary="Create a backup",
    responses=writes("The id of the new backup; the work goes on.", 201) | refusals(404, 409),
    openapi_extra=request_body(CreateBackup),
)
async def create_backup(
    request: Request, caller: WritingCaller, backups: Backups, _query: NoQueries
) -> Answer:
    """Save a set as it is: of a `Running` set, from one of its replicas, one backup at a time."""
    wanted = read_whole(CreateBackup, without_nulls(await json_body(request)))
    return created(await backups.create(caller, wanted.cluster_id, wanted.name))


@router.get("", summary="List the backups", responses=answers(BackupList, "The backups that fit."))
async def list_backups(
    caller: ReadingCaller, backups: Backups, query: Annotated[BackupQuery, Query()]
) -> Answer:
    """The backups of the caller's project, oldest first; they outlive their sets."""
    views = await backups.all(caller, set_id=query.cluster_id, set_name=query.cluster_name)
    return answer(BackupList(backups=[BackupRow.of(view) for view in views]))


@router.get(
    "/{backup_id}", summary="Show a backup", responses=answers(BackupRow, "The backup.") | refusals(404)
)
async def show_backup(backup_id: str, caller: ReadingCaller, backups: Backups, _query: NoQueries) -> Answer:
    """Everything about a backup: what is done with it now, what it holds, how long it stays."""
    return answer(BackupRow.of(await backups.show(caller, backup_id)))


@router.delete(
    "/{backup_id}",
    summary="Delete a backup",
    responses=writes("The id of the backup; the work goes on.") | refusals(404),
)
async def delete_backup(backup_id: str, caller: WritingCaller, backups: Backups, _query: NoQueries) -> Answer:
    """Possible while it is `Available`, or in `Error`."""
    return written(await backups.delete(caller, backup_id))


@router.post(
    "/{backup_id}/copy",
    status_code=201,
    summary="Copy a backup",
    responses=writes("The id of the copy; the work goes on.", 201) | refusals(404, 409),
    openapi_extra=request_body(CopyBackup),
)
async def copy_backup(
    request: Request, backup_id: str, caller: WritingCaller, backups: Backups, _query: NoQueries
) -> Answer:
    """Keep the same data under another name; a copy never expires."""
    found = await backups.show(caller, backup_id)
    wanted = read_whole(CopyBackup, without_nulls(await json_body(request)))
    return created(await backups.copy(caller, found.backup.id, wanted.name))


@router.post(
    "/{backup_id}/export",
    summary="Export a backup",
    responses=writes("The id of the backup; the work goes on.") | refusals(404),
    openapi_extra=request_body(ExportBackup),
)
async def export_backup(
    request: Request, backup_id: str, caller: WritingCaller, backups: Backups, _query: NoQueries
) -> Answer:
    """Write a backup to a file of the project's: a plain RDB that any Redis of its version or later loads."""
    found = await backups.show(caller, backup_id)
    wanted = read_whole(ExportBackup, without_nulls(await json_body(request)))
    return written(await backups.export(caller, found.backup.id, wanted.path))


@router.post(
    "/{backup_id}/verify",
    summary="Verify a backup",
    responses=writes("The id of the backup; the work goes on.") | refusals(404),
)
async def verify_backup(
    request: Request, backup_id: str, caller: WritingCaller, backups: Backups, _query: NoQueries
) -> Answer:
    """Prove that a backup loads: `verifiedAt` tells when it did, `damage` what was found wrong."""
    found = await backups.show(caller, backup_id)
    await refuse_fields(request)
    return written(await backups.verify(caller, found.backup.id))
