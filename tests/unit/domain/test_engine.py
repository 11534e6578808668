import pytest

from memstored.domain.engine import Family, capabilities_of, family_of


@pytest.mark.parametrize(
    ("version", "family"),
    [
        ("5.0.6", Family.V5_0),
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


def test_versions_before_the_first_family_are_refused() -> None:
    """Nothing is known of what they can do."""
    with pytest.raises(ValueError, match=r"4\.0\.14"):
        family_of("4.0.14")


def test_only_the_first_family_is_without_users_of_their_own() -> None:
    """ACLs came with 6.0."""
    assert [f for f in Family if not capabilities_of(f"{f}.0").acl] == [Family.V5_0]
