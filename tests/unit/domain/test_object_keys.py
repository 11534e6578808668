"""Which keys are good."""

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


def test_two_projects_share_no_folder() -> None:
    """Ids that look like paths do not meet those of others."""
    keys = {backup_key("a", "b/c"), backup_key("a/b", "c"), backup_key("a%2Fb", "c"), backup_key("..", "c")}

    assert len(keys) == 4
    assert all(key.count("/") == 2 for key in keys)


def test_a_bucket_is_beneath_its_project() -> None:
    """A project's own buckets lie side by side, beneath its folder."""
    assert bucket_key("p", "b") == "buckets/p/b"
