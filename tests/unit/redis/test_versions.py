import pytest

from memstored.redis.versions import Family, family_of


@pytest.mark.parametrize(
    ("version", "family"),
    [
        ("6.2.0", Family.V6_2),
        ("6.2.17", Family.V6_2),
        ("7.0.15", Family.V7_0),
        ("7.2.7", Family.V7_2),
        ("7.1.0", Family.V7_0),
        ("10.0.1", Family.V7_2),
    ],
)
def test_a_version_belongs_to_the_newest_family_that_is_not_newer(version: str, family: Family) -> None:
    """Versions between or after the known families use the last one before them."""
    assert family_of(version) is family


@pytest.mark.parametrize("version", ["5.0.6", "6.0.16"])
def test_versions_without_the_needed_commands_are_refused(version: str) -> None:
    """Before 6.2 `bind` can not change live and `CLIENT KILL LADDR` does not exist."""
    with pytest.raises(ValueError, match=version):
        family_of(version)
