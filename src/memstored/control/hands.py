"""Whose work begins next, when more is to be done than may be under way at the same time.

Pure. Called by `control/keeper.py`, which has hands for each kind of work, at every turn.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Protocol, TypeVar

__all__ = ["Hands"]


class _Work(Protocol):
    @property
    def project(self) -> str: ...


Work = TypeVar("Work", bound=_Work)


class Hands:
    """`count` hands, at most `share` of them for one project; without, as many as there are.

    Projects take turns: a hand that is free goes to the project that has waited longest since it came, or
    since it got its last one.
    """

    def __init__(self, count: int, *, share: int | None = None) -> None:
        self._count = count
        self._share = share or count
        self._line: dict[str, None] = {}

    def dealt(self, waiting: Iterable[Work], held: Iterable[str]) -> list[Work]:
        """Those of what is `waiting` that begin now; of one project in the order given.

        `held` are the projects that have hands now, each as often as it has one.
        """
        theirs: dict[str, list[Work]] = {}
        for work in waiting:
            theirs.setdefault(work.project, []).append(work)
        # Who has nothing to wait for leaves the line, so it is no longer than what is stored.
        self._line = {project: None for project in self._line if project in theirs} | dict.fromkeys(theirs)
        has = Counter(held)
        begun: list[Work] = []
        while has.total() < self._count:
            project = next((p for p in self._line if has[p] < self._share and theirs[p]), None)
            if project is None:
                break
            begun.append(theirs[project].pop(0))
            has[project] += 1
            del self._line[project]
            self._line[project] = None
        return begun
