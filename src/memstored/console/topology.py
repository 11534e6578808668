"""The picture of a set: its nodes, who copies from whom, and where its addresses lead.

Pure: `picture` takes what is recorded and what is seen of a set, and returns what is drawn where, in units
of the picture's own; `templates/set/picture.html` draws it, and says the same in a table below it. The
primary is on top and the replicas hang from it; the addresses stand above, each with a line to whoever
answers there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from memstored.domain.catalogue import Catalogue, Subnet
from memstored.domain.facts import Life, SetFacts
from memstored.domain.model import InstanceSet, Node
from memstored.domain.requests.readiness import Readiness, ReplicaReadiness
from memstored.domain.words import NodeId, NodeState, Role

__all__ = ["Card", "Picture", "Pointer", "picture"]

WIDTH = 380
HIGH, GAP = 66, 14
"""Of a card, and between two."""
TOP = 76
"""Where the first card begins: above it are the addresses."""
PILL, PILL_WIDTH = 46, 185
WRITER_LEFT, READER_LEFT = 2, 193
"""Height and width of an address; where the two begin."""
PRIMARY_LEFT, REPLICA_LEFT, RIGHT = 28, 56, 352
"""Left and right edges of cards."""
TRUNK, LEFT_RAIL, RIGHT_RAIL = 42, 13, 367
"""Where the lines run down: from the primary to its replicas, and from the addresses to their nodes."""
STUB = 18
"""How far the line of an address goes that leads to nobody."""

_UNWELL = frozenset({Life.BUSY, Life.LOADING, Life.SILENT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A node. `behind` is in bytes of the stream, `heard` the seconds since its primary last heard from it.

    `trouble` is what is seen of a node that does not just serve: a word of `Life`. `branch` is the line from
    its primary (SVG path).
    """

    id: NodeId
    name: str
    role: Role
    state: NodeState
    zone: str
    subnet: str
    address: str
    behind: int | None
    heard: float | None
    trouble: str | None
    x: int
    y: int
    width: int
    branch: str | None
    height: int = HIGH

    @property
    def primary(self) -> bool:
        """Whether it is the primary."""
        return self.role is Role.PRIMARY

    @property
    def lost(self) -> bool:
        """Whether it is dead."""
        return self.state in (NodeState.FAILED, NodeState.TERMINATED)

    @property
    def serving(self) -> bool:
        """Whether it is as it should be."""
        return self.state is NodeState.RUNNING and self.trouble is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """An address of the set, and the name of the node that answers there; None: nobody does.

    `path` is the line to it.
    """

    reader: bool
    host: str
    port: int
    leads_to: str | None
    path: str
    x: int
    width: int = PILL_WIDTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """All of it: `width` and `height` are what the coordinates go up to."""

    cards: tuple[Card, ...]
    pointers: tuple[Pointer, ...]
    width: int
    height: int


def picture(
    instance_set: InstanceSet,
    facts: SetFacts,
    check: Readiness,
    catalogue: Catalogue,
    lags: Mapping[NodeId, float | None],
    *,
    addresses: bool,
) -> Picture:
    """The picture of a set, with its addresses once they are promised.

    `lags` are how far nodes were behind when that was last measured, in seconds.
    """
    nodes = sorted(instance_set.nodes, key=lambda n: (n.role is not Role.PRIMARY, n.number))
    headed = bool(nodes) and nodes[0].role is Role.PRIMARY
    places = [_place(node, row, headed=headed) for row, node in enumerate(nodes)]
    rows = {row.id: row for row in check.replicas}
    cards = tuple(
        _card(node, place, facts, rows.get(node.id), catalogue.subnet(node.subnet_id), lags.get(node.id))
        for node, place in zip(nodes, places, strict=True)
    )
    pointers = tuple(_pointers(instance_set, facts, cards)) if addresses else ()
    return Picture(
        cards=cards, pointers=pointers, width=WIDTH, height=TOP + len(cards) * (HIGH + GAP) - GAP + 2
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a card is, and the line that it hangs from."""

    x: int
    y: int
    branch: str | None


def _place(node: Node, row: int, *, headed: bool) -> _Place:
    """Of the card in that row; replicas hang from the primary, if there is one."""
    y = TOP + row * (HIGH + GAP)
    if not headed or node.role is Role.PRIMARY:
        return _Place(PRIMARY_LEFT, y, None)
    return _Place(REPLICA_LEFT, y, f"M{TRUNK} {TOP + HIGH}V{y + HIGH // 2}H{REPLICA_LEFT}")


def _card(
    node: Node,
    place: _Place,
    facts: SetFacts,
    row: ReplicaReadiness | None,
    subnet: Subnet | None,
    measured: float | None,
) -> Card:
    replica, life = node.role is Role.REPLICA, facts.of(node.id).life
    return Card(
        id=node.id,
        name=node.name,
        role=node.role,
        state=node.status,
        zone=subnet.zone if subnet else "",
        subnet=subnet.name if subnet else node.subnet_id,
        address=node.address or "",
        behind=row.lag if row and replica and not node.lost else None,
        heard=_lag(node, facts, measured) if replica and not node.lost else None,
        trouble=life if not node.lost and life in _UNWELL else None,
        x=place.x,
        y=place.y,
        width=RIGHT - place.x,
        branch=place.branch,
    )


def _lag(node: Node, facts: SetFacts, measured: float | None) -> float | None:
    """Seconds: for how long its link is down, else what was last measured."""
    seen = facts.of(node.id).replication
    if seen is not None and not seen.is_master and not seen.link_up:
        return float(seen.link_down_for)
    return measured


def _pointers(instance_set: InstanceSet, facts: SetFacts, cards: Sequence[Card]) -> list[Pointer]:
    vips, ends = instance_set.vips, facts.endpoints
    if vips is None:
        return []
    by_id = {card.id: card for card in cards}

    def pointer(host: str, holder: NodeId | None, *, reader: bool) -> Pointer:
        card = by_id.get(holder) if holder else None
        return Pointer(
            reader=reader,
            host=host,
            port=instance_set.port,
            leads_to=card.name if card else None,
            path=_down(card, reader=reader),
            x=READER_LEFT if reader else WRITER_LEFT,
        )

    found = [pointer(vips.primary, ends.primary_at, reader=False)]
    return [*found, pointer(vips.reader, ends.reader_at, reader=True)] if vips.reader else found


def _down(card: Card | None, *, reader: bool) -> str:
    """From an address down along its rail, and in to the card."""
    rail = RIGHT_RAIL if reader else LEFT_RAIL
    if card is None:
        return f"M{rail} {PILL}V{PILL + STUB}"
    edge = RIGHT if reader else card.x
    return f"M{rail} {PILL}V{card.y + HIGH // 2}H{edge}"
