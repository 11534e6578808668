"""Sets that were read before, by revision.

Every change of a set raises its revision, in one transaction with everything of it (`SetRepository.commit`).
So what was read at a revision is what is stored at it, whoever writes, and only the revision has to be asked
for again. Used by the threads that read, at the same time.
"""

from collections import OrderedDict
from threading import Lock

from memstored.domain.model import InstanceSet
from memstored.domain.words import SetId

__all__ = ["Known"]

CAPACITY = 10_000


class Known:
    """The `capacity` sets read last, each at the revision that was read last."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._sets: OrderedDict[SetId, InstanceSet] = OrderedDict()
        self._lock = Lock()

    def at(self, set_id: SetId, revision: int) -> InstanceSet | None:
        """The set as it is at that revision, if it is known."""
        with self._lock:
            found = self._sets.get(set_id)
            if found is None or found.revision != revision:
                return None
            self._sets.move_to_end(set_id)
            return found

    def keep(self, instance_set: InstanceSet) -> None:
        """Know a set at its revision, unless a later one is known."""
        with self._lock:
            known = self._sets.get(instance_set.id)
            if known is not None and known.revision > instance_set.revision:
                return
            self._sets[instance_set.id] = instance_set
            self._sets.move_to_end(instance_set.id)
            if len(self._sets) > self._capacity:
                self._sets.popitem(last=False)
