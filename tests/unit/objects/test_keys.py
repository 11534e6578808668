"""Which keys are good."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memstored.objects.keys import BadKey, backup_key, checked, segment


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


@given(st.text())
def test_any_word_makes_one_segment(word: str) -> None:
    """A project's id, whatever is in it, stays beneath its folder."""
    try:
        made = segment(word)
    except UnicodeEncodeError:
        return

    assert "/" not in made
    assert made not in (".", "..")


def test_two_projects_share_no_folder() -> None:
    """Ids that look like paths do not meet those of others."""
    keys = {backup_key("a", "b/c"), backup_key("a/b", "c"), backup_key("a%2Fb", "c"), backup_key("..", "c")}

    assert len(keys) == 4
    assert all(key.count("/") == 2 for key in keys)
