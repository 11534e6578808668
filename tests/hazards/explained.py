"""A set that is looked at all the time, so that no state of it goes by without its reason (S10)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from live_set import LiveSet, Row

PAUSE = 0.02
"""Seconds between two looks."""
WORDS = ("code", "message", "since", "trying", "next")


class Watched:
    """What was seen of a set while it was watched."""

    def __init__(self, made: LiveSet) -> None:
        self._set = made
        self._over = threading.Event()
        self._rows: list[Row] = []
        self._thread = threading.Thread(target=self._look)

    def begin(self) -> None:
        """Begin to look."""
        self._thread.start()

    def end(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.is_set():
            self._rows.append(self._set.show())
            self._over.wait(PAUSE)

    def states(self) -> set[str]:
        """The states that were seen."""
        return {row["status"] for row in self._rows}

    def reasons(self) -> set[str]:
        """The codes of the reasons that were seen."""
        return {row["reason"]["code"] for row in self._rows if row["reason"]}

    def unexplained(self) -> list[Row]:
        """What was seen without a whole reason; `Running` needs none and has none."""
        return [row for row in self._rows if not _explained(row)]


def _explained(row: Row) -> bool:
    reason = row["reason"]
    if row["status"] == "Running":
        return reason is None
    return reason is not None and all(reason[word] for word in WORDS)


@contextmanager
def explained(made: LiveSet) -> Iterator[Watched]:
    """Watch the set meanwhile; whatever state was seen must have had a whole reason."""
    watched = Watched(made)
    watched.begin()
    try:
        yield watched
    finally:
        watched.end()
    assert watched.unexplained() == []
