"""The form of a new set: empty, for a backup, or for a file.

While it is filled in, `check` judges it by the API's own rules and shows what other doors would be told;
`refresh` shows what goes with another version, another number of nodes or another source. Neither does
anything. The password is read by `create_set` alone.
"""

from dataclasses import replace
from http import HTTPStatus

from starlette.responses import Response

from memstored.api.caller import check_role, project_of
from memstored.api.reading import Reading, read_creation
from memstored.api.schemas.sets import CREATION_STAND_IN, CreateSet
from memstored.client.passwords import encrypt
from memstored.console.equivalents import Equivalents, equivalents
from memstored.console.forms import NOTHING_REFUSED, Posted, Refusal, refusal_of
from memstored.console.group import PageGroup
from memstored.console.languages import english
from memstored.console.pages import sets
from memstored.console.set_form import (
    FIELDS,
    PRIMARY,
    Choices,
    begun,
    completed,
    document_of,
    going_with,
    replica,
)
from memstored.console.visit import Visit
from memstored.domain.backup import Backup
from memstored.domain.errors import Detail, Fault, InvalidRequest
from memstored.domain.requests.change import Misread
from memstored.domain.words import BackupState
from memstored.service.backups import BackupFilter
from memstored.service.parameter_groups import GroupFilter

__all__ = ["group"]

group = PageGroup(
    within=sets.group,
    notices={"set_ordered": english("The set was ordered. It runs in a moment.")},
)

PASSWORD, AGAIN = "user.password", "passwordAgain"
SUGGESTED = 50
"""Backups that the form names."""
_WHOLE = (BackupState.AVAILABLE, BackupState.RESTORING, BackupState.COPYING, BackupState.EXPORTING)
_NO_ENGINE = english(
    "There is no Redis here that could be started. memstored doctor tells its operator what is missing."
)
_STAND_IN = "0" * 64
"""The form of a hash: stands for a password that is not looked at."""
_HASH = "<SHA-256 of the password, in hex>"
_CIPHERTEXT = "<the password, encrypted with the key of /v1/redis/password-key>"


@group.get("/create-set", name="new_set")
async def new_set(visit: Visit) -> Response:
    """The form; `?backup=` is the id of a backup that the set begins with."""
    check_role(visit.caller, "POST")
    choices = await _choices(visit)
    backup_id = visit.request.query_params.get("backup")
    backup = (await visit.services.backups.show(visit.caller, backup_id)).backup if backup_id else None
    return await _form(visit, choices, begun(choices, backup))


@group.post("/create-set", name="create_set", fields=FIELDS)
async def create_set(visit: Visit) -> Response:
    """Order the set."""
    try:
        reading = await _order(visit)
        set_id = await visit.services.sets.create(visit.caller, reading.form.order(), reading.misread)
    except Fault as fault:
        choices = await _choices(visit)
        return await _form(visit, choices, completed(visit.posted, choices), refusal_of(fault))
    return visit.redirect("set", notice="set_ordered", set_id=set_id)


@group.post("/create-set-refresh", name="refresh_set_form", fields=FIELDS)
async def refresh(visit: Visit) -> Response:
    """The form as it was filled in, with what goes with that."""
    choices = await _choices(visit)
    posted = completed(visit.posted, choices)
    return await _form(visit, choices, posted, await _so_far(visit, posted))


@group.post("/create-set-check", name="check_set_form", fields=FIELDS)
async def check(visit: Visit) -> Response:
    """What is wrong with what was filled in so far, and the same for other doors."""
    refusal = await _so_far(visit, visit.posted)
    same = _same(visit.posted, await _choices(visit), project_of(visit.caller))
    return visit.page("create/checked.html", refusal=refusal, same=same, fields=_fields(visit.posted))


