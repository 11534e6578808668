"""What the control loop asks of a node over the wire; a real and a simulated wire offer it.

The real one is `redis.link`; the simulated one ships in `runtime.fake` and proves logic, not Redis.
"""

from collections.abc import AsyncIterable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

from memstored.domain.facts import ReadSettings, ReplicationFacts
from memstored.domain.figures import Info
from memstored.domain.model import Setting, TenantUser
from memstored.domain.words import NodeId

__all__ = [
    "AUTHORITIES_FILE",
    "CERTIFICATE_FILE",
    "FENCE",
    "KEY_FILE",
    "NODE_FILES",
    "TENANTS",
    "Door",
    "DoorTrouble",
    "Doors",
    "Holdings",
    "Identity",
    "Incomplete",
    "Link",
    "LinkTrouble",
    "Papers",
    "SettingRefused",
    "Target",
    "TlsClient",
    "Wire",
]

FENCE, TENANTS = "fence", "tenants"
"""Users of an engine that has none (`Capabilities.acl`): it takes one password at a time, and who knows which
is their name. The fence's only the service knows; the tenants' serves tenants, replication and control (H19).
"""
NODE_FILES = "files"
"""The folder, within a node's own, of the files that it is given beside its configuration."""
CERTIFICATE_FILE, KEY_FILE, AUTHORITIES_FILE = "node.crt", "node.key", "authorities.crt"
"""Their names: its certificate, the key to that, and the authorities that it trusts, all in PEM."""


class LinkTrouble(Exception):
    """A command could not be carried out or its answer did not come: look again before believing."""


class SettingRefused(LinkTrouble):
    """A node did not take a value: `name` is the parameter's, `words` are the engine's own (API.md 7)."""

    def __init__(self, name: str, words: str) -> None:
        super().__init__(f"{name}: {words}")
        self.name = name
        self.words = words


class DoorTrouble(Exception):
    """Saved data could not be handed over to a node: the message says what happened, and to whom."""


class Incomplete(DoorTrouble):
    """The data itself is cut off: no node would take it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A Redis user of the service's own: control (per controller, S7), replication, or one-time (H24)."""

    user: str
    secret: str = field(repr=False)


