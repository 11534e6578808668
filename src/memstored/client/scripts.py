"""What takes more than one call: orders with the caller's project, passwords, tokens, whole lists. No I/O."""

from collections.abc import Callable, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

from memstored.client.calls import catalogue, identity, parameter_groups, sets
from memstored.client.calls.paging import Page
from memstored.client.errors import Forbidden
from memstored.client.models import RestoreSource, Token, User
from memstored.client.session import Session
from memstored.client.wire import Call, Item, Script, Stream

__all__ = [
    "check_token",
    "create_set",
    "encrypt_password",
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
]

P = ParamSpec("P")
T = TypeVar("T")


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
