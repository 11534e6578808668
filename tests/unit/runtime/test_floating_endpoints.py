import asyncio
import errno
import os
import socket
from collections.abc import Coroutine
from pathlib import Path
from typing import cast

import pytest

from clocks import StillClock
from memstored.domain.model import Vips
from memstored.domain.ports import Link, LinkTrouble
from memstored.domain.words import NodeId, SetId
from memstored.runtime import endpoints
from memstored.runtime.addresses import AddressLedger, NoAddressFree
from memstored.runtime.endpoints import FloatingEndpoints
from memstored.runtime.protocol import LaunchFailed

PORT = 6379
SET = SetId("s-1")
A, B, C = NodeId("a"), NodeId("b"), NodeId("c")
OWN = {A: "127.0.7.1", B: "127.0.7.2", C: "127.0.7.3"}
PATIENCE = 1000


class Wire:
    """What is on its way to the nodes. `trips` counts how often all that was sent was answered.

    What is sent to a node of `deaf` is answered last, by a trouble, which counts as `PATIENCE` trips.
    """

    def __init__(self) -> None:
        self.trips = 0
        self.deaf: set[NodeId] = set()
        self.given: dict[tuple[NodeId, str], int] = {}
        self._waiting: list[tuple[NodeId, asyncio.Future[None]]] = []

    async def sent(self, node: NodeId) -> None:
        """Return when the answer is there."""
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append((node, answer))
        await answer

    async def carry(self, work: Coroutine[None, None, None]) -> None:
        """Answer round trip after round trip until the work is done."""
        task = asyncio.create_task(work)
        while not task.done():
            for _ in range(20):
                await asyncio.sleep(0)
            self._answer()
        await task

    def _answer(self) -> None:
        heard = [(node, answer) for node, answer in self._waiting if node not in self.deaf]
        self.trips += 1 if heard else PATIENCE * bool(self._waiting)
        answered = heard or self._waiting
        self._waiting = [one for one in self._waiting if one not in answered]
        for node, answer in answered:
            if node in self.deaf:
                answer.set_exception(LinkTrouble("no answer within 1.0 s"))
            else:
                answer.set_result(None)


class NotedLink:
    """A link that notes what it is asked; `refuse` holds addresses that can not be bound."""

    def __init__(self, node: NodeId, notes: list[tuple[object, ...]], wire: Wire) -> None:
        self.node = node
        self.notes = notes
        self.wire = wire
        self.connected = True
        self.bound = frozenset({OWN[node]})
        self.refuse: set[str] = set()
        self.broken = False

    async def bind(self, addresses: tuple[str, ...], *, ending: tuple[str, ...] = ()) -> None:
        """Listen at exactly these, all or nothing."""
        self.notes.append((self.node, "bind", addresses, *((("ending", *ending),) if ending else ())))
        await self.wire.sent(self.node)
        if self.refuse & set(addresses):
            raise LinkTrouble("ERR Failed to bind to specified addresses.")
        for fresh in set(addresses) - self.bound:
            self.wire.given[self.node, fresh] = self.wire.trips
        self.bound = frozenset(addresses)
        if ending and self.broken:
            raise LinkTrouble("the connection ended before the answer")

    async def end_through(self, address: str, port: int) -> None:
        """End nothing, unless broken."""
        self.notes.append((self.node, "end_through", address, port))
        await self.wire.sent(self.node)
        if self.broken:
            raise LinkTrouble("no answer")


class House:
    """Three linked nodes, a ledger and the endpoints over them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes: list[tuple[object, ...]] = []
        self.wire = Wire()
        self.links = {node: NotedLink(node, self.notes, self.wire) for node in OWN}
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
        vips = await self.endpoints.reserve(SET, "net", PORT, version="7.0.15", with_reader=True)
        assert vips.reader is not None
        return vips.primary, vips.reader

    async def point(self, primary: NodeId | None, reader: NodeId | None) -> list[tuple[object, ...]]:
        """Point, and return what was sent for it."""
        self.notes.clear()
        self.wire.trips = 0
        self.wire.given.clear()
        links = cast("dict[NodeId, Link]", self.links)
        await self.wire.carry(self.endpoints.point(SET, PORT, links, primary=primary, reader=reader))
        return list(self.notes)

    def seen(self) -> tuple[NodeId | None, NodeId | None, str | None]:
        """Who has the primary address, who the reader's, and the trouble."""
        facts = self.endpoints.seen(SET, cast("dict[NodeId, Link]", self.links))
        return facts.primary_at, facts.reader_at, facts.error


def no_descriptor(_address: str, _port: int) -> None:
    """In the place of `bind_trouble`, where nothing more can be opened."""
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


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
    vips = await house.endpoints.reserve(SET, "net", PORT, version="7.0.15", with_reader=False)

    assert vips.reader is None


