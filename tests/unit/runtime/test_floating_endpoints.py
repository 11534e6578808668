import socket
from pathlib import Path
from typing import cast

import pytest

from memstored.domain.model import Vips
from memstored.domain.ports import Link, LinkTrouble
from memstored.domain.words import NodeId, SetId
from memstored.runtime.addresses import AddressLedger, NoAddressFree
from memstored.runtime.endpoints import FloatingEndpoints

PORT = 6379
SET = SetId("s-1")
A, B, C = NodeId("a"), NodeId("b"), NodeId("c")
OWN = {A: "127.0.7.1", B: "127.0.7.2", C: "127.0.7.3"}
CLOCK_START = 1_700_000_000.0


class StillClock:
    """A clock that stands still."""

    def wall(self) -> float:
        """Seconds since 1970."""
        return CLOCK_START

    def monotonic(self) -> float:
        """The same reading."""
        return CLOCK_START


class NotedLink:
    """A link that notes what it is asked; `refuse` holds addresses that can not be bound."""

    def __init__(self, node: NodeId, notes: list[tuple[object, ...]]) -> None:
        self.node = node
        self.notes = notes
        self.connected = True
        self.bound = frozenset({OWN[node]})
        self.refuse: set[str] = set()
        self.broken = False

    async def bind(self, addresses: tuple[str, ...]) -> None:
        """Listen at exactly these, all or nothing."""
        self.notes.append((self.node, "bind", addresses))
        if self.refuse & set(addresses):
            raise LinkTrouble("ERR Failed to bind to specified addresses.")
        self.bound = frozenset(addresses)

    async def end_through(self, address: str, port: int) -> None:
        """End nothing, unless broken."""
        self.notes.append((self.node, "end_through", address, port))
        if self.broken:
            raise LinkTrouble("no answer")


class House:
    """Three linked nodes, a ledger and the endpoints over them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes: list[tuple[object, ...]] = []
        self.links = {node: NotedLink(node, self.notes) for node in OWN}
        self.endpoints = self.restarted()

    def restarted(self) -> FloatingEndpoints:
        """The endpoints as a newly started service makes them."""
        self.ledger = AddressLedger(
            path=self.folder / "addresses.json", subnets={"net": "127.215.0.0/16"}, clock=StillClock()
        )
        self.endpoints = FloatingEndpoints(addresses=self.ledger, address_of=OWN.get)
        return self.endpoints

    async def reserve(self) -> tuple[str, str]:
        """Reserve a primary and a reader address."""
        vips = await self.endpoints.reserve(SET, "net", PORT, with_reader=True)
        assert vips.reader is not None
        return vips.primary, vips.reader

    async def point(self, primary: NodeId | None, reader: NodeId | None) -> list[tuple[object, ...]]:
        """Point, and return what was sent for it."""
        self.notes.clear()
        links = cast("dict[NodeId, Link]", self.links)
        await self.endpoints.point(SET, PORT, links, primary=primary, reader=reader)
        return list(self.notes)

    def seen(self) -> tuple[NodeId | None, NodeId | None, str | None]:
        """Who has the primary address, who the reader's, and the trouble."""
        facts = self.endpoints.seen(SET, cast("dict[NodeId, Link]", self.links))
        return facts.primary_at, facts.reader_at, facts.error


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Nothing is reserved yet."""
    return House(tmp_path)


async def test_a_reservation_stays(house: House) -> None:
    """Asking again, also after a restart, gives the same addresses."""
    primary, reader = await house.reserve()
    house.restarted()
    await house.ledger.load()

    assert house.endpoints.reserved(SET) == Vips(primary=primary, reader=reader)
    assert await house.reserve() == (primary, reader)
    assert house.endpoints.owners() == [SET]


async def test_a_set_of_one_node_has_no_reader_address(house: House) -> None:
    """The reader's address is reserved only when asked for."""
    vips = await house.endpoints.reserve(SET, "net", PORT, with_reader=False)

    assert vips.reader is None


async def test_a_released_address_is_not_reserved_again(house: House) -> None:
    """Both addresses rest, and the set is not among the owners any more (H22)."""
    former = await house.reserve()
    await house.endpoints.release(SET)

    assert house.endpoints.reserved(SET) is None
    assert house.endpoints.owners() == []
    assert not set(await house.reserve()) & set(former)


async def test_an_unknown_subnet_is_refused(house: House) -> None:
    """A reservation that can not be made says why."""
    with pytest.raises(NoAddressFree):
        await house.endpoints.reserve(SET, "elsewhere", PORT, with_reader=True)


async def test_fresh_addresses_are_given_by_one_command_each(house: House) -> None:
    """Nobody had them before, so nothing is taken and nobody is cut off."""
    primary, reader = await house.reserve()

    sent = await house.point(A, B)

    assert sent == [(A, "bind", (OWN[A], primary)), (B, "bind", (OWN[B], reader))]
    assert house.seen() == (A, B, None)


