"""What the control loop may do, one act each. Decided in `plan`, carried out in `control.act`.

The actions of one decision do not depend on each other and may be done at the same time. Every one
may be repeated without harm; whether it worked is seen in the next look, never assumed.
"""

from dataclasses import dataclass

from memstored.domain.model import Setting
from memstored.domain.words import NodeId

__all__ = [
    "Action",
    "Admit",
    "ClearCopy",
    "Configure",
    "Destroy",
    "Detach",
    "Equip",
    "Fence",
    "FenceCarrier",
    "Follow",
    "KillScript",
    "Launch",
    "Load",
    "MakeRoom",
    "NodeCommand",
    "Pause",
    "Point",
    "Promote",
    "Release",
    "Renew",
    "Reserve",
    "Shut",
    "Stamp",
    "Unpause",
]


@dataclass(frozen=True, slots=True)
class Reserve:
    """Reserve the addresses that stay for the life of the set."""


@dataclass(frozen=True, slots=True)
class Release:
    """Give the set's addresses back; they rest before another set gets them (H22)."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Start the node's server, fenced. The intent was committed before."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class Fence:
    """Make sure that the node can no longer take a write, and prove it."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class Destroy:
    """Remove what is left of a node that is gone."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class Equip:
    """Give the node the set's replication identity, live (S1)."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class Configure:
    """Set these parameters live and read each back; what the node refuses is remembered (API.md 7)."""

    node: NodeId
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class Follow:
    """Make the node a replica of the primary (`REPLICAOF host port`)."""

    node: NodeId
    primary: NodeId


@dataclass(frozen=True, slots=True)
class Detach:
    """Make the node a replica of nobody: it keeps data, replid and offset, and takes no writes (H1)."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class Load:
    """Be the node's master for as long as it takes in the set's saved data, then leave it nowhere (H23).

    It goes on for as long as every turn decides it again, and is broken off by the first that does not.
    `number` tells the tries from each other, the first is 1: what was decided for one begins no other.
    """

    node: NodeId
    number: int


@dataclass(frozen=True, slots=True)
class Promote:
    """`REPLICAOF NO ONE` for the heir of a committed promotion."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class Pause:
    """Hold back writes for a moment: a courtesy to clients, not the write stop (H8)."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class Unpause:
    """Let writes through again."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class KillScript:
    """End a script that keeps the node from answering (H16)."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class Stamp:
    """Produce something in the primary's stream that these replicas, now synced, must reach (H5)."""

    primary: NodeId
    replicas: tuple[NodeId, ...]


@dataclass(frozen=True, slots=True)
class Admit:
    """Let tenants in at this node."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class Shut:
    """Keep tenants out of the node and end their connections there (H13)."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class Renew:
    """Give the node another certificate and key, and the authorities trusted now, while it serves (H31).

    It is done for that operation, which learns from it how it went.
    """

    node: NodeId
    operation: str


@dataclass(frozen=True, slots=True)
class Point:
    """Give the primary and the reader address to these nodes, taking them from the ones before (S8)."""

    primary: NodeId | None
    reader: NodeId | None


@dataclass(frozen=True, slots=True)
class ClearCopy:
    """Remove the file that the node loaded its copy of the data from, where its engine leaves it (H21)."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class MakeRoom:
    """End the youngest connections of tenants beyond `most` at the node, so that it takes others."""

    node: NodeId
    most: int


@dataclass(frozen=True, slots=True)
class FenceCarrier:
    """Prove that who carries the set's addresses is gone, and all connections through it."""


NodeCommand = Equip | Configure | Follow | Detach | Promote | Pause | Unpause | Admit | Shut | KillScript
"""What is asked of one node over its link."""
Action = (
    NodeCommand
    | Reserve
    | Release
    | Point
    | FenceCarrier
    | ClearCopy
    | MakeRoom
    | Launch
    | Load
    | Fence
    | Destroy
    | Stamp
    | Renew
)
"""Everything."""
