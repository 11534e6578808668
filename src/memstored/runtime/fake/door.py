"""Loading doors for simulated nodes."""

import asyncio
from collections.abc import AsyncIterable, Callable
from types import TracebackType
from typing import Self

from memstored.domain.ports import DoorTrouble, Identity, Papers
from memstored.runtime.fake.place import FakeRuntime

__all__ = ["FakeDoor", "FakeDoors"]

TURNS = 100
"""How many turns of the fleet a node may take for coming and loading."""


class FakeDoors:
    """Opens doors to the nodes of one fake runtime.

    `writes` are the keys that nodes find in the bytes of every load, whatever these are; `complaint` is what
    they say instead when it can not be loaded. `opened` counts the doors, `secured` those that speak TLS.
    """

    def __init__(self, runtime: FakeRuntime) -> None:
        self.runtime = runtime
        self.writes: tuple[str, ...] = ()
        self.complaint: str | None = None
        self.opened = 0
        self.secured = 0

    def __call__(
        self,
        host: str,
        *,
        size: int,
        deadline: float,  # noqa: ARG002 - turns, not seconds, bound it here
        papers: Papers | None = None,
    ) -> "FakeDoor":
        """A door for a load of `size` bytes, to be used in `async with`."""
        self.opened += 1
        self.secured += papers is not None
        return FakeDoor(self, host, size=size)


class FakeDoor:
    """A `Door` of a simulated fleet."""

    def __init__(self, doors: FakeDoors, host: str, *, size: int) -> None:
        self._runtime = doors.runtime
        self._size = size
        self.identity = Identity(user=f"memstored-load-{doors.opened}", secret=f"secret {doors.opened}")
        self._door = self._runtime.fleet.open_door(host, self.identity, doors.writes)
        self._door.complaint = doors.complaint

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._runtime.fleet.close_door(self._door)

    @property
    def port(self) -> int:
        """See `Door.port`."""
        return self._door.port

    @property
    def replid(self) -> str:
        """See `Door.replid`."""
        return self._door.replid

    async def feed(self, chunks: AsyncIterable[bytes], progress: Callable[[int], None]) -> None:
        """See `Door.feed`; lets the fleet do turns until the node has everything."""
        fed = 0
        async for chunk in chunks:
            fed += len(chunk)
            progress(fed)
        if fed != self._size:
            raise DoorTrouble(f"the data has {fed} bytes, not the {self._size} that were announced")
        self._door.given = True
        for _ in range(TURNS):
            await asyncio.sleep(0)
            self._runtime.turn()
            if self._door.taken:
                return
            if self._door.failed:
                raise DoorTrouble("the node did not accept the data")
        raise DoorTrouble("the node did not come for its data in time")
