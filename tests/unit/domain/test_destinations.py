"""Where the service may connect on behalf of tenants."""

from ipaddress import ip_address

import pytest

from memstored.domain.destinations import Destinations

SUBNETS = ("127.20.0.0/16", "198.18.0.0/24", "203.0.112.0/24")
CLOSED = Destinations.of(allow=(), inner=SUBNETS, http=False)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "203.0.114.1"])
def test_public_addresses_are_open(address: str) -> None:
    """Without any setting."""
    assert CLOSED.admit(ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.20.0.5",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "203.0.112.7",
        "224.0.0.1",
        "239.1.1.1",
        "192.88.99.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::10.0.0.1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1",
        "2002:7f00:1::1",
        "fc00::1",
        "fd12::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_everything_else_is_shut(address: str) -> None:
    """This machine, its neighbours, everybody at once, nobody, our nodes, and whatever hides one of them."""
    assert not CLOSED.admit(ip_address(address))


def test_what_the_operator_names_is_open() -> None:
    """And nothing beside it."""
    some = Destinations.of(allow=["10.1.0.0/16", "fd00:7::/32"], inner=SUBNETS, http=False)

    assert some.admit(ip_address("10.1.255.255"))
    assert some.admit(ip_address("fd00:7::1"))
    assert not some.admit(ip_address("10.2.0.0"))
    assert not some.admit(ip_address("fd00:8::1"))
    assert some.admit(ip_address("8.8.8.8"))


def test_our_nodes_stay_shut_in_a_wider_network() -> None:
    """Who opens this machine to receivers did not mean the tenants' data; who names it did."""
    wide = Destinations.of(allow=["127.0.0.0/8"], inner=SUBNETS, http=False)
    exact = Destinations.of(allow=["127.0.0.0/8", "127.20.7.0/24"], inner=SUBNETS, http=False)

    assert wide.admit(ip_address("127.0.0.1"))
    assert not wide.admit(ip_address("127.20.7.1"))
    assert exact.admit(ip_address("127.20.7.1"))
    assert not exact.admit(ip_address("127.20.8.1"))


def test_a_host_that_is_a_name_is_judged_later() -> None:
    """By what it leads to."""
    assert CLOSED.admit_host("localhost")
    assert not CLOSED.admit_host("127.0.0.1")


def test_what_is_no_network_is_refused() -> None:
    """As a setting would have it."""
    with pytest.raises(ValueError, match="host bits"):
        Destinations.of(allow=["10.0.0.1/8"], inner=(), http=False)