async def test_a_node_gets_both_addresses_by_one_command(house: House) -> None:
    """While no replica serves, the primary's node answers readers too."""
    primary, reader = await house.reserve()

    assert await house.point(A, A) == [(A, "bind", (OWN[A], primary, reader))]


async def test_nothing_is_sent_when_all_is_as_it_should_be(house: House) -> None:
    """Every bind makes a node refuse for an instant, so there is none without need (H15)."""
    await house.reserve()
    await house.point(A, B)

    assert await house.point(A, B) == []


async def test_an_address_is_taken_before_it_is_given(house: House) -> None:
    """The former holder lets go, its connections end, and only then the next one binds (S8, H13)."""
    primary, _ = await house.reserve()
    await house.point(A, C)

    assert await house.point(B, C) == [
        (A, "bind", (OWN[A],)),
        (A, "end_through", primary, PORT),
        (B, "bind", (OWN[B], primary)),
    ]


async def test_a_dead_holder_is_not_asked(house: House) -> None:
    """After a failover the reader's node may become the primary's by one command of its own."""
    primary, reader = await house.reserve()
    await house.point(A, B)
    house.links[A].connected = False

    assert await house.point(B, C) == [
        (B, "bind", (OWN[B], primary)),
        (B, "end_through", reader, PORT),
        (C, "bind", (OWN[C], reader)),
    ]


async def test_two_nodes_swap_their_addresses(house: House) -> None:
    """Both let go before either binds what the other had."""
    primary, reader = await house.reserve()
    await house.point(A, B)

    await house.point(B, A)

    assert house.seen() == (B, A, None)
    assert house.links[A].bound == {OWN[A], reader}
    assert house.links[B].bound == {OWN[B], primary}


async def test_addresses_can_lead_nowhere(house: House) -> None:
    """During a planned change, and for a set on its way out, nobody answers."""
    primary, reader = await house.reserve()
    await house.point(A, B)

    await house.point(None, None)

    assert house.seen() == (None, None, None)
    assert (A, "end_through", primary, PORT) in house.notes
    assert (B, "end_through", reader, PORT) in house.notes


async def test_a_dead_node_answers_nowhere(house: House) -> None:
    """What a dead node's link read last does not count."""
    await house.reserve()
    await house.point(A, B)

    house.links[A].connected = False

    assert house.seen() == (None, B, None)


async def test_connections_are_ended_even_if_the_first_try_failed(house: House) -> None:
    """An address that was taken is not given before the connections through it were ended (H13)."""
    primary, _ = await house.reserve()
    await house.point(A, C)
    house.links[A].broken = True
    with pytest.raises(LinkTrouble):
        await house.point(B, C)
    assert house.links[B].bound == {OWN[B]}

    house.links[A].broken = False

    assert await house.point(B, C) == [
        (A, "end_through", primary, PORT),
        (B, "bind", (OWN[B], primary)),
    ]


async def test_connections_are_ended_even_if_the_service_ended_in_between(house: House) -> None:
    """A service that begins at a half-done move ends what may still come through on any node (H13)."""
    primary, _ = await house.reserve()
    await house.point(A, C)
    house.links[A].bound = frozenset({OWN[A]})
    house.restarted()
    await house.ledger.load()

    sent = await house.point(B, C)

    assert sent.index((A, "end_through", primary, PORT)) < sent.index((B, "bind", (OWN[B], primary)))


async def test_an_address_in_other_hands_is_a_reason_shown(house: House) -> None:
    """Who can not bind says which address and why, and it is shown until it works (S8)."""
    primary, _ = await house.reserve()
    house.links[A].refuse = {primary}
    with socket.socket() as stranger:
        stranger.bind((primary, PORT))
        stranger.listen()
        with pytest.raises(LinkTrouble, match=rf"node a could not bind {primary}:{PORT} .*EADDRINUSE"):
            await house.point(A, B)
    assert primary in (house.seen()[2] or "")

    house.links[A].refuse = set()
    await house.point(A, B)

    assert house.seen() == (A, B, None)


async def test_an_address_is_taken_even_if_the_other_can_not_be_given(house: House) -> None:
    """What a node may not keep is taken from it although what it should get is in other hands."""
    primary, reader = await house.reserve()
    await house.point(A, B)
    house.links[A].connected = False
    house.links[B].refuse = {primary}

    with pytest.raises(LinkTrouble):
        await house.point(B, C)

    assert house.links[B].bound == {OWN[B]}
    assert (B, "end_through", reader, PORT) in house.notes


async def test_a_holder_without_a_link_is_a_trouble(house: House) -> None:
    """An address is never silently given to nobody."""
    await house.reserve()
    house.links[A].connected = False

    with pytest.raises(LinkTrouble, match="node a is not connected"):
        await house.point(A, B)


async def test_without_a_reservation_nothing_is_pointed(house: House) -> None:
    """Addresses are reserved first."""
    with pytest.raises(LinkTrouble, match="no addresses reserved"):
        await house.point(A, B)
