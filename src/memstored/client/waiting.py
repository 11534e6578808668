"""Waiting until something is so, and following how it comes about. No I/O.

`timeout` and `look`, the time between two looks, are in seconds, by `Session.clock`.
"""

from collections.abc import Sequence
from math import inf

from memstored.client.calls import backups, parameter_groups, sets
from memstored.client.errors import ComesToNothing, NotFound, TimedOut
from memstored.client.models import ApplyProgress, Backup, InstanceSet, LinkedSet, Operation
from memstored.client.session import Session
from memstored.client.wire import Item, Script, Stream, sleep

__all__ = [
    "LOOK",
    "follow",
    "follow_apply",
    "follow_backup",
    "wait_until_applied",
    "wait_until_available",
    "wait_until_gone",
    "wait_until_running",
]

LOOK = 0.5
PATIENCE = 600.0
"""Seconds that a set or a backup is waited for, unless the caller says otherwise."""


def wait_until_running(
    session: Session, set_id: str, *, timeout: float = PATIENCE, look: float = LOOK
) -> Script[InstanceSet]:
    """Wait until the set is `Running` and return it.

    Raises `ComesToNothing` when it has `Failed` or is being deleted, `NotFound` when it is gone, `TimedOut`.
    """
    deadline = session.clock() + timeout
    while True:
        seen = yield from session.perform(sets.show_set(set_id))
        if seen.status == "Running":
            return seen
        if seen.status in ("Failed", "Terminating", "Terminated"):
            raise ComesToNothing(f"{_standing(seen)} It will not be Running.")
        if session.clock() >= deadline:
            raise TimedOut(f"{_standing(seen)} It was not Running within {timeout:g} s.")
        yield from sleep(look)


def wait_until_gone(
    session: Session, set_id: str, *, timeout: float = PATIENCE, look: float = LOOK
) -> Script[None]:
    """Wait until a set that is being deleted is gone; raises `TimedOut`."""
    deadline = session.clock() + timeout
    while True:
        try:
            seen = yield from session.perform(sets.show_set(set_id))
        except NotFound:
            return
        if session.clock() >= deadline:
            raise TimedOut(f"{_standing(seen)} It was not gone within {timeout:g} s.")
        yield from sleep(look)


def wait_until_applied(
    session: Session, set_id: str, *, timeout: float = PATIENCE, look: float = LOOK
) -> Script[InstanceSet]:
    """Wait until the values of its parameter group have come to every node of the set, and return it.

    Raises `ComesToNothing` when a node refused them (`Error-Sync`) or they do not come on, since another set
    of the group did (`Suspended`): `list_linked_sets` tells the engine's words. `TimedOut`.
    """
    deadline = session.clock() + timeout
    while True:
        seen = yield from session.perform(sets.show_set(set_id))
        group = seen.parameter_group
        if group.apply_status == "In-Sync":
            return seen
        said = f"The values of {group.name} are {group.apply_status} at {seen.instance_set_name}."
        if group.apply_status in ("Error-Sync", "Suspended"):
            raise ComesToNothing(said)
        if session.clock() >= deadline:
            raise TimedOut(said)
        yield from sleep(look)


def wait_until_available(
    session: Session, backup_id: str, *, timeout: float = PATIENCE, look: float = LOOK
) -> Script[Backup]:
    """Wait until a backup is whole, and may be used, and return it.

    Raises `ComesToNothing` when it is in `Error` or goes, `NotFound` when it is gone, `TimedOut`.
    """
    deadline = session.clock() + timeout
    while True:
        seen = yield from session.perform(backups.show_backup(backup_id))
        if seen.status in ("Error", "Deleting"):
            raise ComesToNothing(f"The backup {seen.name} is {seen.status}. {seen.reason or ''}".rstrip())
        if seen.status not in ("Pending", "Creating"):
            return seen
        if session.clock() >= deadline:
            raise TimedOut(f"The backup {seen.name} is {seen.status} still, after {timeout:g} s.")
        yield from sleep(look)