async def test_nothing_rests_on_addresses_that_are_not_saved(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that ended now would have forgotten them, and a set that counts on them would stop it."""
    seen: list[Vips | None] = []

    async def refuse() -> None:
        seen.append(house.endpoints.reserved(SET))
        raise OSError("No space left on device")

    with monkeypatch.context() as full:
        full.setattr(house.ledger, "save", refuse)
        with pytest.raises(LaunchFailed, match="No space left"):
            await house.reserve()
    seen.append(house.endpoints.reserved(SET))
    primary, reader = await house.reserve()

    assert seen == [None, None]
    assert house.endpoints.reserved(SET) == Vips(primary=primary, reader=reader)


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
        await house.endpoints.reserve(SET, "elsewhere", PORT, version="7.0.15", with_reader=True)


async def test_fresh_addresses_are_given_by_one_command_each(house: House) -> None:
    """Nobody had them before, so nothing is taken and nobody is cut off."""
    primary, reader = await house.reserve()

    sent = await house.point(A, B)

    assert sent == [(A, "bind", (OWN[A], primary)), (B, "bind", (OWN[B], reader))]
    assert house.seen() == (A, B, None)


async def test_an_address_moves_with_no_descriptor_to_spare(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can not be tried here is left to the nodes: a want of ours keeps no address from a new primary."""
    primary, reader = await house.reserve()
    await house.point(A, B)
    monkeypatch.setattr(endpoints, "bind_trouble", no_descriptor)
    house.links[A].connected = False

    sent = await house.point(B, B)

    assert sent == [(B, "bind", (OWN[B], reader, primary))]
    assert house.seen() == (B, B, None)


async def test_what_is_in_the_way_is_told_by_the_node_where_it_can_not_be_tried(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel gives no address to two, whether somebody looked before or not."""
    primary, _reader = await house.reserve()
    monkeypatch.setattr(endpoints, "bind_trouble", no_descriptor)
    house.links[A].refuse.add(primary)

    with pytest.raises(LinkTrouble, match=f"could not bind {primary}:{PORT} ERR Failed to bind"):
        await house.point(A, B)

    assert house.seen()[:2] == (None, B)


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
        (A, "bind", (OWN[A],), ("ending", primary)),
        (B, "bind", (OWN[B], primary)),
    ]
    assert house.wire.trips == 2


async def test_after_a_death_the_primary_address_is_given_in_one_round_trip(house: House) -> None:
    """The reader's node becomes the primary's by one command, which takes the reader address from it too."""
    primary, reader = await house.reserve()
    await house.point(A, B)
    house.links[A].connected = False

    assert await house.point(B, C) == [
        (B, "bind", (OWN[B], primary), ("ending", reader)),
        (C, "bind", (OWN[C], reader)),
    ]
    assert house.wire.given == {(B, primary): 1, (C, reader): 2}


async def test_a_deaf_reader_does_not_hold_up_the_primary(house: House) -> None:
    """Who does not answer delays only the address that it has, and that is said (S8)."""
    primary, reader = await house.reserve()
    await house.point(A, C)
    house.links[A].connected = False
    house.wire.deaf = {C}

    with pytest.raises(LinkTrouble, match=rf"node c was not seen to let go of {reader}: no answer"):
        await house.point(B, B)

    assert house.wire.given == {(B, primary): 1}
    assert house.seen()[:2] == (B, C)
    assert reader in (house.seen()[2] or "")


async def test_a_deaf_primary_does_not_hold_up_the_reader(house: House) -> None:
    """The other way round: readers are served while the primary address can not be taken yet."""
    primary, reader = await house.reserve()
    await house.point(A, A)
    await house.point(A, B)
    house.wire.deaf = {A}
    house.links[B].connected = False

    with pytest.raises(LinkTrouble, match=rf"node a was not seen to let go of {primary}"):
        await house.point(C, C)

    assert house.wire.given == {(C, reader): 1}
    assert (C, "bind", (OWN[C], primary)) not in house.notes


async def test_what_is_held_by_the_unreachable_does_not_hold_up_the_rest(house: House) -> None:
    """A node that hangs unconnected keeps its address listening: no bind that can not work is sent (H15)."""
    primary, reader = await house.reserve()
    with socket.socket() as hung:
        hung.bind((reader, PORT))
        hung.listen()
        with pytest.raises(LinkTrouble, match=rf"node b could not bind {reader}:{PORT} .*EADDRINUSE"):
            await house.point(B, B)

    assert house.notes == [(B, "bind", (OWN[B], primary))]


async def test_of_two_refused_addresses_one_may_do(house: House) -> None:
    """A node that can not bind both addresses at once is given each alone."""
    primary, reader = await house.reserve()
    house.links[A].refuse = {reader}

    with pytest.raises(LinkTrouble, match=rf"node a could not bind {reader}:{PORT} ERR Failed"):
        await house.point(A, A)

    assert house.links[A].bound == {OWN[A], primary}


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
    assert (A, "bind", (OWN[A],), ("ending", primary)) in house.notes
    assert (B, "bind", (OWN[B],), ("ending", reader)) in house.notes
    assert house.wire.trips == 1


async def test_a_dead_node_answers_nowhere(house: House) -> None:
    """What a dead node's link read last does not count."""
    await house.reserve()
    await house.point(A, B)

    house.links[A].connected = False

    assert house.seen() == (None, B, None)


async def test_connections_are_ended_even_if_the_first_try_failed(house: House) -> None:
    """An address is not given while its connections may stand: a lost answer is asked for again (H13)."""
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
    assert (B, "bind", (OWN[B],), ("ending", reader)) in house.notes


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
