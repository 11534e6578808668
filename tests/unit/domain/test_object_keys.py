"""Which keys are good."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memstored.domain.object_keys import BadKey, backup_key, bucket_key, checked


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc/passwd",
        "..",
        "a/../b",
        "a/..",
        "./a",
        "a/./b",
        "a//b",
        "a/",
        "a\\b",
        "a\0b",
        "a\nb",
        "a\x7fb",
        "a\u202eb",
        "a\ud800b",
        "a" * 1025,
        "\u00e9" * 513,
    ],
)
def test_a_key_that_leads_astray_is_refused(key: str) -> None:
    """Ways up, absolute ways, and what can not be seen or stored, are no keys."""
    with pytest.raises(BadKey):
        checked(key)


@pytest.mark.parametrize("key", ["a", "a/b.rdb", "a/..b", "a/b..", "a/...", "my file #1 100%.rdb", "백업/일"])
def test_an_ordinary_name_is_a_key(key: str) -> None:
    """Names that people give to files are good as they are."""
    assert checked(key) == key


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80))
def test_any_project_has_one_folder(project: str) -> None:
    """A project's id, whatever is in it, is one part of the key."""
    key = backup_key(project, "id")

    assert checked(key).split("/")[2:] == ["id.rdb"]
    assert max(len(part) for part in key.split("/")) <= 255


def test_two_projects_share_no_folder() -> None:
    """Ids that look like paths do not meet those of others."""
    keys = {backup_key("a", "b/c"), backup_key("a/b", "c"), backup_key("a%2Fb", "c"), backup_key("..", "c")}

    assert len(keys) == 4
    assert all(key.count("/") == 2 for key in keys)


def test_a_long_id_is_told_by_its_hash() -> None:
    """A file's name has 255 bytes at most; no other id, and no hash as an id, leads to the same folder."""
    longest = "가" * 64
    digest = hashlib.sha256(longest.encode()).hexdigest()
    others = {backup_key(it, "b") for it in ("가" * 63, "나" + "가" * 63, f"sha256={digest}", "p" * 200)}

    assert backup_key(longest, "b") == f"backups/sha256={digest}/b.rdb"
    assert backup_key("p" * 200, "b") == f"backups/{'p' * 200}/b.rdb"
    assert len(others - {backup_key(longest, "b")}) == 4


def test_a_bucket_is_beneath_its_project() -> None:
    """A project's own buckets lie side by side, beneath its folder."""
    assert bucket_key("p", "b") == "buckets/p/b"