def follow(
    session: Session, set_id: str, *, timeout: float | None = None, look: float = LOOK
) -> Stream[Operation]:
    """The set's operation under way, or the last one: as it is now, and after each change until it ends.

    The last one that comes is `succeeded` or `failed`, with its `error`; of a deletion it may be `running`,
    since the set is gone when it has ended. Raises `TimedOut` when it has not ended in time.
    """
    deadline = _deadline(session, timeout)
    shown: Operation | None = None
    while shown is None or shown.state == "running":
        try:
            page = yield from session.perform(sets.operation_page(None, set_id))
        except NotFound:
            if shown is None:
                raise
            return
        present = next((it for it in page.rows if shown is None or it.id == shown.id), None)
        if present is None:
            return
        if present != shown:
            shown = present
            yield Item(present)
        if present.state == "running":
            if session.clock() >= deadline:
                raise TimedOut(
                    f"The operation {present.kind} goes on, at {present.percent} % and {present.step}."
                )
            yield from sleep(look)


def follow_apply(
    session: Session, group_id: str, *, timeout: float | None = None, look: float = LOOK
) -> Stream[tuple[ApplyProgress, ...]]:
    """How the values of a parameter group come to its sets: as it is now, and after each change.

    It ends when every set is `In-Sync`, or one is `Error-Sync` and no other gets them. Raises `TimedOut`.
    """
    deadline = _deadline(session, timeout)
    shown: tuple[ApplyProgress, ...] | None = None
    while True:
        present = yield from _apply_progress(session, group_id)
        if present != shown:
            shown = present
            yield Item(present)
        waiting = [it.linked.name for it in present if it.linked.apply_status in ("Pending", "Applying")]
        if not waiting or _has_stopped(present):
            return
        if session.clock() >= deadline:
            raise TimedOut(f"The values have not come to every set yet: {', '.join(waiting)}.")
        yield from sleep(look)


def follow_backup(
    session: Session, backup_id: str, *, timeout: float | None = None, look: float = LOOK
) -> Stream[Backup]:
    """A backup as it is now, and after each change until nothing is done with it any more.

    Raises `TimedOut` when that takes longer.
    """
    deadline = _deadline(session, timeout)
    shown: Backup | None = None
    while shown is None or not _settled(shown):
        try:
            present = yield from session.perform(backups.show_backup(backup_id))
        except NotFound:
            if shown is None:
                raise
            return
        if present != shown:
            shown = present
            yield Item(present)
        if not _settled(present):
            if session.clock() >= deadline:
                raise TimedOut(f"The backup {present.name} is {present.status} still.")
            yield from sleep(look)


def _deadline(session: Session, timeout: float | None) -> float:
    return inf if timeout is None else session.clock() + timeout


def _apply_progress(session: Session, group_id: str) -> Script[tuple[ApplyProgress, ...]]:
    progress: list[ApplyProgress] = []
    for linked in (yield from session.perform(parameter_groups.list_linked_sets(group_id))):
        operation = yield from _apply_of(session, linked)
        progress.append(ApplyProgress(linked=linked, operation=operation))
    return tuple(progress)


def _apply_of(session: Session, linked: LinkedSet) -> Script[Operation | None]:
    """What is done to a set while values are brought to it, if they are."""
    if linked.apply_status != "Applying":
        return None
    try:
        return (yield from session.perform(sets.show_set(linked.id))).operation
    except NotFound:
        return None


def _has_stopped(progress: Sequence[ApplyProgress]) -> bool:
    """Whether a set refused the values, so that those after it do not get them, and no other does now."""
    statuses = {it.linked.apply_status for it in progress}
    return "Error-Sync" in statuses and "Applying" not in statuses


def _settled(it: Backup) -> bool:
    return it.status in ("Available", "Error") and not it.verifying


def _standing(it: InstanceSet) -> str:
    why = f": {it.reason.message}" if it.reason else "."
    return f"The set {it.instance_set_name} is {it.status}{why}"
