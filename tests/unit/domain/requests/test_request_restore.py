from dataclasses import replace
from typing import Any

import pytest
from asked import CALL, NOW, OFFER, ORDER, PARAMETERS, SET, a_backup, a_use

from memstored.domain.errors import Detail, Fault, Forbidden, InvalidRequest
from memstored.domain.model import Source
from memstored.domain.requests.change import Change, Misread
from memstored.domain.requests.creation import create
from memstored.domain.requests.order import Offer, Order, RestoreWish
from memstored.domain.requests.restore import Found, Missing, Sought, backup_source, unloadable
from memstored.domain.words import BackupId, BackupState, EventName, SetState, UseKind

NAME = "restoreSource.backupName"
FILE = "restoreSource.files[0]"
FROM_BACKUP = replace(ORDER, restore=RestoreWish(backup_name="nightly"))
FROM_FILE = replace(ORDER, restore=RestoreWish(file="bucket/saved.rdb"))
MEMORY = 4 << 30
MOST = MEMORY * 60 // 100
"""Bytes that the flavor of the order takes: exactly 60 % of its 4 GiB, less what is not whole."""


def _file(**changes: Any) -> Source:  # noqa: ANN401 - the fields of the record, checked by replace
    source = Source(key="buckets/p/saved.rdb", name="bucket/saved.rdb", size=1000, etag="e")
    return replace(source, **changes)


NOTHING = Misread()


def _create(order: Order, sought: Sought, misread: Misread = NOTHING, offer: Offer = OFFER) -> Change:
    return create(order, offer, CALL, SET, project_id="p", misread=misread, sought=sought)


def _refusal(order: Order, sought: Sought, misread: Misread = NOTHING) -> Fault:
    with pytest.raises(InvalidRequest) as refusal:
        _create(order, sought, misread)
    assert all(d.message.endswith(".") for d in refusal.value.details)
    return refusal.value


def _codes(fault: Fault) -> list[tuple[str, str]]:
    return [(d.field, d.code) for d in fault.details]


def test_a_set_begins_with_what_was_found() -> None:
    """The source is recorded, the operation has a step for loading, and the event names the data."""
    change = _create(FROM_FILE, Found(source=_file(), format=10))

    operation = change.after.operation
    assert change.after.source == _file()
    assert change.after.status is SetState.INIT
    assert operation is not None
    assert [s.name for s in operation.steps] == ["provision", "load", "replicate", "open"]
    assert (operation.step, operation.started_at, operation.actor) == ("provision", NOW, "mia")
    assert [e.name for e in change.events] == [EventName.CREATE]
    assert "bucket/saved.rdb" in change.events[0].message


def test_a_backup_is_a_source_with_all_that_is_known_of_it() -> None:
    """Its numbers come from the record, so its object need not be read for them."""
    assert backup_source(a_backup(), "nightly", NAME) == Found(
        source=Source(
            key="backups/p/backup-1.rdb",
            name="nightly",
            size=4096,
            used_memory=8192,
            version="7.0.15",
            backup_id=BackupId("backup-1"),
            checksum="c" * 64,
            keys=3,
        )
    )


@pytest.mark.parametrize("kind", list(UseKind))
def test_a_backup_in_use_may_be_restored_too(kind: UseKind) -> None:
    """Several uses at once are fine."""
    assert isinstance(backup_source(a_backup(uses=(a_use(kind),)), "nightly", NAME), Found)


@pytest.mark.parametrize("status", [s for s in BackupState if s is not BackupState.AVAILABLE])
def test_backups_that_can_not_be_restored(status: BackupState) -> None:
    """Only what is whole; the state that it is in is named."""
    sought = backup_source(a_backup(status=status), "nightly", NAME)

    fault = _refusal(FROM_BACKUP, sought)
    assert _codes(fault) == [(NAME, "backup_wrong_state")]
    assert status.value in fault.message


def test_an_unknown_backup() -> None:
    """A name that is none of the project's backups is an unknown id in a body: 400."""
    assert _codes(_refusal(FROM_BACKUP, backup_source(None, "nightly", NAME))) == [(NAME, "unknown_backup")]


SIZES = [
    (_file(used_memory=MOST), True),
    (_file(used_memory=MOST + 1), False),
    (_file(size=MOST), True),
    (_file(size=MOST + 1), False),
    (_file(size=MOST + 1, used_memory=MOST), True),
    (_file(size=1, used_memory=MOST + 1), False),
]


@pytest.mark.parametrize(("source", "passes"), SIZES)
def test_data_takes_at_most_60_percent_of_the_memory(source: Source, passes: bool) -> None:  # noqa: FBT001 - a case
    """What the data took where it was written counts, else the size of the file; both numbers are named."""
    if passes:
        assert _create(FROM_FILE, Found(source=source)).after.source == source
        return

    fault = _refusal(FROM_FILE, Found(source=source))
    assert _codes(fault) == [(FILE, "data_too_large")]
    assert str(MOST + 1) in fault.message
    assert str(MEMORY) in fault.message


