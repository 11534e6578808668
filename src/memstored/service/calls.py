"""Who calls, as the use cases need it."""

from typing import NoReturn

from memstored.domain.clock import Clock
from memstored.domain.requests.change import Call, refused
from memstored.identity.protocol import Caller
from memstored.telemetry.requests import current_request_id

__all__ = ["call_of", "project_of", "refuse_marker"]


def project_of(caller: Caller) -> str:
    """The project of a caller whom the API let in."""
    assert caller.project_id is not None, "the API admits no caller without a project"
    return caller.project_id


def call_of(caller: Caller, clock: Clock) -> Call:
    """The call that is being served, made by this caller now."""
    return Call(actor=caller.user_name, request_id=current_request_id(), at=clock.wall())


def refuse_marker() -> NoReturn:
    """Raise `InvalidRequest` for the marker of a page that no list gave."""
    raise refused(
        "marker", "unknown_marker", "Give the field next of the page before, or no marker."
    ) from None
