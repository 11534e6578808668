"""What the control loop asks of the place where nodes live.

Nothing above knows of pids, files or `bind`. Implementations: `runtime.process`, `runtime.fake`.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from memstored.domain.facts import EndpointFacts
from memstored.domain.model import Vips
from memstored.domain.ports import Link
from memstored.domain.words import NodeId, SetId

__all__ = [
    "Carrier",
    "Endpoints",
    "Engine",
    "EngineUnknown",
    "Files",
    "LaunchFailed",
    "LaunchOrder",
    "Placement",
    "Runtime",
]

Files = Mapping[str, bytes]
"""Files by their names, which directives call `files/<name>` (`domain.ports.NODE_FILES`)."""


class LaunchFailed(Exception):
    """A node could not be started; the message holds the engine's own words where there are any."""


class EngineUnknown(LaunchFailed):
    """No program of that version is here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A Redis program of one version that can be started here."""

    version: str
    program: str
    tls: bool
    license: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchOrder:
    """What to start. `directives` are redis.conf lines (name, value) less those of the place itself.

    The place adds address (`bind`, `replica-announce-ip`), `port`, `dir`, `logfile`. With `on_disk` they hold
    secrets only as hashes; still they are written with mode 0600. Without, they hold secrets in clear and
    never lie on a disk: the server is told them as it starts (H19). With `tls` the port speaks TLS only.
    `files`, told the node's address (IPv4), makes the files that it is to find when it starts: they are for
    nobody else (mode 0600) and go with the node.
    """

    node: NodeId
    set_id: SetId
    subnet_id: str
    version: str
    port: int
    directives: tuple[tuple[str, str], ...] = field(repr=False)
    on_disk: bool = True
    tls: bool = False
    files: Callable[[str], Files] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """A node as the place knows it: where it answers, and whether it is proven gone.

    `gone` means that its whole process group is empty (H7). `process_id` guards against a stranger
    answering at the same address. `trouble`: what is damaged of it, or why it can not be told whether it
    lives; as long as it can not, it is not gone (S3). Then `set_id` may be empty.
    """

    node: NodeId
    set_id: SetId
    address: str | None
    gone: bool
    process_id: int | None = None
    trouble: str | None = None

    @property
    def in_doubt(self) -> bool:
        """Whether it can not be told whether it lives, or whose server answers at its address."""
        return self.trouble is not None and self.process_id is None and not self.gone


class Runtime(Protocol):
    """Starts nodes, proves them gone, removes what is left."""

    async def start(self) -> None:
        """Find again every node that an earlier run of the service left, alive or gone.

        Raises `runtime.files.DamagedFile` when that can not be told at all.
        """
        ...

    def engines(self) -> Sequence[Engine]:
        """The programs found here, newest version first."""
        ...

    async def launch(self, order: LaunchOrder) -> Placement:
        """Start the node; idempotent by its id; never starts an id a second time (S2).

        Raises `LaunchFailed`; then nothing of it runs.
        """
        ...

    def placement(self, node: NodeId) -> Placement | None:
        """The node as it is known now, without asking anything outside; None: never launched here."""
        ...

    def placements(self) -> Sequence[Placement]:
        """All nodes of this service that exist or left something behind, for the search for orphans."""
        ...

    def replaced_files(self, node: NodeId, files: Files) -> AbstractAsyncContextManager[None]:
        """Put these in the place of the node's files while it runs: whoever reads sees all of them, or none.

        Those before are back when the block ends by an exception, and gone when it does not. Raises
        `OSError`, and `LaunchFailed` when there is no such node.
        """
        ...

    async def fence(self, node: NodeId) -> bool:
        """End the node and return whether it is proven gone. A node never launched is gone."""
        ...

    async def destroy(self, node: NodeId) -> bool:
        """Fence the node, then remove all that is left of it; its address rests (H22).

        Returns whether that is done; a node that can not be proven gone stays listed and keeps everything.
        """
        ...

    def burning(self, node: NodeId) -> bool:
        """Whether a silent node used CPU time since the last question: then it is busy, not hung (H16)."""
        ...

    def last_words(self, node: NodeId) -> str:
        """The end of the engine's log on one line, for reasons (H28); "" when there is none."""
        ...

    def keeps_copy(self, node: NodeId) -> bool:
        """Whether a file of tenants' data lies in the node's folder (H21)."""
        ...

    def remove_copies(self, node: NodeId) -> None:
        """Remove the file of tenants' data that an engine without diskless load leaves after a copy (H21).

        Only what the node has loaded is to be removed. Raises `OSError`.
        """
        ...

    def hold_back(self, node: NodeId) -> None:
        """Let what the node does beside serving, as the child that makes a copy, go after everything else."""
        ...

    def exits(self) -> AsyncIterator[NodeId]:
        """The nodes that ended, each as soon as it is proven that its whole process group is empty."""
        ...

    async def close(self) -> None:
        """Stop watching; the nodes go on serving."""
        ...


