"""What other values of a group will do to sets, told beforehand."""

from dataclasses import replace

import pytest
from world import planned_set

from memstored.domain.model import Configuration, GroupValues, InstanceSet, Setting
from memstored.domain.outlook import Outlook, outlook
from memstored.domain.words import SetState

GROUP = "8a4f"
GIB = 1024**3


def values(version: int, **settings: str) -> GroupValues:
    """A version of the group; `_` in a name stands for `-`."""
    held = tuple(Setting(name=name.replace("_", "-"), value=value) for name, value in settings.items())
    return GroupValues(group_id=GROUP, version=version, settings=held)


def having(recorded: GroupValues, status: SetState = SetState.RUNNING) -> InstanceSet:
    """A set whose nodes run with these."""
    return replace(
        planned_set(replicas=2), status=status, operation=None, configuration=Configuration(values=recorded)
    )


def told(it: InstanceSet, before: GroupValues, after: GroupValues, used: int | None = None) -> Outlook:
    """What is told of a change of the set's group."""
    return outlook("7.0", before.settings, after, [it], {it.id: used})


def test_differences_are_old_and_new() -> None:
    """Of what differs only; what has no value of its own any more gets the default."""
    before, after = values(1, hz="20", timeout="300"), values(2, timeout="600")

    differences = told(having(before), before, after).differences

    assert [(it.parameter.name, it.before, it.after) for it in differences] == [
        ("hz", "20", "10"),
        ("timeout", "300", "600"),
    ]


def test_an_effect_tells_what_needs_new_nodes() -> None:
    """Apart from what is set while a node runs."""
    before, after = values(1), values(2, io_threads="2", timeout="300")

    [effect] = told(having(before), before, after).effects

    assert (effect.live, effect.born, effect.nothing) == (("timeout",), ("io-threads",), False)


def test_an_effect_is_that_on_the_nodes() -> None:
    """A set that has yet to get the version before gets both at once; one that has them gets nothing."""
    before, after = values(2, timeout="300"), values(3, timeout="300", hz="20")

    [behind] = told(having(values(1)), before, after).effects
    [there] = told(having(after), before, after).effects

    assert behind.live == ("hz", "timeout")
    assert there.nothing


@pytest.mark.parametrize(("share", "less"), [("50%", True), ("70%", False)])
def test_an_effect_tells_the_memory(share: str, less: bool) -> None:  # noqa: FBT001 - a case
    """In bytes of the set's flavor, with what is used."""
    it = having(values(1))

    [effect] = told(it, values(1), values(2, maxmemory=share), used=GIB).effects

    percent = int(share.removesuffix("%"))
    assert effect.maxmemory == (it.memory * GIB * 65 // 100, it.memory * GIB * percent // 100)
    assert (effect.less, effect.used) == (less, GIB)


@pytest.mark.parametrize("status", [SetState.TERMINATING, SetState.FAILED])
def test_what_is_over_is_left_out(status: SetState) -> None:
    """Nothing comes to a set that goes, or for which nothing can be done."""
    assert told(having(values(1), status), values(1), values(2, timeout="300")).effects == ()
