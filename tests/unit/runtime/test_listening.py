import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from memstored.runtime.listening import accepts, bind_trouble, listens

ADDRESS = "127.216.3.9"


@pytest.fixture
def other() -> Iterator[socket.socket]:
    """A socket of somebody else, set up as servers do; not bound yet."""
    with closing(socket.socket()) as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        yield other


def test_a_free_address_is_no_trouble(other: socket.socket) -> None:
    """A server could listen there, also while somebody else just looks."""
    other.bind((ADDRESS, 0))

    assert bind_trouble(ADDRESS, other.getsockname()[1]) is None


@pytest.mark.parametrize("where", [ADDRESS, "0.0.0.0"])
def test_a_listening_server_is_a_trouble(other: socket.socket, where: str) -> None:
    """Whoever listens at the address, or at all addresses, is in the way."""
    other.bind((where, 0))
    other.listen()

    trouble = bind_trouble(ADDRESS, other.getsockname()[1])

    assert trouble == "Address already in use (EADDRINUSE)"


def test_an_address_of_another_machine_is_a_trouble() -> None:
    """An address that this machine does not have is told in the system's words."""
    assert bind_trouble("192.0.2.1", 6379) == "Cannot assign requested address (EADDRNOTAVAIL)"


async def test_only_a_listening_server_accepts(other: socket.socket) -> None:
    """A bound address is not yet an answer."""
    other.bind((ADDRESS, 0))
    port = other.getsockname()[1]
    before = await accepts(ADDRESS, port)
    other.listen()

    assert not before
    assert await accepts(ADDRESS, port)


def test_who_listens_is_seen_whatever_the_port(other: socket.socket) -> None:
    """Only a listening socket at that very address counts."""
    other.bind(("127.216.3.10", 0))
    before = listens("127.216.3.10")
    other.listen()

    assert not before
    assert listens("127.216.3.10")
    assert not listens("127.216.3.11")
