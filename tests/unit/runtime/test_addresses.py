import json
import socket
import stat
from collections.abc import Iterator
from contextlib import closing
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from clocks import StillClock
from memstored.domain.words import NodeId, SetId
from memstored.runtime.addresses import (
    AddressLedger,
    NoAddressFree,
    endpoint_owner,
    endpoint_owners,
    node_owner,
)
from memstored.runtime.files import DamagedFile

PORT = 6379
RANGE = "127.213.0.0/16"
TINY = "127.214.7.0/30"


@pytest.fixture
def clock() -> StillClock:
    """Begins at some time of 2025."""
    return StillClock()


@pytest.fixture
def ledger(tmp_path: Path, clock: StillClock) -> AddressLedger:
    """An empty ledger of a wide and a tiny subnet."""
    return a_ledger(tmp_path, clock)


def a_ledger(folder: Path, clock: StillClock) -> AddressLedger:
    """The ledger of that folder, not loaded yet."""
    subnets = {"wide": RANGE, "tiny": TINY}
    return AddressLedger(path=folder / "addresses.json", subnets=subnets, clock=clock)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A socket of a stranger, not bound yet."""
    with closing(socket.socket()) as stranger:
        yield stranger


def test_an_address_comes_out_of_the_subnets_range(ledger: AddressLedger) -> None:
    """Every subnet has its own range of addresses."""
    assert IPv4Address(ledger.take("a", "wide", PORT)) in IPv4Network(RANGE)
    assert IPv4Address(ledger.take("b", "tiny", PORT)) in IPv4Network(TINY)


def test_an_owner_keeps_its_address(ledger: AddressLedger) -> None:
    """Asking again gives the same address."""
    first = ledger.take("a", "wide", PORT)

    assert ledger.take("a", "wide", PORT) == first == ledger.held("a")


def test_no_two_owners_share_an_address(ledger: AddressLedger) -> None:
    """Every owner gets an address of its own, and never one that looks like a network or a broadcast."""
    addresses = [ledger.take(str(i), "wide", PORT) for i in range(600)]

    assert len(set(addresses)) == 600
    assert not {address.rsplit(".", 1)[1] for address in addresses} & {"0", "255"}


def test_a_full_subnet_says_so(ledger: AddressLedger) -> None:
    """When every address is held, the refusal names the subnet and its range."""
    ledger.take("a", "tiny", PORT)
    ledger.take("b", "tiny", PORT)

    with pytest.raises(NoAddressFree, match=r"subnet tiny: every address of 127\.214\.7\.0/30 is in use"):
        ledger.take("c", "tiny", PORT)


def test_an_unknown_subnet_says_so(ledger: AddressLedger) -> None:
    """A subnet without a range is refused by name."""
    with pytest.raises(NoAddressFree, match="subnet elsewhere has no range"):
        ledger.take("a", "elsewhere", PORT)


def test_a_released_address_rests(ledger: AddressLedger, clock: StillClock) -> None:
    """Nobody gets a released address for ten minutes, not even its former owner (H22)."""
    released = ledger.take("a", "tiny", PORT)
    ledger.take("b", "tiny", PORT)
    ledger.release("a")

    clock.now += 599
    with pytest.raises(NoAddressFree):
        ledger.take("a", "tiny", PORT)
    clock.now += 1
    assert ledger.take("c", "tiny", PORT) == released


def test_an_unused_address_is_preferred_to_a_rested_one(ledger: AddressLedger, clock: StillClock) -> None:
    """A rested address is given out only when no unused one is left."""
    released = ledger.take("a", "tiny", PORT)
    ledger.release("a")
    clock.now += 3600

    assert ledger.take("b", "tiny", PORT) != released
    assert ledger.take("c", "tiny", PORT) == released


def test_of_rested_addresses_the_longest_rested_comes_first(ledger: AddressLedger, clock: StillClock) -> None:
    """Reuse is as late as possible."""
    addresses = {owner: ledger.take(owner, "tiny", PORT) for owner in ("a", "b")}
    for owner in ("b", "a"):
        ledger.release(owner)
        clock.now += 700

    assert ledger.take("c", "tiny", PORT) == addresses["b"]


def test_an_address_put_back_needs_no_rest(ledger: AddressLedger) -> None:
    """What was never used may be given out at once when nothing else is left."""
    unused = ledger.take("a", "tiny", PORT)
    ledger.take("b", "tiny", PORT)
    ledger.put_back("a")

    assert ledger.take("c", "tiny", PORT) == unused


def test_an_address_at_which_a_stranger_listens_is_skipped(
    tmp_path: Path, clock: StillClock, ledger: AddressLedger, listener: socket.socket
) -> None:
    """An address is tried by binding before it is handed out."""
    would_be = a_ledger(tmp_path, clock).take("a", "wide", PORT)
    listener.bind((would_be, PORT))
    listener.listen()

    assert ledger.take("a", "wide", PORT) != would_be


def test_a_port_taken_everywhere_is_named(ledger: AddressLedger, listener: socket.socket) -> None:
    """A stranger that listens at every address of the machine is the reason shown, in the system's words."""
    listener.bind(("0.0.0.0", 0))
    listener.listen()
    port = listener.getsockname()[1]

    with pytest.raises(NoAddressFree, match=rf"can be bound at port {port}; tried 64.*EADDRINUSE"):
        ledger.take("a", "wide", port)


