"""`memstored backup verify`: what a verification that has ended found."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from memstored.cli.backups import verdict
from memstored.cli.errors import Stop
from memstored.client.models import Backup

AT = datetime(2026, 1, 31, tzinfo=UTC)
WHOLE = Backup(
    id="b1",
    name="nightly",
    project_id="p1",
    cluster_name="orders",
    cluster_id="s1",
    cluster_mode=False,
    type="manual",
    status="Available",
    version="7.0.15",
    flavor_id="f1",
    size=4096,
    used_memory=8192,
    keys=3,
    checksum="c" * 64,
    created_at=AT,
    completed_at=AT,
    expires_at=None,
    reason=None,
    copy_of=None,
    verifying=False,
    verified_at=AT,
    damage=None,
    progress=None,
)


def test_a_whole_backup_is_told_with_what_proves_it() -> None:
    """Its size, its keys where they were counted, and its checksum."""
    assert verdict(WHOLE) == f"nightly is whole: 4096 bytes, 3 keys, SHA-256 {'c' * 64}."
    assert "keys not counted" in verdict(replace(WHOLE, keys=None))


def test_a_damaged_backup_ends_with_1_and_what_is_wrong() -> None:
    """So that a script sees it."""
    with pytest.raises(Stop, match=r"nightly is damaged\. The SHA-256 is another one\.") as stop:
        verdict(replace(WHOLE, damage="The SHA-256 is another one."))

    assert stop.value.code == 1


def test_what_could_not_be_found_out_is_no_verdict() -> None:
    """Another exit code, with the reason."""
    reason = "It could not be verified: no Redis of version 7.2.7 or later is here to load it."
    with pytest.raises(Stop, match=r"could not be verified") as stop:
        verdict(replace(WHOLE, reason=reason))

    assert stop.value.code == 4
