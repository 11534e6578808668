"""Who carries the addresses of a set."""

from pathlib import Path

import pytest

from memstored.domain.ports import LinkTrouble
from memstored.domain.words import SetId
from memstored.runtime.addresses import AddressLedger
from memstored.runtime.choice import ChosenEndpoints
from memstored.runtime.endpoints import FloatingEndpoints
from memstored.runtime.fake import ManualClock
from memstored.runtime.proxied import ProxiedEndpoints

NEW, OLD, UNKNOWN = SetId("new"), SetId("old"), SetId("unknown")


class Carriers:
    """Both kinds of endpoints over one ledger, as a newly started service has them."""

    def __init__(self, root: Path) -> None:
        self.ledger = AddressLedger(
            path=root / "addresses.json", subnets={"net": "127.216.0.0/16"}, clock=ManualClock()
        )
        self.floating = FloatingEndpoints(addresses=self.ledger, address_of=lambda _: None)
        self.proxied = ProxiedEndpoints(root=root, addresses=self.ledger, address_of=lambda _: None)
        self.chosen = ChosenEndpoints(floating=self.floating, proxied=self.proxied)


@pytest.fixture
async def carriers(tmp_path: Path) -> Carriers:
    """A set of each kind."""
    carriers = Carriers(tmp_path)
    for set_id, version in ((NEW, "6.2.5"), (OLD, "5.0.6")):
        await carriers.chosen.reserve(set_id, "net", 6379, version=version, with_reader=True)
    return carriers


async def test_nodes_carry_addresses_where_their_engine_can(carriers: Carriers) -> None:
    """From 6.2 on; before, a proxy does."""
    assert (carriers.floating.owners(), carriers.proxied.owners()) == ([NEW], (OLD,))
    assert set(carriers.chosen.owners()) == {NEW, OLD}


async def test_a_restarted_service_knows_who_carries_what(carriers: Carriers, tmp_path: Path) -> None:
    """The reservation tells, so that nobody has to know the version again."""
    again = Carriers(tmp_path)
    await again.ledger.load()
    await again.chosen.start()

    for set_id in (NEW, OLD):
        assert again.chosen.reserved(set_id) == carriers.chosen.reserved(set_id)
        assert again.chosen.seen(set_id, {}).reserved
    assert (again.floating.owners(), again.proxied.owners()) == ([NEW], (OLD,))


async def test_a_second_reservation_is_the_first(carriers: Carriers) -> None:
    """It is safe to repeat."""
    before = carriers.chosen.reserved(OLD)

    assert await carriers.chosen.reserve(OLD, "net", 6379, version="5.0.6", with_reader=True) == before


async def test_released_addresses_rest_whoever_carried_them(carriers: Carriers) -> None:
    """Another set gets others (H22)."""
    former = carriers.chosen.reserved(OLD)
    assert former is not None

    await carriers.chosen.release(OLD)

    assert carriers.chosen.reserved(OLD) is None
    assert carriers.chosen.owners() == (NEW,)
    other = await carriers.chosen.reserve(UNKNOWN, "net", 6379, version="7.0.15", with_reader=True)
    assert not {other.primary, other.reader} & {former.primary, former.reader}


async def test_moves_are_broken_off_whoever_makes_them(carriers: Carriers) -> None:
    """Only those of proxies outlive who asked for them, and no other is begun (S7)."""
    carriers.chosen.break_off()

    with pytest.raises(LinkTrouble, match="another controller's"):
        await carriers.chosen.point(OLD, 6379, {}, primary=None, reader=None)


async def test_changes_end_with_the_service(carriers: Carriers) -> None:
    """Whoever listens comes to an end."""
    await carriers.chosen.close()

    assert [set_id async for set_id in carriers.chosen.changes()] == []
