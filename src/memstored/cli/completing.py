"""What a shell completes: names of sets, backups and parameter groups, asked of the service for a moment."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memstored.client import Client

__all__ = ["backup_names", "group_names", "set_names"]

MOMENT = 1.0
"""Seconds that each answer may take: who waits for a completion types on instead."""
MOST = 200


def set_names(incomplete: str) -> list[str]:
    """Sets whose names begin so."""
    return _asked(incomplete, lambda client: (it.instance_set_name for it in client.list_sets(limit=MOST)))


def backup_names(incomplete: str) -> list[str]:
    """Backups whose names begin so."""
    return _asked(incomplete, lambda client: (it.name for it in client.list_backups()))


def group_names(incomplete: str) -> list[str]:
    """Parameter groups whose names begin so."""
    return _asked(incomplete, lambda client: (it.name for it in client.list_parameter_groups()))


def _asked(incomplete: str, names: Callable[["Client"], Iterable[str]]) -> list[str]:
    """Those of the first names that begin so; none, and no error, when the service can not be asked."""
    from memstored.cli.data import caller  # noqa: PLC0415 - only a completion needs it here
    from memstored.cli.errors import Stop  # noqa: PLC0415
    from memstored.client import NEVER, ClientError  # noqa: PLC0415

    try:
        with caller(None, None, patience=NEVER, timeout=MOMENT) as client:
            few = (name for name, _ in zip(names(client), range(MOST), strict=False))
            return [name for name in few if name.startswith(incomplete)]
    except (Stop, ClientError):
        return []
