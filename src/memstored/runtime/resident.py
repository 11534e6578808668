"""A node as the process runtime holds it in memory, from its launch to its removal."""

import asyncio
from dataclasses import dataclass, field

from memstored.domain.words import NodeId, SetId
from memstored.runtime.folder import NodeFolder
from memstored.runtime.processes import ProcessGroup
from memstored.runtime.protocol import Placement

__all__ = ["Resident"]


@dataclass(slots=True, kw_only=True)
class Resident:
    """One node of this data folder.

    `group` is None until its server is started. `gone` is set once the group is proven empty.
    `ready` once its server accepted connections: from then on it may hold data.
    `launching` while a launch is under way: how that ends is told by the launch alone. `fenced`: no
    server may be started for it any more. `removed`: nothing is left of it. `lock` orders launches
    and removal. `trouble`: what is damaged of it, or why nobody can tell where its server is (`lost`).
    """

    node: NodeId
    set_id: SetId
    folder: NodeFolder
    address: str | None = None
    port: int = 0
    group: ProcessGroup | None = None
    ready: bool = False
    launching: bool = False
    fenced: bool = False
    removed: bool = False
    trouble: str | None = None
    lost: bool = False
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def began(self) -> bool:
        """Whether a server of it was, or may have been, started, now or by an earlier run of the service."""
        return self.group is not None or self.gone.is_set() or self.lost

    def placement(self) -> Placement:
        """What others may know; the address only when it is settled."""
        return Placement(
            node=self.node,
            set_id=self.set_id,
            address=None if self.launching else self.address,
            gone=self.gone.is_set(),
            process_id=self.group.number if self.group is not None else None,
            trouble=self.trouble,
        )
