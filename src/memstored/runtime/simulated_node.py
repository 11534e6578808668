"""One simulated Redis server: replication ids, offsets and streams as the real one treats them.

Pure and without time: the network is `runtime.simulated`, which calls `accept` and `receive`.
Modelled on what 6.2 and 7.0 were measured to do (HAZARDS.md); it proves logic, not Redis. A stream
entry is applied whole or not at all.
"""

import hashlib
import ssl
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from memstored.domain.controllers import Controller
from memstored.domain.engine import Capabilities, capabilities_of
from memstored.domain.facts import NOWHERE, ReplicationFacts
from memstored.domain.model import Setting, TenantUser
from memstored.domain.ports import CERTIFICATE_FILE, Holdings, Identity, LinkTrouble, SettingRefused
from memstored.domain.words import NodeId, SetId
from memstored.runtime.simulated_stream import Entry, Feed, Phase, Snapshot

__all__ = ["Condition", "Reply", "SimulatedClient", "SimulatedNode"]

NO_REPLID = "0" * 40
EMPTIED_OFFSET = 1
"""What a replica shows as its offset from the begin of a full sync until its end (H2)."""
WRITE_BYTES = 60
KEY_BYTES = 64 << 20
PING_BYTES = 14
PUBLISH_BYTES = 52
DRIFT_TURNS = 3
"""For how many turns a promoted node's offset moves by itself (H1)."""
KEEPS_REPLICAS = 7
"""The first major version that keeps its replicas when it is told to follow someone (H12)."""


class Condition(StrEnum):
    """How the server's process really is, whatever anybody sees of it."""

    ALIVE = "alive"
    BUSY = "busy"
    HUNG = "hung"
    GONE = "gone"


class Reply(StrEnum):
    """What became of a tenant's write. Only `OK` acknowledges it."""

    OK = "ok"
    READONLY = "readonly"
    NOT_ADMITTED = "not_admitted"
    REFUSED = "refused"
    CLOSED = "closed"
    HELD = "held"
    BUSY = "busy"
    SILENT = "silent"


@dataclass(slots=True, kw_only=True, eq=False)
class SimulatedClient:
    """A tenant's connection, through the address it came by; it outlives the binding of it (H13)."""

    node: "SimulatedNode"
    address: str
    acknowledged: list[str]
    closed: bool = False

    def write(self, value: str) -> Reply:
        """Write a key named `value`. To a hung node the write is on its way and done when it wakes (H11)."""
        if self.closed or self.node.condition is Condition.GONE:
            return Reply.CLOSED
        if self.node.condition is Condition.HUNG:
            self.node.waiting.append(lambda node: node.write(value))
            return Reply.SILENT
        if self.node.condition is Condition.BUSY:
            return Reply.BUSY
        reply = self.node.write(value)
        if reply is Reply.OK:
            self.acknowledged.append(value)
        return reply


