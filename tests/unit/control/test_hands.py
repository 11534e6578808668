"""Whose work begins next: projects take turns, and none takes all hands."""

from dataclasses import dataclass

from memstored.control.hands import Hands


@dataclass(frozen=True)
class Piece:
    """Some work of a project."""

    project: str
    number: int


def work(project: str, count: int) -> list[Piece]:
    """So much work of that project, the oldest first."""
    return [Piece(project, number) for number in range(1, count + 1)]


def served(hands: Hands, waiting: list[Piece], turns: int) -> str:
    """Whose work begins in so many turns, when what began has ended before the next turn."""
    waiting, order = list(waiting), ""
    for _ in range(turns):
        for piece in hands.dealt(waiting, []):
            waiting.remove(piece)
            order += piece.project
    return order


def test_as_much_begins_as_there_are_hands_free() -> None:
    """What is under way holds some of them."""
    assert Hands(3).dealt(work("a", 5), ["b"]) == work("a", 2)


def test_nothing_begins_without_a_hand() -> None:
    """However long it has waited."""
    assert Hands(2).dealt(work("a", 5), ["b", "b"]) == []


def test_no_project_has_more_than_its_share() -> None:
    """The rest is for others, even if none of them wants it now."""
    hands = Hands(4, share=2)

    assert hands.dealt(work("a", 5), ["a"]) == work("a", 1)
    assert hands.dealt([*work("a", 5), *work("b", 5)], ["a", "a"]) == work("b", 2)


def test_projects_take_turns_however_much_one_of_them_wants() -> None:
    """Within a project the order is that in which it was given."""
    assert served(Hands(1), [*work("a", 9), *work("b", 2), *work("c", 1)], 7) == "abcabaa"


def test_who_asks_for_one_thing_after_the_other_holds_up_nobody() -> None:
    """Whoever has nothing left to wait for, and comes back, comes back at the end of the line."""
    hands, rest = Hands(1), [*work("b", 2), *work("c", 2)]
    order = ""
    for waiting in ([*work("a", 1), *rest], rest, [*work("a", 1), *rest], [*work("a", 1), *rest]):
        order += hands.dealt(waiting, [])[0].project

    assert order == "abcb"


def test_a_project_at_its_share_keeps_its_place() -> None:
    """It is the next when one of its own has ended."""
    hands, both = Hands(2, share=1), [*work("a", 3), *work("b", 3)]
    hands.dealt(both, [])

    assert hands.dealt(both, ["a", "b"]) == []
    assert hands.dealt([*work("c", 3), *both], ["b"]) == work("a", 1)
