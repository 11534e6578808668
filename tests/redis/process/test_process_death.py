"""How soon a node is proven gone while a fork child of it holds its sockets open (H7).

A child writes a second a key, so whoever waited for it would wait for a quarter of an hour.
"""

import asyncio
import errno
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager

import pytest
from ground import Ground, group_of, next_exit, until
from structlog.testing import capture_logs

from memstored.runtime import processes
from memstored.runtime.listening import bind_trouble
from memstored.runtime.process import ProcessRuntime
from memstored.runtime.processes import ProcessFacts, ProcessGroup, read_process
from memstored.runtime.protocol import Placement

BOUND = 1.0
"""Seconds; some 10 ms on an idle machine."""
SLOW = (("rdb-key-save-delay", "1000000"), ("repl-diskless-sync-delay", "0"))
ON_DISK, DISKLESS = ("repl-diskless-sync", "no"), ("repl-diskless-sync", "yes")

FULL_SYNC = (b"REPLCONF capa eof capa psync2\r\n", b"PSYNC ? -1\r\n")
BACKUP = (b"REPLCONF rdb-only 1\r\n", b"SYNC\r\n")
"""What `redis-cli --rdb` sends."""

COPIES = {
    "full sync on disk": (ON_DISK, FULL_SYNC),
    "full sync without disk": (DISKLESS, FULL_SYNC),
    "backup on disk": (ON_DISK, BACKUP),
    "backup without disk": (DISKLESS, BACKUP),
}


class Blind:
    """In the place of `read_process`: there is no descriptor to look with, until `seeing`."""

    def __init__(self) -> None:
        self.seeing = False
        self.looks = 0

    def __call__(self, number: int) -> ProcessFacts | None:
        """Look, or fail as the system does."""
        self.looks += 1
        if self.seeing:
            return read_process(number)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


@contextmanager
def connected(ground: Ground, placement: Placement, hello: bytes) -> Iterator[socket.socket]:
    """A connection on which something was said and answered."""
    with closing(socket.create_connection((str(placement.address), ground.port), timeout=5)) as sock:
        sock.sendall(hello)
        assert sock.recv(100).startswith(b"+")
        yield sock


def ended(sock: socket.socket) -> bool:
    """Whether the other side's end is seen, whatever it said before."""
    sock.settimeout(BOUND)
    try:
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


@pytest.fixture(params=COPIES)
async def copied(
    request: pytest.FixtureRequest, ground: Ground, runtime: ProcessRuntime
) -> AsyncIterator[tuple[Placement, socket.socket]]:
    """A node in the middle of giving a copy of its data away, and who receives it."""
    way, (hello, words) = COPIES[request.param]
    placement = await runtime.launch(ground.order(None, *SLOW, way))
    with ground.client(placement) as client:
        client.mset({f"k{i}": "v" for i in range(1000)})
    with connected(ground, placement, hello) as receiver:
        receiver.sendall(words)
        await until(lambda: len(group_of(placement.process_id or 0)) == 2)
        yield placement, receiver


async def test_a_death_in_the_middle_of_a_copy_is_proven_at_once(
    ground: Ground, runtime: ProcessRuntime, copied: tuple[Placement, socket.socket]
) -> None:
    """A kill of the server ends its child too: nobody is left, all see the end, the address is free."""
    placement, receiver = copied
    with connected(ground, placement, b"PING\r\n") as tenant:
        began = time.monotonic()
        os.kill(placement.process_id or 0, signal.SIGKILL)
        node = await next_exit(runtime)
        took = time.monotonic() - began

        assert node == placement.node
        assert group_of(placement.process_id or 0) == []
        assert [await asyncio.to_thread(ended, sock) for sock in (tenant, receiver)] == [True, True]
    assert bind_trouble(str(placement.address), ground.port) is None
    assert took < BOUND


async def test_a_fence_in_the_middle_of_a_copy_is_proven_at_once(
    ground: Ground, runtime: ProcessRuntime, copied: tuple[Placement, socket.socket]
) -> None:
    """A stopped server that was giving its data away is proven gone, child and all (S3)."""
    placement, receiver = copied
    os.kill(placement.process_id or 0, signal.SIGSTOP)

    began = time.monotonic()
    proven = await runtime.fence(placement.node)
    took = time.monotonic() - began

    assert proven
    assert group_of(placement.process_id or 0) == []
    assert await asyncio.to_thread(ended, receiver)
    assert bind_trouble(str(placement.address), ground.port) is None
    assert took < BOUND


async def test_a_death_is_proven_as_soon_as_it_can_be_looked_at(
    monkeypatch: pytest.MonkeyPatch,
    ground: Ground,
    runtime: ProcessRuntime,
    copied: tuple[Placement, socket.socket],
) -> None:
    """Without a descriptor to look with nobody is taken for gone; with one again, the end is told (S3)."""
    (placement, _), blind = copied, Blind()
    monkeypatch.setattr(processes, "read_process", blind)
    os.kill(placement.process_id or 0, signal.SIGKILL)
    await until(lambda: blind.looks >= 5)
    seen = runtime.placement(placement.node)
    assert seen is not None
    assert not seen.gone

    blind.seeing = True

    assert await next_exit(runtime) == placement.node
    assert group_of(placement.process_id or 0) == []
    assert await runtime.fence(placement.node)
    assert bind_trouble(str(placement.address), ground.port) is None


async def test_a_watch_that_ends_by_a_fault_is_told(
    monkeypatch: pytest.MonkeyPatch, ground: Ground, runtime: ProcessRuntime
) -> None:
    """Whoever waits for a node's end in vain finds in the log why it is never seen."""

    def broken(_group: ProcessGroup) -> bool:
        raise ValueError("the look broke")

    placement = await runtime.launch(ground.order())
    with monkeypatch.context() as broken_looks, capture_logs() as logs:
        broken_looks.setattr(ProcessGroup, "vanished", lambda _group: False)
        broken_looks.setattr(ProcessGroup, "sweep", broken)
        os.kill(placement.process_id or 0, signal.SIGKILL)
        await until(lambda: logs)

    assert [(entry["event"], str(entry["exc_info"])) for entry in logs] == [
        ("watching_failed", "the look broke")
    ]