class TlsClient(Protocol):
    """Whose certificates are accepted when we connect to a node."""

    @property
    def authorities(self) -> str:
        """The certificates of the authorities that are trusted now, in PEM, newest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Papers:
    """What a server shows: its certificate and its private key, both in PEM."""

    certificate: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a node answers and who we are there. `version` is the engine's, like `7.0.15`.

    `password` is the tenants', where the engine has no users and so may ask it of us too; None elsewhere.
    With `tls` the port speaks TLS only, and the node must show a certificate for `host` that is trusted.
    """

    node: NodeId
    host: str
    port: int
    version: str
    control: Identity
    password: str | None = field(default=None, repr=False)
    tls: TlsClient | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What a node holds: keys of all databases, keys evicted since its start, memory in bytes.

    `maxmemory` is the one in force, 0 for none: what does not fit below it is evicted (H29).
    """

    keys: int
    evicted: int
    used_memory: int
    maxmemory: int


class Link(Protocol):
    """The standing connection to one node. It connects again by itself until it is closed.

    The readings are those of the last answer; they are None, empty or false until there was one.
    Commands raise `LinkTrouble` when they fail or time out; every one is safe to repeat.
    """

    @property
    def connected(self) -> bool:
        """Whether the node answered on the present connection."""
        ...

    @property
    def unanswered(self) -> int:
        """Probes in a row that got no answer at all; any answer, even an error, sets it to 0 (H15)."""
        ...

    @property
    def busy(self) -> bool:
        """Whether the last answer was `-BUSY`: a script runs."""
        ...

    @property
    def loading(self) -> bool:
        """Whether the last answer was `-LOADING`, or the node said that it takes in a copy of the data."""
        ...

    @property
    def run_id(self) -> str | None:
        """`run_id` of the server behind the present connection."""
        ...

    @property
    def process_id(self) -> int | None:
        """`process_id` of the server behind the present connection."""
        ...

    @property
    def replication(self) -> ReplicationFacts | None:
        """The last reading of `INFO replication`."""
        ...

    @property
    def read_at(self) -> float:
        """Monotonic seconds at which `replication` was asked for (not answered): facts are no younger."""
        ...

    @property
    def info(self) -> Info | None:
        """The last answer to `ask_info` on the present connection."""
        ...

    def equipped_as(self, replication: Identity) -> bool:
        """Whether the node has this replication identity, for both ends of a link."""
        ...

    @property
    def admitted(self) -> bool:
        """Whether tenants can log in."""
        ...

    @property
    def paused(self) -> bool:
        """Whether this link holds the node's writes back."""
        ...

    @property
    def bound(self) -> frozenset[str]:
        """The addresses the node listens at (`CONFIG GET bind`)."""
        ...

    @property
    def certificate(self) -> str | None:
        """The fingerprint (SHA-256, 64 hex digits) of the certificate that the last handshake showed."""
        ...

    @property
    def settings(self) -> ReadSettings | None:
        """What `CONFIG GET` said of every editable parameter of the engine's family, by name.

        Read when the connection is made, and anew after each change.
        """
        ...

    @property
    def clients(self) -> int | None:
        """How many connections the node had at the last `ask_info` or `make_room`, before that ended some."""
        ...

    @property
    def counted_at(self) -> float:
        """Monotonic seconds at which that was asked."""
        ...

    @property
    def refusal(self) -> str | None:
        """Why we are not let in though somebody answers; None when we are, or nobody does."""
        ...

    def probe(self) -> None:
        """Ask `INFO replication` without waiting; counts `unanswered` up while the last is unanswered."""
        ...

    def ask_info(self) -> None:
        """Ask all of `INFO` without waiting, for who looks at figures.

        Nothing is asked of a node that owes an answer, and one that does not come means nothing: whether the
        node lives is the probes' matter.
        """
        ...

    async def refresh(self) -> None:
        """Read the replication facts anew and wait for the answer."""
        ...

    async def equip(self, replication: Identity) -> None:
        """Make the replication user, where there are users, and use it when following (`masterauth`)."""
        ...

    async def admit(self, user: TenantUser | None) -> None:
        """Create the tenant's user (None: the default user without a password) with its commands."""
        ...

    async def shut(self) -> None:
        """Switch all tenants' users off and end their connections (H13)."""
        ...

    async def follow(self, host: str, port: int) -> None:
        """`REPLICAOF host port`."""
        ...

    async def detach(self) -> None:
        """`REPLICAOF 127.0.0.1 1`: nowhere (H1)."""
        ...

    async def take_in(self, host: str, port: int, identity: Identity) -> None:
        """Follow a loading door, as the one-time user it lets in; what comes is checked in full (H24, H25).

        The node is not `equipped` meanwhile. Once it has everything, `detach` and then `equip` it.
        """
        ...

    async def holdings(self) -> Holdings:
        """Count what the node holds now."""
        ...

    async def configure(self, settings: Sequence[Setting]) -> None:
        """Set each value live (`CONFIG SET`) and read it back, in this order.

        Raises `SettingRefused` at the first that the engine refuses, or takes for something else; those
        before it are set.
        """
        ...

    async def promote(self) -> None:
        """`REPLICAOF NO ONE`."""
        ...

    async def pause(self, milliseconds: int) -> None:
        """`CLIENT PAUSE milliseconds WRITE`."""
        ...

    async def unpause(self) -> None:
        """`CLIENT UNPAUSE`."""
        ...

    async def kill_script(self) -> None:
        """`SCRIPT KILL`: end a script that runs too long and has written nothing (H16)."""
        ...

    async def make_room(self, most: int) -> None:
        """End the youngest connections of tenants beyond `most` connections of everybody.

        The service's own and those of replicas are not ended, nor those that may just become one.
        """
        ...

    async def bind(self, addresses: tuple[str, ...], *, ending: tuple[str, ...] = ()) -> None:
        """`CONFIG SET bind`: listen at exactly these addresses (IPv4), the node's own first.

        Sent together with `CLIENT KILL LADDR` for every address in `ending`, so that a node which lets go of
        an address ends what came through it before it serves anybody else (S8, H13).
        """
        ...

    async def end_through(self, address: str, port: int) -> None:
        """End every client connection that came in through that address (`CLIENT KILL LADDR`, H13)."""
        ...

    async def take_certificate(self) -> None:
        """Have the node read certificate, key and trusted authorities anew from where they lie, all at once.

        Connections that stand are kept. Then `certificate` is what a handshake of its own shows (H31).
        """
        ...

    async def stamp(self) -> int:
        """Produce something in the stream (`PUBLISH`) and return `master_repl_offset` after it."""
        ...

    def close(self) -> None:
        """End the connection and do not connect again."""
        ...


class Door(Protocol):
    """A master for one fresh node and one load: it lets one user in once, under a replid never used before.

    It stands at `port` of the host it was opened at until it is closed; the node is sent there by `take_in`.
    """

    @property
    def port(self) -> int:
        """The TCP port it listens at."""
        ...

    @property
    def identity(self) -> Identity:
        """Who may come in, once (H24)."""
        ...

    @property
    def replid(self) -> str:
        """The replication id (40 hex digits) of the history that the load begins (H23)."""
        ...

    async def feed(self, chunks: AsyncIterable[bytes], progress: Callable[[int], None]) -> None:
        """Hand an RDB over to the node and return when it has loaded all of it and acknowledged.

        `progress` is told the bytes handed over so far. Raises `DoorTrouble`, and what `chunks` raises.
        """
        ...


class Doors(Protocol):
    """Opens doors."""

    def __call__(
        self, host: str, *, size: int, deadline: float, papers: Papers | None = None
    ) -> AbstractAsyncContextManager[Door]:
        """A door at that host (IPv4) for an RDB of `size` bytes, open for the length of the context.

        A node that does not get on for `deadline` seconds is given up. With `papers` it speaks TLS only and
        shows these (H24).
        """
        ...


class Wire(Protocol):
    """Opens links."""

    def open(self, target: Target, changed: Callable[[NodeId], None]) -> Link:
        """Begin to connect at once; call `changed` when a reading changed or the stream ended."""
        ...
