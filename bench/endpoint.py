"""How long writes stop when the HAProxy of a set of an engine of before 6.2 is killed, or hangs."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from figures import Summary
from memstored.cli.throwaway import ThrowawayService, throwaway_service
from memstored.runtime.haproxy import running_in
from plan import Plan
from provisioning import FOLDER, OLD, PASSWORD, guarded
from sets import LIMIT, BenchSet, Stuck

DETECTION = 1.0
SETTINGS = f'[engines]\nfolders = ["{FOLDER}"]\n[failover]\nfailure_detection = {DETECTION}\n'
BEFORE = 1.3
"""Seconds of writing before the fault; not a multiple of the probes' second."""
STEP = 0.17
"""So much later each time, so that the fault meets the probes at every moment."""
WRITE = b"AUTH %b\r\nSET key value\r\n" % PASSWORD.encode()
PATIENCE = 0.02
"""Seconds before a writer that hears nothing comes again: what is timed is when it could write."""


def measure(plan: Plan) -> dict[str, object]:
    """Seconds from the fault to the next accepted write, by SIGKILL and by SIGSTOP."""
    with throwaway_service(settings=SETTINGS) as service:
        body = service.order("bench", nodes=3, version=OLD, recovery=True)
        made = service.client.post("/v1/instance-sets", {**body, **guarded(service)})
        victim = BenchSet(service, made["objectId"])
        victim.await_running()
        gaps = {
            what: [_gap(service, victim, what, number) for number in range(plan.few)]
            for what in (signal.SIGKILL, signal.SIGSTOP)
        }
    return {f"{what.name}: write gap": Summary.of(taken).json() for what, taken in gaps.items()}


def _gap(service: ThrowawayService, victim: BenchSet, what: signal.Signals, number: int) -> float:
    (group,) = running_in([service.folder.runtime / "proxies" / victim.id]).values()
    group.close()
    with _accepted(victim.endpoint) as writes:
        time.sleep(BEFORE + STEP * number)
        os.kill(group.number, what)
        struck_at = time.monotonic()
        gap = _next(writes, struck_at) - struck_at
    victim.await_running()
    return gap


def _next(writes: list[tuple[float, float]], after: float) -> float:
    """When the first write was accepted that began after that."""
    while time.monotonic() < after + LIMIT:
        if writes and writes[-1][0] > after:
            return next(accepted for began, accepted in writes if began > after)
        time.sleep(0.001)
    raise Stuck("no write was accepted any more")


@contextmanager
def _accepted(endpoint: tuple[str, int]) -> Iterator[list[tuple[float, float]]]:
    """When each write began and was accepted, each over a connection of its own, while the block runs."""
    writes: list[tuple[float, float]] = []
    over = threading.Event()
    thread = threading.Thread(target=_write, args=(endpoint, writes, over))
    thread.start()
    try:
        yield writes
    finally:
        over.set()
        thread.join()


def _write(endpoint: tuple[str, int], writes: list[tuple[float, float]], over: threading.Event) -> None:
    while not over.is_set():
        began = time.monotonic()
        with suppress(OSError), socket.create_connection(endpoint, timeout=PATIENCE) as connection:
            connection.sendall(WRITE)
            said = b""
            while said.count(b"\r\n") < 2 and (more := connection.recv(100)):  # noqa: PLR2004 - two answers
                said += more
            if said == b"+OK\r\n+OK\r\n":
                writes.append((began, time.monotonic()))
        time.sleep(0.001)
