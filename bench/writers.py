"""Eight writers in a process of their own, so that neither we nor the service slow each other's clock.

The writers are those of `memstored.cli.tour_load`. The process writes until its standard input ends, then
prints what each writer had acknowledged. Times are of CLOCK_MONOTONIC, which all processes share.

    python bench/writers.py HOST PORT NAME
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field

import uvloop

from memstored.cli.tour_load import Acknowledged, Load, Record, missing

WRITERS = 8
GOODBYE = 10.0
"""Seconds to wait for the account of the writers."""


@dataclass(slots=True)
class Work:
    """What came of a load; `record` is there once its block has ended."""

    record: Record = field(default_factory=lambda: Record(()))


@contextmanager
def writers(endpoint: tuple[str, int], name: str) -> Iterator[Work]:
    """Load an endpoint for the length of the block; keys begin with `name`."""
    host, port = endpoint
    work = Work()
    command = [sys.executable, __file__, host, str(port), name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield work
            out, _ = process.communicate(timeout=GOODBYE)
        finally:
            process.kill()
    work.record = Record([[Acknowledged(*row) for row in rows] for rows in json.loads(out)])


@dataclass(frozen=True, slots=True)
class Losses:
    """Acknowledged writes that can not be read back, and how many of them a replica had confirmed."""

    acknowledged: int
    confirmed: int
    lost: int
    lost_confirmed: int


def losses(endpoint: tuple[str, int], record: Record) -> Losses:
    """Read all acknowledged writes back."""
    writes = record.all
    gone = asyncio.run(missing(*endpoint, writes))
    return Losses(
        acknowledged=len(writes),
        confirmed=sum(write.confirmed for write in writes),
        lost=len(gone),
        lost_confirmed=sum(write.confirmed for write in gone),
    )


async def _write(host: str, port: int, name: str) -> None:
    async with Load(host, port, name=name, writers=WRITERS) as load:
        print("writing", flush=True)
        await asyncio.to_thread(sys.stdin.read)
    print(json.dumps([[astuple(write) for write in writer] for writer in load.record.writers]))


if __name__ == "__main__":
    uvloop.run(_write(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