async def test_holdings_survive_the_service(tmp_path: Path, clock: StillClock, ledger: AddressLedger) -> None:
    """After a restart owners hold what they held, and a resting address goes on resting."""
    held, released = ledger.take("a", "tiny", PORT), ledger.take("b", "tiny", PORT)
    ledger.release("b")
    await ledger.save()

    again = a_ledger(tmp_path, clock)
    await again.load()

    assert again.held("a") == held
    with pytest.raises(NoAddressFree):
        again.take("c", "tiny", PORT)
    clock.now += 600
    assert again.take("c", "tiny", PORT) == released


async def test_the_turn_goes_on_after_a_restart(
    tmp_path: Path, clock: StillClock, ledger: AddressLedger
) -> None:
    """An address put back is not the next one after a restart either."""
    first = ledger.take("a", "wide", PORT)
    ledger.put_back("a")
    await ledger.save()

    again = a_ledger(tmp_path, clock)
    await again.load()

    assert again.take("b", "wide", PORT) != first


async def test_a_clock_set_back_does_not_stretch_a_rest(
    tmp_path: Path, clock: StillClock, ledger: AddressLedger
) -> None:
    """A release that seems to lie in the future counts from the restart on."""
    ledger.take("a", "tiny", PORT)
    released = ledger.take("b", "tiny", PORT)
    ledger.release("b")
    await ledger.save()
    clock.now -= 86400

    again = a_ledger(tmp_path, clock)
    await again.load()
    clock.now += 600

    assert again.take("c", "tiny", PORT) == released


async def test_the_file_is_the_owners_alone(tmp_path: Path, ledger: AddressLedger) -> None:
    """Nobody else may read which addresses are in use."""
    await ledger.save()

    assert stat.S_IMODE((tmp_path / "addresses.json").stat().st_mode) == 0o600


def test_holding_another_address_lets_the_first_rest(ledger: AddressLedger) -> None:
    """What a node's own record says wins, and no address stays held by nobody (H22)."""
    first = ledger.take("a", "tiny", PORT)

    ledger.hold("a", "127.213.5.6")
    ledger.hold("b", "127.213.5.6")
    ledger.release("a")

    assert (ledger.held("a"), ledger.held("b")) == (None, "127.213.5.6")
    assert ledger.owners() == ("b",)
    assert ledger.take("c", "tiny", PORT) != first
    with pytest.raises(NoAddressFree):
        ledger.take("d", "tiny", PORT)


HELD = '{"owner":"a","released_at":null}'


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"cursors":{},"addresses":{"127.0.0.9":{}}}',
        '{"cursors":{},"addresses":{"127.0.0.999":' + HELD + "}}",
        '{"cursors":{},"addresses":{"127.0.0.8":' + HELD + ',"127.0.0.9":' + HELD + "}}",
    ],
)
async def test_a_damaged_file_is_a_clear_error(tmp_path: Path, ledger: AddressLedger, content: str) -> None:
    """The service does not go on with half a memory of who holds what; it names the file."""
    (tmp_path / "addresses.json").write_text(content)

    with pytest.raises(DamagedFile, match=r"addresses\.json .*put back a copy of it"):
        await ledger.load()


async def test_long_rested_addresses_are_forgotten(
    tmp_path: Path, clock: StillClock, ledger: AddressLedger
) -> None:
    """The file does not grow for ever."""
    ledger.take("a", "wide", PORT)
    ledger.release("a")
    clock.now += 600 + 86401
    await ledger.save()

    assert json.loads((tmp_path / "addresses.json").read_text())["addresses"] == {}


def test_services_begin_at_different_addresses(tmp_path: Path, clock: StillClock) -> None:
    """Two services on one machine rarely want the same address."""
    firsts = {a_ledger(tmp_path / str(i), clock).take("a", "wide", PORT) for i in range(20)}

    assert len(firsts) > 15


def test_sets_with_addresses_are_listed_once(ledger: AddressLedger) -> None:
    """The search for orphans asks which sets hold addresses; nodes are not among them."""
    ledger.take(endpoint_owner(SetId("s1"), "primary"), "wide", PORT)
    ledger.take(endpoint_owner(SetId("s1"), "reader"), "wide", PORT)
    ledger.take(node_owner(NodeId("n1")), "wide", PORT)

    assert endpoint_owners(ledger) == ["s1"]


def test_a_former_owner_is_known(ledger: AddressLedger) -> None:
    """Who gave an address back was here once and is gone (S2)."""
    ledger.take("a", "wide", PORT)
    assert not ledger.rested("a")

    ledger.release("a")

    assert ledger.rested("a")
