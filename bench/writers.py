"""Writers in a process of their own, so that neither we nor the service slow each other's clock.

The writers are those of `memstored.cli.tour_load`: plain sockets, which know nothing of memstored. The
process takes one line of JSON that says where to write, writes until the next line, and answers with what
each writer had acknowledged, again and again. It ends when its standard input does. Times are of
CLOCK_MONOTONIC, which all processes share.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import asdict, astuple, dataclass, field
from typing import Any

import uvloop
from redis.asyncio.sentinel import Sentinel
from redis.exceptions import RedisError

from memstored.cli.tour_load import Acknowledged, Load, Losses, Place, Record, at, missing

WRITERS = 8
ASKING = 0.005
"""Seconds before a writer asks the Sentinels, again and again while the primary is dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is written to: an address, or the primary that Sentinels at these addresses name `master`.
    Keys begin with `name`; `confirming` of the writers have each write confirmed by a replica.
    """

    name: str
    address: tuple[str, int] = ("", 0)
    sentinels: Sequence[tuple[str, int]] = ()
    writers: int = WRITERS
    confirming: int = WRITERS // 2


@dataclass(slots=True)
class Work:
    """What came of a load, a record for each target, once its block has ended; `until`: when it ended."""

    records: list[Record] = field(default_factory=list)
    until: float = 0.0

    @property
    def record(self) -> Record:
        """That of the only target."""
        (only,) = self.records
        return only


class WriterProcess:
    """A process that is ready to write."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    @contextmanager
    def writing(self, *targets: Target) -> Iterator[Work]:
        """Load the targets for the length of the block."""
        work = Work()
        self._say([asdict(target) for target in targets])
        self._answer()
        try:
            yield work
        finally:
            self._say("enough")
            work.until, rows = self._answer()
            work.records = [Record([[Acknowledged(*a) for a in w] for w in record]) for record in rows]

    def _say(self, words: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()

    def _answer(self) -> Any:  # noqa: ANN401 - JSON as it comes
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process of the writers ended")
        return json.loads(line)


@contextmanager
def writer_process() -> Iterator[WriterProcess]:
    """The process for the length of the block, in a session of its own: Ctrl-C is ours to handle."""
    command, pipe = [sys.executable, __file__], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, start_new_session=True) as process:
        try:
            yield WriterProcess(process)
        finally:
            process.kill()


@contextmanager
def writers(endpoint: tuple[str, int], name: str) -> Iterator[Work]:
    """Load an endpoint with eight writers for the length of the block; keys begin with `name`."""
    target = Target(name=name, address=endpoint)
    with writer_process() as process, process.writing(target) as work:
        yield work


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


def _place(target: Target) -> Place:
    return named_by(target.sentinels) if target.sentinels else at(*target.address)


def named_by(sentinels: Sequence[tuple[str, int]]) -> Place:
    """Where these Sentinels say that the primary is, asked anew before each connection, as clients do."""
    # Eight writers that ask without a pause would be a load of their own.
    asked = Sentinel([tuple(sentinel) for sentinel in sentinels], socket_timeout=1.0)

    async def place() -> tuple[str, int]:
        await asyncio.sleep(ASKING)
        try:
            host, port = await asked.discover_master("master")
        except RedisError as error:
            raise OSError(str(error)) from error
        return host, port

    return place


async def _serve() -> None:
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while asked := await lines.readline():
        loads = [
            Load(_place(t), name=t.name, writers=t.writers, confirming=t.confirming)
            for t in (Target(**fields) for fields in json.loads(asked))
        ]
        async with AsyncExitStack() as stack:
            for load in loads:
                await stack.enter_async_context(load)
            print(json.dumps("writing"), flush=True)
            await lines.readline()
        until = time.monotonic()
        rows = [[[astuple(a) for a in writer] for writer in load.record.writers] for load in loads]
        print(json.dumps([until, rows]), flush=True)


if __name__ == "__main__":
    uvloop.run(_serve())
