"""What is chosen for somebody who only says how many nodes."""

import pytest

from memstored.cli.errors import Stop
from memstored.cli.ordering import default_group, smallest, spread
from memstored.client.models import Flavor, ParameterGroupRow


def group(name: str, family: str, *, custom: bool = False) -> ParameterGroupRow:
    """A group whose id is its name."""
    return ParameterGroupRow(
        id=name,
        name=name,
        description="",
        type="custom" if custom else "default",
        engine_family=family,
        cluster_mode=False,
        base_id=None,
        instance_set_count=0,
        created_at=None,
        updated_at=None,
    )


def test_the_smallest_size_is_taken() -> None:
    """By memory, then by CPUs."""
    flavors = [Flavor(id=f"{m}-{v}", name="x", vcpus=v, memory=m) for m, v in ((8, 2), (2, 4), (2, 2))]

    assert smallest(flavors) == "2-2"


def test_nodes_are_spread_over_the_zones() -> None:
    """One after the other, the primary in the first; with more nodes than zones from the first again."""
    assert spread(["a", "b", "c"], 2) == ["a", "b"]
    assert spread(["a", "b"], 5) == ["a", "b", "a", "b", "a"]


def test_the_default_group_of_the_version_is_taken() -> None:
    """Never somebody's own of the same family."""
    groups = [group("mine", "7.0", custom=True), group("six", "6.2"), group("seven", "7.0")]

    assert default_group(groups, "7.0.15") == "seven"


def test_an_empty_catalogue_is_said_to_be_so() -> None:
    """Instead of a fault of Python's."""
    with pytest.raises(Stop, match="no flavors"):
        smallest([])
    with pytest.raises(Stop, match="no subnets"):
        spread([], 1)
    with pytest.raises(Stop, match="no parameter group for"):
        default_group([], "7.0.15")
