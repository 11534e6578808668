"""What was seen of nodes and addresses: never what was sent, never what was hoped for.

Built in one place from what Redis says (`ReplicationFacts.from_info`) and handed to `plan.decide`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from typing import Self

from memstored.domain.model import Certificate
from memstored.domain.words import AuthorityId, NodeId

NOWHERE = ("127.0.0.1", 1)
"""Following this address is following nobody: data, replid and offset stay, writes are refused (H1)."""


ReadSettings = tuple[tuple[str, str], ...]
"""Parameters of an engine with their values, by name, in the words of `CONFIG GET`. It can be hashed fast."""


class Life(StrEnum):
    """Whether a node lives. Only `GONE` is a proof: its whole process group is empty (H7, H15).

    `BUSY`: a script or command keeps it from serving (H16); `LOADING`: it takes in a copy of the data.
    """

    UNKNOWN = "unknown"
    UP = "up"
    BUSY = "busy"
    LOADING = "loading"
    SILENT = "silent"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicationFacts:
    """A node's own account of its replication, from `INFO replication` and `loading` of `INFO`.

    `offset` is `slave_repl_offset` on a replica and `master_repl_offset` on a master (bytes). A replica
    whose full sync failed shows offset 1 or less whatever else it claims (H2). `link_down_for` is in whole
    seconds. `agrees` is false when a replica's two offsets differ.
    """

    is_master: bool
    replid: str
    offset: int
    replid2: str = "0" * 40
    second_offset: int = -1
    following: tuple[str, int] | None = None
    link_up: bool = False
    link_down_for: int = 0
    syncing: bool = False
    loading: bool = False
    agrees: bool = True

    @property
    def nowhere(self) -> bool:
        """Whether the node is a replica that follows nobody."""
        return self.following == NOWHERE

    @classmethod
    def from_info(cls, info: Mapping[str, str]) -> Self:
        """Read the facts from the `key:value` lines of `INFO` (at least the replication section)."""
        is_master = info["role"] == "master"
        own = int(info["master_repl_offset"])
        offset = own if is_master else int(info["slave_repl_offset"])
        return cls(
            is_master=is_master,
            replid=info["master_replid"],
            offset=offset,
            replid2=info.get("master_replid2", "0" * 40),
            second_offset=int(info.get("second_repl_offset", "-1")),
            following=None if is_master else (info["master_host"], int(info["master_port"])),
            link_up=info.get("master_link_status") == "up",
            link_down_for=max(0, int(info.get("master_link_down_since_seconds", "0"))),
            syncing=info.get("master_sync_in_progress", "0") == "1",
            loading=info.get("loading", "0") == "1",
            agrees=offset == own,
        )


class LoadFault(Enum):
    """Whose fault it was that a load of saved data came to nothing.

    `STORAGE`: object storage could not be read, so it is tried again for as long as it takes. `DELIVERY`: the
    node did not come for the data, or its connection ended, and it has no word against the data; that is
    tried some times. `DATA`: the engine refused what it was given, ended over it, or held something else
    afterwards (H25, H28, H29). `OBJECT`: there is no object any more, or not the one that was chosen; that
    does not come right.
    """

    STORAGE = auto()
    DELIVERY = auto()
    DATA = auto()
    OBJECT = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadFacts:
    """How the load of a set's saved data into a node goes, as far as this controller has to do with it.

    `done` of `total` bytes were given to the node in try `number`. `under_way` while that goes on.
    `verified`: the node took in the whole object, proved it, and follows nobody since. `fault` says why the
    last try failed, until another gets on, and `error` in which words; `tries` counts those that failed in a
    row by that fault, `undelivered` those that ever failed by `DELIVERY`. `retry_at` is monotonic seconds
    before which no other is to begin.
    """

    total: int
    number: int = 0
    done: int = 0
    under_way: bool = False
    verified: bool = False
    fault: LoadFault | None = None
    error: str = ""
    tries: int = 0
    undelivered: int = 0
    retry_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalFacts:
    """What this controller has to do with a node's certificate.

    `issued` is the last one that it gave the node, at its launch or since. `error` says why the last try to
    renew it failed, the one that was begun for `operation`; None when that went well. `failures` counts those
    in a row; `retry_at` is monotonic seconds before which no other is to begin by itself.
    """

    issued: Certificate | None = None
    operation: str | None = None
    error: str | None = None
    failures: int = 0
    retry_at: float = 0.0


_NOT_RENEWED = RenewalFacts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """The certificate authorities of the service: `signer` signs now; `trusted` are all, newest first."""

    signer: AuthorityId
    trusted: tuple[AuthorityId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFacts:
    """What is seen of one node now.

    `life_since` and `read_at` are monotonic seconds: when the present `life` began and when
    `replication` was read. `run_id` is part of a node's identity: another one is another, empty server.
    `equipped`: it has the set's replication identity; `admitted`: tenants can log in; `paused`: this
    controller holds its writes back; `bound`: the IPv4 addresses it answers at. `stamp`: a stream
    offset produced after its present sync, which proves a copy once reached (H5).
    `copies_failed`: full syncs in a row that began and did not end well; `copy_at`: monotonic seconds
    before which no other is to be tried (H28). `reached`: the offset (bytes) that it was last seen to have as
    a master, kept when it dies. `load`: how the load of saved data into it goes, None when none was begun.
    `certificate`: the fingerprint of the certificate that it really shows, seen by a handshake; None without
    TLS and while nothing is seen. `renewal`: what was done about that certificate.
    `settings`: what it says of its parameters, None until it was asked. `refused`: the parameters that it did
    not take since the set's configuration changed, each with the engine's own words.
    `clients`: how many connections it had when that was last asked, at `counted_at` (monotonic seconds).
    `apart_since`: since when (monotonic seconds) a replica that follows somebody has neither a link nor a
    copy on its way. `refusal`: why it does not let us in, though something answers for its address.
    `in_doubt`: it can not be told whether it lives; then nothing is asked of it (S3).
    `keeps_copy`: a file of tenants' data lies where it lives, and its engine does not remove it.
    `launching`: a launch is under way; `remains`: something of
    it is left where it lived; `error`: the engine's own words when it could not be launched.
    """

    life: Life = Life.UNKNOWN
    life_since: float = 0.0
    address: str | None = None
    run_id: str | None = None
    replication: ReplicationFacts | None = None
    read_at: float = 0.0
    equipped: bool = False
    admitted: bool = False
    paused: bool = False
    bound: frozenset[str] = frozenset()
    stamp: int | None = None
    copies_failed: int = 0
    copy_at: float = 0.0
    reached: int = 0
    load: LoadFacts | None = None
    certificate: str | None = None
    renewal: RenewalFacts = _NOT_RENEWED
    settings: ReadSettings | None = None
    refused: Mapping[str, str] = field(default_factory=dict)
    clients: int | None = None
    counted_at: float = 0.0
    apart_since: float | None = None
    refusal: str | None = None
    in_doubt: bool = False
    keeps_copy: bool = False
    launching: bool = False
    remains: bool = False
    error: str | None = None


_UNSEEN = NodeFacts()


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierFacts:
    """Who carries a set's addresses where its nodes do not hold them; `name` is for people.

    `running`: it was started and its end was not seen. `silent`: for how many seconds it has owed an answer.
    """

    name: str
    running: bool
    silent: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointFacts:
    """The addresses reserved for the set and who answers at them now, as far as it is seen.

    `error` says why an address could not be given to its holder (S8: a reason shown, not a gap). `carrier`:
    who stands between clients and nodes; None where the nodes hold the addresses themselves.
    """

    primary: str | None = None
    reader: str | None = None
    reserved: bool = False
    primary_at: NodeId | None = None
    reader_at: NodeId | None = None
    error: str | None = None
    carrier: CarrierFacts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFacts:
    """All that is seen of a set in one look. `now` is monotonic seconds, `wall` seconds since 1970.

    `operation_for`, `promotion_for` and `standing_for` are the seconds for which this controller has seen
    the recorded operation, promotion and state (with its reason) as they are: a clock that is set, or a
    service that was away, makes none of them late. `trust`: whose certificates count; None for a set without
    TLS.
    """

    now: float
    wall: float
    nodes: Mapping[NodeId, NodeFacts] = field(default_factory=dict)
    endpoints: EndpointFacts = EndpointFacts()
    operation_for: float = 0.0
    promotion_for: float = 0.0
    standing_for: float = 0.0
    trust: Trust | None = None

    def of(self, node_id: NodeId) -> NodeFacts:
        """The facts of one node; all unknown when nothing was seen of it yet."""
        return self.nodes.get(node_id, _UNSEEN)
