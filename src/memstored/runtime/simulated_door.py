"""A simulated loading door: what a node that takes saved data in finds at the other end (`redis.door`)."""

from dataclasses import dataclass
from typing import Protocol

from memstored.domain.ports import Identity, LinkTrouble
from memstored.domain.words import NodeId
from memstored.runtime.simulated_stream import Feed, Phase, Snapshot

__all__ = ["FIRST_OFFSET", "SimulatedDoor"]

FIRST_OFFSET = 1000
"""Where the history of a load begins (bytes): far from what a failed one shows (H2)."""


class _Visitor(Protocol):
    """The node that comes, as the door sees it."""

    @property
    def login(self) -> Identity | None: ...


@dataclass(slots=True, kw_only=True, eq=False)
class SimulatedDoor:
    """Lets `identity` in once (H24) and gives it `writes` under `replid`, as soon as they are `given`.

    `complaint` is what the node will say of them when they can not be loaded, None when they can.
    `refused` counts who was turned away: a node whose load failed comes again at once (H28).
    """

    host: str
    port: int
    identity: Identity
    replid: str
    writes: tuple[str, ...]
    complaint: str | None = None
    given: bool = False
    refused: int = 0
    feed: Feed | None = None

    @property
    def id(self) -> NodeId:
        """What a node takes it for: its master."""
        return NodeId(f"{self.host}:{self.port}")

    @property
    def taken(self) -> bool:
        """Whether the node has loaded everything and said so."""
        return self.feed is not None and self.feed.acked >= FIRST_OFFSET

    @property
    def failed(self) -> bool:
        """Whether the node went away with less than everything."""
        return self.feed is not None and self.feed.ended and not self.taken

    def accept(self, visitor: _Visitor) -> Feed:
        """Begin the one full sync there is. Raises `LinkTrouble` for anybody else and anything more."""
        if visitor.login != self.identity or self.feed is not None:
            self.refused += 1
            raise LinkTrouble("WRONGPASS invalid username-password pair or user is disabled.")
        self.feed = Feed(
            source=self.id,
            replid=self.replid,
            phase=Phase.TRANSFER,
            snapshot=Snapshot(self.replid, FIRST_OFFSET, self.writes),
            complaint=self.complaint,
        )
        return self.feed

    def end(self) -> None:
        """The connection to the node ends."""
        if self.feed is not None:
            self.feed.end()