async def _so_far(visit: Visit, posted: Posted) -> Refusal:
    """What `create_set` would refuse now, less what was not filled in yet. The password is not looked at."""
    named = posted.text("user.name") is not None
    document = document_of(posted, project_of(visit.caller), _STAND_IN if named else None)
    reading = read_creation(CreateSet, document, CREATION_STAND_IN)
    unread = replace(reading.misread, fields=reading.misread.fields | {PASSWORD})
    try:
        await visit.services.sets.check(visit.caller, reading.form.order(), unread)
    except Fault as fault:
        refusal = refusal_of(fault)
    else:
        return NOTHING_REFUSED
    details = tuple(it for it in refusal.details if it.code != "missing" and not _empty(posted, it.field))
    return replace(refusal, status=HTTPStatus.OK, details=details)


def _empty(posted: Posted, field: str) -> bool:
    return field in posted.fields and posted.text(field) is None


def _fields(posted: Posted) -> list[str]:
    """The fields of the form; those of boxes are sent only when one is ticked."""
    return sorted({*posted.fields, "recoveryEnabled", "securityGroups", "tlsEnabled"})


async def _order(visit: Visit) -> Reading[CreateSet]:
    """What was filled in, with the password as the API takes it."""
    password, fault = await _password(visit)
    document = document_of(visit.posted, project_of(visit.caller), password)
    reading = read_creation(CreateSet, document, CREATION_STAND_IN)
    if fault is None:
        return reading
    misread = Misread(
        faults=(*reading.misread.faults, fault), fields=reading.misread.fields | {PASSWORD, fault.field}
    )
    return replace(reading, misread=misread)


async def _password(visit: Visit) -> tuple[str | None, Detail | None]:
    """The password as the API takes it, if there is one; or a stand-in and what is wrong with it."""
    clear = visit.posted.exact(PASSWORD)
    if clear is None and visit.posted.text("user.name") is None:
        return None, None
    if clear is None:
        return _STAND_IN, Detail(PASSWORD, "password_missing", "Give the password of the user, twice.")
    if clear != visit.posted.exact(AGAIN):
        return _STAND_IN, Detail(AGAIN, "passwords_differ", "Give the same password twice.")
    try:
        return encrypt((await visit.services.passwords.key()).public_key, clear), None
    except ValueError as fault:
        return _STAND_IN, Detail(PASSWORD, "password_unusable", str(fault))


async def _choices(visit: Visit) -> Choices:
    """What can be chosen; raises `InvalidRequest` where no set can be made at all."""
    services, caller = visit.services, visit.caller
    versions = services.catalogue.versions()
    if not versions:
        raise InvalidRequest(_NO_ENGINE, code="no_engine")
    catalogue = services.catalogue.catalogue
    quotas = services.catalogue.quotas.of(project_of(caller))
    return Choices(
        versions=versions,
        tls=services.catalogue.tls_versions(),
        flavors=sorted(catalogue.flavors, key=lambda it: (it.memory, it.vcpus, it.name)),
        subnets=catalogue.subnets,
        security_groups=catalogue.security_groups,
        groups=[view.group for view in await services.parameter_groups.fitting(caller, GroupFilter())],
        most_nodes=min(quotas.nodes_per_set, quotas.replicas_per_set + 1),
    )


async def _suggested(visit: Visit) -> list[Backup]:
    """The newest backups that can be restored; of those before them the name is typed."""
    page = await visit.services.backups.page(visit.caller, BackupFilter(limit=SUGGESTED, states=_WHOLE))
    return [view.backup for view in page.rows]


async def _form(
    visit: Visit, choices: Choices, posted: Posted, refusal: Refusal = NOTHING_REFUSED
) -> Response:
    return visit.page(
        "create/form.html",
        status=refusal.status,
        refusal=refusal,
        choices=choices,
        posted=posted,
        going=going_with(posted, choices),
        same=_same(posted, choices, project_of(visit.caller)),
        backups=await _suggested(visit) if posted.text("source") == "backup" else (),
        primary=PRIMARY,
        replica=replica,
    )


def _same(posted: Posted, choices: Choices, project_id: str) -> Equivalents:
    """The order for other doors, with words in the place of the password."""
    words = _HASH if going_with(posted, choices).users else _CIPHERTEXT
    named = posted.text("user.name") is not None
    return equivalents(document_of(posted, project_id, words if named else None), choices)
