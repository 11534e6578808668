"""What is seen of a set at the moment, for those who only look: figures, and how its links are."""

from dataclasses import dataclass
from enum import StrEnum

from memstored.domain.figures import Info
from memstored.domain.model import InstanceSet, Node

__all__ = ["LinkState", "NodeSurvey", "SetSurvey"]


class LinkState(StrEnum):
    """How the standing connection to a node is."""

    CONNECTED = "connected"
    LOADING = "loading"
    BUSY = "busy"
    SILENT = "silent"
    CONNECTING = "connecting"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSurvey:
    """A node, its link, and what it last said of itself; None when that is nothing, or too old."""

    node: Node
    link: LinkState
    info: Info | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSurvey:
    """A set as it is recorded, and what is seen of each of its nodes."""

    set: InstanceSet
    nodes: tuple[NodeSurvey, ...]
