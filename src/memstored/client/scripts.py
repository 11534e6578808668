"""What takes more than one call: orders with the caller's project, whole lists, waiting, following. No I/O.

`deadline`s are what `Session.clock` reaches; `look` is the time between two looks. Both in seconds.
"""

from collections.abc import Callable, Sequence
from math import inf
from typing import Any, Concatenate, ParamSpec, TypeVar

from memstored.client.calls import backups, catalogue, identity, parameter_groups, sets
from memstored.client.calls.paging import Page
from memstored.client.errors import ComesToNothing, Forbidden, NotFound, TimedOut
from memstored.client.models import Backup, InstanceSet, Operation, RestoreSource, Token, User
from memstored.client.session import Session
from memstored.client.wire import Call, Item, Script, Stream, sleep

__all__ = [
    "check_token",
    "create_set",
    "encrypt_password",
    "follow",
    "follow_backup",
    "list_events",
    "list_operations",
    "list_parameter_group_events",
    "list_set_events",
    "list_sets",
    "new_token",
    "performed",
    "revoke_token",
    "show_identity",
    "show_token",
    "wait_until_applied",
    "wait_until_available",
    "wait_until_gone",
    "wait_until_running",
]

P = ParamSpec("P")
T = TypeVar("T")

LOOK = 0.5
PATIENCE = 600.0
"""Seconds that a set or a backup is waited for, unless the caller says otherwise."""


def performed(make: Callable[P, Call[T]]) -> Callable[Concatenate[Session, P], Script[T]]:
    """The script that performs the call that `make` makes."""

    def script(session: Session, /, *args: P.args, **kwargs: P.kwargs) -> Script[T]:
        return session.perform(make(*args, **kwargs))

    script.__doc__ = make.__doc__
    return script


def create_set(
    session: Session,
    *,
    instance_set_name: str,
    replicas: int,
    flavor_id: str,
    recovery_enabled: bool,
    subnets: Sequence[str],
    primary_subnet: str,
    replica_subnets: Sequence[str],
    security_groups: Sequence[str],
    parameter_group_id: str,
    version: str,
    port: int = 6379,
    project_id: str | None = None,
    description: str | None = None,
    backup_cron: str | None = None,
    backup_retention_limit: int | None = None,
    user: User | None = None,
    tls_enabled: bool = False,
    restore_source: RestoreSource | None = None,
) -> Script[str]:
    """Order a set and return its id; the work goes on, see `wait_until_running` and `follow`.

    `replicas` counts all nodes, the primary included. Without `project_id` the set is made in the caller's
    project.
    """
    project = project_id or (yield from session.project_id())
    if project is None:
        raise Forbidden(403, "no_project", "Use a token of a project; this one has none.")
    order = sets.create_set(
        instance_set_name=instance_set_name,
        replicas=replicas,
        flavor_id=flavor_id,
        recovery_enabled=recovery_enabled,
        subnets=subnets,
        primary_subnet=primary_subnet,
        replica_subnets=replica_subnets,
        security_groups=security_groups,
        parameter_group_id=parameter_group_id,
        port=port,
        project_id=project,
        version=version,
        description=description,
        backup_cron=backup_cron,
        backup_retention_limit=backup_retention_limit,
        user=user,
        tls_enabled=tls_enabled,
        restore_source=restore_source,
    )
    return (yield from session.perform(order))


def encrypt_password(session: Session, password: str) -> Script[str]:
    """The password as `User.password` takes it, under the service's present key; use it within a day.

    Raises `ValueError` when the password is empty, too long or no UTF-8, or the key of another kind.
    """
    from memstored.client.passwords import ALGORITHM, encrypt  # noqa: PLC0415 - only this needs the cipher

    key = yield from session.perform(catalogue.show_password_key())
    if key.algorithm != ALGORITHM:
        raise ValueError(f"The service wants {key.algorithm}, which is not known here; use its memstored.")
    return encrypt(key.public_key, password)


# Tokens


def new_token(session: Session) -> Script[Token]:
    """Fetch a fresh token (of 12 hours, from memstored itself); the client uses it from now on."""
    return session.new_token()


def show_token(session: Session, token: str | None = None) -> Script[Token]:
    """Look at a token: the client's own, or as an administrator any."""
    subject = token or (yield from session.token())
    return (yield from session.perform(identity.show_token(session.access.auth_url, subject)))


def check_token(session: Session, token: str | None = None) -> Script[bool]:
    """Whether a token is valid: the client's own, or as an administrator any."""
    subject = token or (yield from session.token())
    return (yield from session.perform(identity.check_token(session.access.auth_url, subject)))


def revoke_token(session: Session, token: str | None = None) -> Script[None]:
    """End a token at once: the client's own, in whose place another is fetched when one is needed."""
    subject = token or (yield from session.token())
    yield from session.perform(identity.revoke_token(session.access.auth_url, subject))
    session.forget(subject)


def show_identity(session: Session) -> Script[Any]:
    """Keystone's version document of the identity service, as it comes."""
    return session.perform(identity.show_identity(session.access.auth_url))


# Lists that come in pages


def _pages(session: Session, page: Callable[[str | None], Call[Page[T]]]) -> Stream[T]:
    marker: str | None = None
    while True:
        got = yield from session.perform(page(marker))
        for row in got.rows:
            yield Item(row)
        if got.next is None:
            return
        marker = got.next


def _paged(
    make: Callable[Concatenate[str | None, P], Call[Page[T]]],
) -> Callable[Concatenate[Session, P], Stream[T]]:
    """The stream of all rows of the pages that `make` asks for."""

    def stream(session: Session, /, *args: P.args, **kwargs: P.kwargs) -> Stream[T]:
        return _pages(session, lambda marker: make(marker, *args, **kwargs))

    stream.__doc__ = f"{(make.__doc__ or '').replace('A page of', 'All of', 1)} `limit`: rows a request."
    return stream


list_sets = _paged(sets.set_page)
list_operations = _paged(sets.operation_page)
list_set_events = _paged(sets.set_event_page)
list_events = _paged(sets.event_page)
list_parameter_group_events = _paged(parameter_groups.parameter_group_event_page)


# Waiting


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


def _settled(it: Backup) -> bool:
    return it.status in ("Available", "Error") and not it.verifying


def _standing(it: InstanceSet) -> str:
    why = f": {it.reason.message}" if it.reason else "."
    return f"The set {it.instance_set_name} is {it.status}{why}"
