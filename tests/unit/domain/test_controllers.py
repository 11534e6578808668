"""Who gives way to whom."""

import pytest

from memstored.domain.controllers import Controller, Controllers


def controller(number: int, nonce: str = "aaaaaaaa") -> Controller:
    """A start of the service."""
    return Controller(number=number, nonce=nonce)


KNOWN = Controllers(own=controller(30), former=frozenset({controller(10), controller(20)}), since=10)


def test_a_controller_is_known_by_its_name() -> None:
    """Number and chance, as they stand in the name of its user."""
    one = controller(1_790_000_000, "5f0c21ab")

    assert one.name == "1790000000-5f0c21ab"
    assert Controller.named(one.name) == one


@pytest.mark.parametrize("name", ["", "12", "12-", "-5f0c21ab", "x-5f0c21ab", "١٢-5f0c21ab"])
def test_what_is_no_name_of_one_is_nobodys(name: str) -> None:
    """A user that somebody made by hand, as it may be."""
    assert Controller.named(name) is None


@pytest.mark.parametrize("former", [controller(10), controller(20)])
def test_s07_those_that_came_before_are_replaced(former: Controller) -> None:
    """They are written in the state."""
    assert KNOWN.replaces(former)


@pytest.mark.parametrize("other", [controller(40), controller(20, "bbbbbbbb"), controller(30, "bbbbbbbb")])
def test_s07_whom_the_state_does_not_know_came_later(other: Controller) -> None:
    """Whatever its number is: it began from a copy, and what it did is not recorded here."""
    assert not KNOWN.replaces(other)


def test_s07_whoever_is_older_than_the_first_is_replaced() -> None:
    """A state that was put back is in the place of all that was before."""
    assert KNOWN.replaces(controller(9, "bbbbbbbb"))
