"""What `memstored set create` orders when not all is said: the smallest size, all zones. Pure."""

from collections.abc import Sequence
from itertools import cycle, islice
from typing import TYPE_CHECKING

from memstored.cli.errors import Stop

if TYPE_CHECKING:
    from memstored.client.models import Flavor, ParameterGroupRow

__all__ = ["default_group", "smallest", "spread"]


def smallest(flavors: Sequence["Flavor"]) -> str:
    """The id of the flavor with the least memory and CPUs; raises `Stop` when there is none."""
    if not flavors:
        raise Stop("The service offers no flavors; correct its catalogue.")
    return min(flavors, key=lambda it: (it.memory, it.vcpus, it.name)).id


def spread(subnets: Sequence[str], nodes: int) -> list[str]:
    """In which subnet each node is made, the primary first: one after the other, and from the first again."""
    if not subnets:
        raise Stop("The service offers no subnets; correct its catalogue.")
    return list(islice(cycle(subnets), nodes))


def default_group(groups: Sequence["ParameterGroupRow"], version: str) -> str:
    """The id of the default parameter group of that version; raises `Stop` when there is none."""
    family = version.rpartition(".")[0]
    fitting = (it.id for it in groups if it.type == "default" and it.engine_family == family)
    found = next(fitting, None)
    if found is None:
        raise Stop(f"There is no parameter group for {version}; see `memstored catalogue versions`.", code=2)
    return found
