"""What everything that keeps backups works with: the store, object storage, time, and how often it looks."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from memstored.domain.backup import Progress
from memstored.domain.clock import Clock
from memstored.domain.facts import SetFacts
from memstored.domain.words import SetId
from memstored.objects.storage import Objects
from memstored.store.backups import BackupRepository
from memstored.store.sets import SetRepository
from memstored.telemetry.measures import Measures

__all__ = ["Means", "Meter", "NotYet", "Rhythm", "Seen"]


class NotYet(Exception):
    """It can not be done now, and nothing is wrong: it is tried again by itself."""


class Seen(Protocol):
    """What is asked of the loop over all sets."""

    def wake(self, set_id: SetId) -> None:
        """A set was written: look at it soon, from what is stored now."""
        ...

    def facts(self, set_id: SetId) -> SetFacts:
        """What is seen of a set now, without asking a node; empty when it is not watched (yet)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """How often is looked and how long is waited, all in seconds.

    `busy` and `idle`: between two looks while something is to be done, and while nothing is; `guard`: between
    two looks at a set whose backup is being made. `stall`: a backup of which nothing moves for so long is
    given up. `sought`: for so long is a replica waited for that could give a backup asked for by a caller.
    After trouble the pauses grow from `first_pause` to `longest_pause`; those before an automatic backup that
    failed is tried again from `retry` to `longest_retry`. `proof`: for so long must the clock have run
    without a leap, since the start as well, before anything is deleted for its age.
    """

    busy: float = 1.0
    idle: float = 10.0
    guard: float = 1.0
    stall: float = 300.0
    sought: float = 60.0
    first_pause: float = 1.0
    longest_pause: float = 60.0
    retry: float = 60.0
    longest_retry: float = 3600.0
    proof: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """The surroundings that all duties share."""

    backups: BackupRepository
    sets: SetRepository
    objects: Objects
    seen: Seen
    clock: Clock
    rhythm: Rhythm = Rhythm()
    measures: Measures = field(default_factory=Measures)


class Meter:
    """Counts the bytes that move for a backup, and tells for how long none did."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._done = 0
        self._total: int | None = None
        self._moved_at = clock.monotonic()

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return Progress(done=self._done, total=self._total)

    @property
    def still_for(self) -> float:
        """Seconds since something moved."""
        return self._clock.monotonic() - self._moved_at

    def begin(self, total: int | None) -> None:
        """Count from 0 to `total` bytes; None when the whole is not known."""
        self._total = total
        self.reach(0)

    def reach(self, done: int) -> None:
        """So many bytes have moved."""
        self._done = done
        self._moved_at = self._clock.monotonic()

    def counted(self, parts: Iterable[bytes]) -> Iterator[bytes]:
        """The same parts, for a thread that takes them, counted as each was; one without bytes does not."""
        for part in parts:
            yield part
            if part:
                self.reach(self._done + len(part))