def test_exactly_60_percent_passes() -> None:
    """Of a flavor whose 60 % is a whole number of bytes; one byte more does not."""
    five = replace(OFFER.catalogue.flavors[0], id="five", memory=5)
    offer = replace(OFFER, catalogue=replace(OFFER.catalogue, flavors=(five,)))
    order = replace(FROM_FILE, flavor_id="five")
    fits, too_large = (_file(used_memory=(3 << 30) + more) for more in (0, 1))

    assert _create(order, Found(source=fits), offer=offer).after.source == fits
    with pytest.raises(InvalidRequest):
        _create(order, Found(source=too_large), offer=offer)


@pytest.mark.parametrize(
    ("version", "rdb_format", "wanted", "passes"),
    [
        ("7.0.15", 10, "7.0.15", True),
        ("7.0.16", 10, "7.0.15", False),
        ("7.0.9", 10, "7.0.15", True),
        ("7.2.0", 11, "7.0.15", False),
        ("6.2.5", 9, "7.0.15", True),
        ("5.0.6", 9, "6.2.5", True),
        ("7.0.15", 10, "6.2.5", False),
        ("10.0.0", 9, "7.0.15", False),
        (None, 10, "7.0.15", True),
        (None, 11, "7.0.15", False),
        (None, 9, "6.2.5", True),
        (None, 10, "6.2.5", False),
        ("6.2.5", 10, "6.2.5", False),
        ("unstable", 10, "7.0.15", True),
        ("unstable", 11, "7.0.15", False),
        ("7.0.15", None, "7.0.15", True),
        ("7.0.15", None, "6.2.5", False),
    ],
)
def test_data_of_a_newer_engine_is_refused(
    version: str | None,
    rdb_format: int | None,
    wanted: str,
    passes: bool,  # noqa: FBT001 - a case
) -> None:
    """By the version that wrote it, else by the format; the same version and older ones are loaded."""
    order = replace(FROM_FILE, version=wanted, parameter_group_id=PARAMETERS[wanted[:3]])
    found = Found(source=_file(version=version), format=rdb_format)
    if passes:
        assert _create(order, found).after.version == wanted
        return

    fault = _refusal(order, found)
    assert _codes(fault) == [(FILE, "data_too_new")]
    assert wanted in fault.message
    assert str(version) in fault.message or str(rdb_format) in fault.message


def test_all_reasons_are_told_at_once() -> None:
    """Both numbers that collide, and what can not be had besides; as 400, where plain create says 422."""
    order = replace(FROM_BACKUP, security_groups=("none",))
    found = Found(source=_file(version="7.2.6", used_memory=MOST + 1))

    fault = _refusal(order, found)

    assert sorted(_codes(fault)) == [
        (NAME, "data_too_large"),
        (NAME, "data_too_new"),
        ("securityGroups[0].id", "unknown_security_group"),
    ]


def test_what_can_not_be_had_is_400_on_a_restore() -> None:
    """Everything that plain create answers with 422."""
    order = replace(FROM_FILE, flavor_id="none", version="9.9.9")

    assert sorted(_codes(_refusal(order, Found(source=_file())))) == [
        ("flavorId", "unknown_flavor"),
        ("version", "version_unavailable"),
    ]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("version", {(FILE, "data_too_large")}),
        ("flavorId", {(FILE, "data_too_new")}),
        ("port", {(FILE, "data_too_large"), (FILE, "data_too_new")}),
    ],
)
def test_data_is_not_judged_by_a_malformed_field(field: str, expected: set[tuple[str, str]]) -> None:
    """A stand-in says nothing; what else collides is told with the malformed field."""
    misread = Misread(faults=(Detail(field, "wrong_type", "Give it."),), fields=frozenset({field}))
    found = Found(source=_file(version="7.2.6", used_memory=MOST + 1))

    assert set(_codes(_refusal(FROM_FILE, found, misread))) == {(field, "wrong_type")} | expected


def test_a_lacking_right_is_403_after_what_is_malformed() -> None:
    """As for a project that is not the caller's: before what can not be met."""
    lacking = Missing(fault=Detail(FILE, "bucket_read_only", "Ask for the right."), forbidden=True)
    port = Misread(faults=(Detail("port", "wrong_type", "Give it."),), fields=frozenset({"port"}))

    with pytest.raises(Forbidden) as refusal:
        _create(replace(FROM_FILE, flavor_id="none"), lacking)
    assert _codes(refusal.value) == [(FILE, "bucket_read_only")]
    assert set(_codes(_refusal(FROM_FILE, lacking, port))) == {
        (FILE, "bucket_read_only"),
        ("port", "wrong_type"),
    }
    with pytest.raises(Forbidden, match="project"):
        _create(replace(FROM_FILE, project_id="q"), lacking)


@pytest.mark.parametrize(
    ("versions", "codes"), [(["7.0.15", "5.0.6"], []), (["5.0.6"], ["data_uncheckable"])]
)
def test_h25_an_engine_that_checks_nothing_needs_a_newer_one(versions: list[str], codes: list[str]) -> None:
    """What it is to load is tried by one that checks it; where none is, nothing is restored into it."""
    order = replace(FROM_FILE, version="5.0.6", user=None, parameter_group_id=PARAMETERS["5.0"])
    offer = replace(OFFER, versions=versions)

    told = [detail.code for detail in unloadable(Found(source=_file()), order, offer, ())]

    assert told == codes
