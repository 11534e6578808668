"""Where the service may connect on behalf of tenants: who chooses a URL must not reach what only we can.

Pure. Public addresses are open; everything else, our own nodes before all, is shut unless the operator names
its network. Asked of the address that is connected to, so it does not matter what a name leads to, or when.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

__all__ = ["Address", "Destinations"]

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_TUNNELS = (ip_network("2002::/16"), ip_network("2001::/32"), ip_network("192.88.99.0/24"))
"""6to4 and Teredo, and the relays of 6to4: public to look at, with any address inside or behind them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destinations:
    """`allowed` are open although not public. `inner` are those of the sets' nodes: shut even where a wider
    network is allowed, and open only if one within them is. `http`: without TLS, too.
    """

    allowed: tuple[Network, ...] = ()
    inner: tuple[Network, ...] = ()
    http: bool = False

    @classmethod
    def of(cls, *, allow: Iterable[str], inner: Iterable[str], http: bool) -> Self:
        """Networks as they are written in settings and catalogues; raises `ValueError` for what is none."""
        return cls(
            allowed=tuple(ip_network(it) for it in allow),
            inner=tuple(ip_network(it) for it in inner),
            http=http,
        )

    def admit(self, address: Address) -> bool:
        """Whether it may be connected to."""
        open_to = [network for network in self.allowed if _holds(network, address)]
        homes = [network for network in self.inner if _holds(network, address)]
        if homes:
            return all(any(_within(network, home) for network in open_to) for home in homes)
        return bool(open_to) or _public(address)

    def admit_host(self, host: str) -> bool:
        """The same of the host of a URL, if that is an address; names are asked when they are looked up."""
        try:
            return self.admit(ip_address(host))
        except ValueError:
            return True


def _public(address: Address) -> bool:
    if any(_holds(network, address) for network in _TUNNELS):
        return False
    if isinstance(address, IPv6Address) and address.is_site_local:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def _holds(network: Network, address: Address) -> bool:
    return network.version == address.version and address in network


def _within(network: Network, outer: Network) -> bool:
    if isinstance(network, IPv4Network) and isinstance(outer, IPv4Network):
        return network.subnet_of(outer)
    return isinstance(network, IPv6Network) and isinstance(outer, IPv6Network) and network.subnet_of(outer)