class Carrier(Protocol):
    """Who carries a set's addresses where its nodes do not hold them: watched as a node is."""

    @property
    def name(self) -> str:
        """What it is called, for people."""
        ...

    @property
    def running(self) -> bool:
        """Whether it was started and its end was not seen."""
        ...

    @property
    def unanswered(self) -> bool:
        """Whether the last probe is unanswered."""
        ...

    def probe(self) -> None:
        """Ask whether it lives, without waiting; nothing while an answer is due, or while it does not run."""
        ...


class Endpoints(Protocol):
    """Addresses that stay for a set's life and lead to whoever is its primary or its reader."""

    async def start(self) -> None:
        """Find again where they lead, once the runtime was started.

        Raises `runtime.files.DamagedFile` when that can not be told.
        """
        ...

    async def reserve(
        self, set_id: SetId, subnet_id: str, port: int, *, version: str, with_reader: bool
    ) -> Vips:
        """Reserve the addresses of a set of that engine (`7.0.15`); idempotent by set id.

        Raises `LaunchFailed` when none is free.
        """
        ...

    def reserved(self, set_id: SetId) -> Vips | None:
        """What is reserved for the set, without asking anything outside."""
        ...

    def owners(self) -> Sequence[SetId]:
        """Every set that has addresses reserved, for the search for orphans."""
        ...

    def seen(self, set_id: SetId, links: Mapping[NodeId, Link]) -> EndpointFacts:
        """Who answers at the addresses now; of who carries them nothing."""
        ...

    def carrier(self, set_id: SetId) -> Carrier | None:
        """Who carries the addresses; None where the nodes hold them themselves."""
        ...

    async def fence(self, set_id: SetId) -> None:
        """End who carries the addresses, with every connection through it: then they lead nowhere.

        Raises `LinkTrouble` when it can not be proven gone.
        """
        ...

    async def point(
        self,
        set_id: SetId,
        port: int,
        links: Mapping[NodeId, Link],
        *,
        primary: NodeId | None,
        reader: NodeId | None,
    ) -> None:
        """Make the addresses lead to these nodes; None: to nobody.

        First takes each address from a living node that has it and may not keep it, ending the
        connections that came through it (S8, H13); then gives it. Raises `LinkTrouble`.
        """
        ...

    def break_off(self) -> None:
        """Begin no move any more, and end those under way where they are: the right to it is over (S7)."""
        ...

    async def release(self, set_id: SetId) -> None:
        """Give the set's addresses back; each rests before another set gets it (H22).

        Raises `OSError` when that can not be done or proven; then it is to be tried again.
        """
        ...

    def changes(self) -> AsyncIterator[SetId]:
        """The sets whose addresses lead elsewhere without having been pointed: look again."""
        ...

    async def close(self) -> None:
        """Stop watching; the addresses go on leading where they do."""
        ...