@dataclass(slots=True, kw_only=True, eq=False)
class SimulatedNode:
    """A server and all it holds. Its state may be read freely; change it through `SimulatedFleet`.

    `following` None is a master; `writes` are its keys in the order they came; `backlog` with
    `backlog_start` (bytes) is what it can send again, None before the first replica. `resumable`: it
    may ask to continue where it is; false from the begin of a full sync to its end (H2). `ended`: the
    process that was launched is proven to be gone. `script_wrote`: what keeps it busy can not be killed.
    `guest`: the one-time identity of the door that it takes its data in from, and logs in as, until it is
    equipped again. `settings` are its parameters, `complaints` what it says to some of them when they are to
    change. `evicted` counts keys it had no room for; `log` is what the engine wrote of troubles.
    `mint` makes a replid never used before. `fence`: what an engine without users asks of who follows it
    until it is admitted, and again when it is shut (H19); None where there are users. `asks`: what it asks
    now. `files` are what it was given, `certificate` the fingerprint of the one that it shows: as they were
    when it read them. `controller` has the node; where there are users nobody else's commands are taken (S7).
    """

    id: NodeId
    set_id: SetId
    host: str
    port: int
    version: str
    run_id: str
    process_id: int
    mint: Callable[[], str]
    condition: Condition = Condition.ALIVE
    ended: bool = False
    script_wrote: bool = False
    burning: bool = False
    replid: str = ""
    replid2: str = NO_REPLID
    second_offset: int = -1
    offset: int = 0
    writes: list[str] = field(default_factory=list)
    backlog: list[Entry] = field(default_factory=list)
    backlog_start: int | None = None
    following: tuple[str, int] | None = None
    resumable: bool = True
    upstream: Feed | None = None
    downstream: list[Feed] = field(default_factory=list)
    identity: Identity | None = None
    fence: Identity | None = None
    asks: Identity | None = None
    guest: Identity | None = None
    admitted: bool = False
    user: TenantUser | None = None
    paused: bool = False
    bound: frozenset[str] = frozenset()
    clients: list[SimulatedClient] = field(default_factory=list)
    waiting: list[Callable[["SimulatedNode"], object]] = field(default_factory=list)
    restless: int = 0
    settings: dict[str, str] = field(default_factory=dict)
    complaints: dict[str, str] = field(default_factory=dict)
    evicted: int = 0
    log: list[str] = field(default_factory=list)
    files: Mapping[str, bytes] = field(default_factory=dict)
    certificate: str | None = None
    controller: Controller | None = None

    def __post_init__(self) -> None:
        self.replid = self.replid or self.mint()
        self.bound = self.bound or frozenset({self.host})
        self.asks = self.fence

    @property
    def is_master(self) -> bool:
        """Whether the node follows nobody and takes writes."""
        return self.following is None

    @property
    def link_up(self) -> bool:
        """Whether the node, a replica, shows its link as up."""
        return self.upstream is not None and self.upstream.up

    @property
    def can(self) -> Capabilities:
        """What its engine can do."""
        return capabilities_of(self.version)

    def equipped_as(self, replication: Identity) -> bool:
        """Whether it has this replication identity, and logs in as it."""
        return self.identity == replication and self.guest is None

    @property
    def login(self) -> Identity | None:
        """Who it is at the master that it follows."""
        return self.guest or self.identity

    @property
    def loading(self) -> bool:
        """Whether the node has a whole file and reads it in; it answers most commands with -LOADING."""
        return self.upstream is not None and self.upstream.phase is Phase.LOADING

    @property
    def syncing(self) -> bool:
        """Whether the file of a full sync is being received (`master_sync_in_progress`)."""
        return self.upstream is not None and self.upstream.phase is Phase.TRANSFER

    def take_certificate(self) -> None:
        """Read the files anew and show what is in them."""
        pem = self.files[CERTIFICATE_FILE].decode()
        self.certificate = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()

    def facts(self) -> ReplicationFacts:
        """What the node says of its own replication (`INFO replication`)."""
        shown = self.offset if self.is_master or self.resumable else EMPTIED_OFFSET
        return ReplicationFacts(
            is_master=self.is_master,
            replid=self.replid,
            offset=shown,
            replid2=self.replid2,
            second_offset=self.second_offset,
            following=self.following,
            link_up=self.link_up,
            syncing=self.syncing,
            loading=self.loading,
            agrees=shown == self.offset,
        )

    def follow(self, host: str, port: int) -> None:
        """`REPLICAOF host port`; a repeat does nothing. Raises `LinkTrouble` while loading."""
        self._refuse_while_loading()
        if self.following == (host, port):
            return
        self._leave_master()
        if self.backlog_start is None and self.is_master:
            self._begin_backlog()
        if self._major < KEEPS_REPLICAS:
            self._end_downstream()
        self.following = (host, port)

    def detach(self) -> None:
        """`REPLICAOF 127.0.0.1 1`: nowhere (H1). Raises `LinkTrouble` while loading."""
        self.follow(*NOWHERE)

    def equip(self, identity: Identity) -> None:
        """The set's replication identity, for both ends of a link."""
        self.identity, self.guest = identity, None

    def take_in(self, host: str, port: int, identity: Identity) -> None:
        """Follow a loading door as its one-time user. Raises `LinkTrouble` while loading."""
        self._refuse_while_loading()
        self.guest = identity
        self.follow(host, port)

    def holdings(self) -> Holdings:
        """What it holds: every key costs as much memory as a large one, so that a few are worth a limit."""
        keys = len(self.writes)
        return Holdings(
            keys=keys,
            evicted=self.evicted,
            used_memory=keys * KEY_BYTES,
            maxmemory=int(self.settings.get("maxmemory", "0")),
        )

    def configure(self, setting: Setting) -> None:
        """`CONFIG SET`, read back. Raises `SettingRefused` with the words it has for that parameter."""
        if setting.name in self.complaints:
            raise SettingRefused(setting.name, self.complaints[setting.name])
        self.settings[setting.name] = setting.value

    def promote(self) -> None:
        """`REPLICAOF NO ONE`; nothing on a master. Raises `LinkTrouble` while loading.

        What was on its way from the old master is lost (H3); the replid is new and the offset will
        move by itself (H1).
        """
        self._refuse_while_loading()
        if self.is_master:
            return
        self._leave_master()
        self._end_downstream()
        self.following, self.resumable = None, True
        self._rename(self.mint())
        self.restless = DRIFT_TURNS

    def write(self, value: str) -> Reply:
        """A tenant's write, on a connection that exists."""
        if not self.admitted:
            return Reply.NOT_ADMITTED
        if self.paused:
            return Reply.HELD
        if not self.is_master:
            return Reply.READONLY
        self.writes.append(value)
        self._produce(WRITE_BYTES, adds=value)
        return Reply.OK

    def stamp(self) -> int:
        """`PUBLISH`, then the offset (bytes) after it; on a replica nothing enters the stream."""
        if self.is_master:
            self._produce(PUBLISH_BYTES)
        return self.offset

    def ping(self) -> None:
        """A master's PING to its replicas: it moves the offset, paused or not (H8)."""
        if self.is_master:
            self._produce(PING_BYTES)

    def admit(self, user: TenantUser | None, tenants: Identity | None = None) -> None:
        """Let tenants in. Without users, by the identity that is replication's as well from then on."""
        if self.fence is not None:
            if tenants is None:
                raise LinkTrouble("an engine without users admits nobody without a password")
            self.asks = self.identity = tenants
        self.admitted, self.user = True, user

    def pause(self) -> None:
        """`CLIENT PAUSE … WRITE`. Raises `LinkTrouble` where the engine has no such thing (H12)."""
        if not self.can.write_pause:
            raise LinkTrouble("ERR Unknown subcommand or wrong number of arguments for 'PAUSE'")
        self.paused = True

    def shut(self) -> None:
        """Users off, and their connections ended (H13)."""
        self.admitted, self.user, self.asks = False, None, self.fence
        for client in self.clients:
            client.closed = True
        self.clients.clear()

    def end_through(self, address: str) -> None:
        """`CLIENT KILL LADDR`: end the connections that came by this address, whether bound or not."""
        for client in self.clients:
            client.closed = client.closed or client.address == address
        self.clients = [client for client in self.clients if not client.closed]

    def end(self) -> None:
        """The process ends: its memory is gone; what it had sent goes on to those who read it."""
        self.condition = Condition.GONE
        self._leave_master()
        self._end_downstream()
        self.shut()

    def accept(self, replica: "SimulatedNode") -> Feed:
        """Serve `PSYNC` of a replica: go on where it is, else begin a full sync.

        Raises `LinkTrouble` where the real one refuses; the replica then keeps what it has (S1).
        """
        asked = self.identity if self.fence is None else self.asks
        if asked is None or asked != replica.login:
            raise LinkTrouble("WRONGPASS invalid username-password pair or user is disabled.")
        if not self.is_master and not self.link_up:
            raise LinkTrouble("NOMASTERLINK Can't SYNC while not connected with my master")
        feed = self._continued(replica) if self._covers(replica) else self._full()
        self.downstream.append(feed)
        return feed

    def attach(self, feed: Feed) -> None:
        """Take the master's answer to `PSYNC`; a full sync empties the replica at once (H2)."""
        self.upstream = feed
        if feed.phase is Phase.TRANSFER:
            self._empty()
        elif feed.replid != self.replid:
            self._end_downstream()
            self._rename(feed.replid)

    def receive(self, *, served: bool) -> None:
        """Move the node's own link one turn on; `served`: its master is there and answers."""
        feed = self.upstream
        assert feed is not None
        if feed.phase is Phase.TRANSFER:
            self._await_file(feed, served=served)
        elif feed.phase is Phase.LOADING:
            self._load(feed)
        else:
            self._read(feed, served=served)

    def idle(self, lapsed: Collection[str]) -> None:
        """What a master does by itself in a turn: drop keys whose time is over (H29), drift (H1)."""
        if not self.is_master:
            return
        for key in [write for write in self.writes if write in lapsed]:
            self.writes.remove(key)
            self._produce(WRITE_BYTES, removes=key)
        if self.restless:
            self.restless -= 1
            self._produce(PING_BYTES)

    @property
    def _major(self) -> int:
        return int(self.version.split(".", 1)[0])

    def _refuse_while_loading(self) -> None:
        if self.loading:
            raise LinkTrouble("LOADING Redis is loading the dataset in memory")

    def _leave_master(self) -> None:
        if self.upstream is not None:
            self.upstream.end()
            self.upstream = None

    def _end_downstream(self) -> None:
        for feed in self.downstream:
            feed.end()
        self.downstream.clear()

    def _begin_backlog(self) -> None:
        self.backlog.clear()
        self.backlog_start = self.offset

    def _rename(self, replid: str) -> None:
        self.replid2, self.second_offset = self.replid, self.offset + 1
        self.replid = replid

    def _produce(self, size: int, *, adds: str | None = None, removes: str | None = None) -> None:
        if self.backlog_start is None:
            return
        self._pass_on(Entry(self.offset + size, adds, removes))

    def _pass_on(self, entry: Entry) -> None:
        self.offset = entry.end
        self.backlog.append(entry)
        self.downstream = [feed for feed in self.downstream if not feed.ended]
        for feed in self.downstream:
            feed.send(entry)

    def _covers(self, replica: "SimulatedNode") -> bool:
        same = replica.replid == self.replid
        before = replica.replid == self.replid2 and replica.offset + 1 <= self.second_offset
        start = self.backlog_start
        held = start is not None and start <= replica.offset <= self.offset
        return replica.resumable and held and (same or before)

    def _continued(self, replica: "SimulatedNode") -> Feed:
        feed = self._feed(Phase.STREAMING)
        feed.socket.extend(entry for entry in self.backlog if entry.end > replica.offset)
        return feed

    def _full(self) -> Feed:
        if self.backlog_start is None:  # H4: the first replica changes its master's replid
            self.replid, self.replid2, self.second_offset = self.mint(), NO_REPLID, -1
            self._begin_backlog()
        feed = self._feed(Phase.TRANSFER)
        feed.snapshot = Snapshot(self.replid, self.offset, tuple(self.writes))
        return feed

    def _feed(self, phase: Phase) -> Feed:
        return Feed(source=self.id, replid=self.replid, phase=phase)

    def _empty(self) -> None:
        self._end_downstream()
        self.writes.clear()
        self.backlog.clear()
        self.backlog_start, self.resumable = None, False

    def _await_file(self, feed: Feed, *, served: bool) -> None:
        if feed.ended:
            self.upstream = None
        elif served:
            feed.phase = Phase.LOADING

    def _load(self, feed: Feed) -> None:
        assert feed.snapshot is not None
        if feed.complaint is not None:  # H28: it stays empty and tries again at once
            self.log.append(feed.complaint)
            self._leave_master()
            return
        self.writes = list(feed.snapshot.writes)
        self.replid, self.offset = feed.snapshot.replid, feed.snapshot.offset
        self.replid2, self.second_offset, self.resumable = NO_REPLID, -1, True
        self._begin_backlog()
        feed.phase = Phase.ATTACHED

    def _read(self, feed: Feed, *, served: bool) -> None:
        for entry in feed.socket:
            self._apply(entry)
        feed.socket.clear()
        if feed.ended:
            self.upstream = None
        elif served:
            self._acknowledge(feed)

    def _acknowledge(self, feed: Feed) -> None:
        feed.acked = self.offset
        if feed.phase is Phase.ATTACHED:  # H5: only this acknowledgement lets the stream begin
            feed.phase = Phase.STREAMING
            feed.socket.extend(feed.buffer)
            feed.buffer.clear()

    def _apply(self, entry: Entry) -> None:
        if entry.adds is not None:
            self.writes.append(entry.adds)
        if entry.removes in self.writes:
            self.writes.remove(entry.removes)
        self._pass_on(entry)
