"""What passes between a simulated master and one replica of it: file, stream, acknowledgements."""

from dataclasses import dataclass, field
from enum import Enum

from memstored.domain.words import NodeId

__all__ = ["Entry", "Feed", "Phase", "Snapshot"]


class Phase(Enum):
    """How far a replica is with its master, in the order they are walked.

    In `TRANSFER` it is empty and waits for the file, in `LOADING` the file is here, in `ATTACHED` both
    sides call the link up though no stream flows yet (H5), in `STREAMING` it does.
    """

    TRANSFER = "wait_bgsave"
    LOADING = "send_bulk"
    ATTACHED = "attached"
    STREAMING = "online"


@dataclass(frozen=True, slots=True)
class Entry:
    """A piece of the stream: the offset after it (bytes) and the key it adds or removes, if any."""

    end: int
    adds: str | None = None
    removes: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a full sync carries: the keys as they were at `offset` of the history `replid`."""

    replid: str
    offset: int
    writes: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Feed:
    """The connection of one replica to its master.

    `buffer` lies in the master's memory and dies with it; `socket` was sent and is still read when the
    master is dead (H3). `acked` is the offset (bytes) that the replica last acknowledged. `complaint`: what
    the replica will say of a file that can not be loaded.
    """

    source: NodeId
    replid: str
    phase: Phase
    snapshot: Snapshot | None = None
    buffer: list[Entry] = field(default_factory=list)
    socket: list[Entry] = field(default_factory=list)
    acked: int = 0
    ended: bool = False
    complaint: str | None = None

    @property
    def up(self) -> bool:
        """Whether the replica shows `master_link_status:up`."""
        return self.phase in (Phase.ATTACHED, Phase.STREAMING)

    def send(self, entry: Entry) -> None:
        """Take an entry from the master: to the socket when the stream flows, else to its memory."""
        (self.socket if self.phase is Phase.STREAMING else self.buffer).append(entry)

    def end(self) -> None:
        """The master is done with this replica: what it had not sent is lost."""
        self.ended = True
        self.buffer.clear()

    def sever(self) -> None:
        """The network drops the connection and all that was on its way."""
        self.end()
        self.socket.clear()
