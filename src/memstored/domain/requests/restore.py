"""Beginning a set with saved data (API.md 2.1, forms 2 and 3): what is judged before any node is started.

The service looks for the data and reads its header; here is said what of it does not go with the order.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from memstored.domain.backup import Backup
from memstored.domain.engine import capabilities_of, family_of
from memstored.domain.errors import Detail
from memstored.domain.model import Source
from memstored.domain.parameters import usual_memory
from memstored.domain.requests.order import Offer, Order, wanted_memory
from memstored.domain.words import BackupState

__all__ = ["Found", "Missing", "Sought", "backup_source", "unloadable"]

MOST = (60, 100)
"""The part of a flavor's memory that data may take: what it grows to while being loaded and used must fit."""

GIB = 1 << 30

_VERSION = re.compile(r"\d+(?:\.\d+)*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The data is there; `format` is the number of its RDB format, where it was read."""

    source: Source
    format: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """The data can not be had; `forbidden` when only a right of the project is lacking."""

    fault: Detail
    forbidden: bool = False


Sought = Found | Missing
"""What looking for the data came to."""


def backup_source(backup: Backup | None, name: str, field: str) -> Sought:
    """What a set begins with that is restored from the project's backup of that name."""
    if backup is None:
        message = "Give the name of a backup from GET /v1/backups."
        return Missing(fault=Detail(field, "unknown_backup", message))
    if backup.status is not BackupState.AVAILABLE:
        message = f"Give a backup that is Available; {name} is {backup.status.value}."
        return Missing(fault=Detail(field, "backup_wrong_state", message))
    return Found(
        source=Source(
            key=backup.key,
            name=backup.name,
            size=backup.size,
            used_memory=backup.used_memory or None,
            version=backup.version,
            backup_id=backup.id,
            checksum=backup.checksum,
            keys=backup.keys,
        )
    )


def unloadable(found: Found, order: Order, offer: Offer, misread: Collection[str]) -> Iterator[Detail]:
    """Why data can not be loaded into the set that is ordered, less what depends on a misread field."""
    assert order.restore is not None, "only an order that names data is judged for it"
    field = order.restore.field
    if "version" not in misread and order.version in offer.versions:
        yield from _too_new(found, field, order.version, offer)
        yield from _uncheckable(field, order.version, offer)
    if "flavorId" not in misread:
        yield from _too_large(found.source, field, order, offer)


def _too_new(found: Found, field: str, wanted: str, offer: Offer) -> Iterator[Detail]:
    """By the version that wrote it, and by its format: an engine loads no format that it does not know."""
    written = _numbers(found.source.version)
    loads = offer.rdb_formats.get(family_of(wanted))
    if written is not None and written > (_numbers(wanted) or ()):
        message = f"Redis {found.source.version} wrote the data; order that version or a newer, not {wanted}."
        yield Detail(field, "data_too_new", message)
    elif found.format is not None and loads is not None and found.format > loads:
        message = (
            f"The data has RDB format {found.format}; Redis {wanted} loads up to {loads}: order a newer."
        )
        yield Detail(field, "data_too_new", message)


def _uncheckable(field: str, wanted: str, offer: Offer) -> Iterator[Detail]:
    """An engine that believes what it loads gets only what a newer one took before (H25)."""
    if not any(capabilities_of(version).sanitizing for version in (wanted, *offer.versions)):
        message = f"Redis {wanted} does not check what it loads, and no newer one is here to do so."
        yield Detail(field, "data_uncheckable", message)


def _numbers(version: str | None) -> tuple[int, ...] | None:
    """A version as numbers to compare; None when it is not known."""
    read = _VERSION.match(version or "")
    return tuple(int(part) for part in read.group().split(".")) if read else None


def _too_large(source: Source, field: str, order: Order, offer: Offer) -> Iterator[Detail]:
    flavor = offer.catalogue.flavor(order.flavor_id)
    if flavor is None:
        return
    part, whole = MOST
    memory, needed = flavor.memory * GIB, source.used_memory or source.size
    if whole * needed > part * memory:
        message = (
            f"The data takes {needed} bytes, more than {part} % of the {memory} bytes of {flavor.name}; "
            "order a larger flavor."
        )
        yield Detail(field, "data_too_large", message)
    elif (most := _most_of_group(order, offer)) is not None and needed > most:
        message = (
            f"The data takes {needed} bytes; with the maxmemory of the parameter group up to {most} may: "
            "order a larger flavor, or another group."
        )
        yield Detail(field, "data_too_large", message)


def _most_of_group(order: Order, offer: Offer) -> int | None:
    """How much may be loaded where the group has less `maxmemory` than the default one; else None.

    Nothing of it must be evicted, so the same part of `maxmemory` is kept free as of the default one.
    """
    flavor, given = offer.catalogue.flavor(order.flavor_id), wanted_memory(order, offer)
    if flavor is None or given is None:
        return None
    usual = usual_memory(flavor.memory)
    part, whole = MOST
    return given * (flavor.memory * GIB * part // whole) // usual if given < usual else None
