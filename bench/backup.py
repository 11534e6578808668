"""How fast a set is backed up, beside `redis-cli --rdb` of the same replica to the same disk, turn by turn.

And what it costs: the memory of the service over idle, and the waits of a writer at the primary.
"""

import asyncio
import multiprocessing
import os
import random
import secrets
import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from redis import Redis

from figures import Summary, percentile
from memstored.cli.throwaway import ThrowawayService, throwaway_service
from memstored.control.clock import SystemClock
from memstored.domain.object_keys import backup_key
from memstored.domain.ports import Identity
from memstored.domain.words import SetId
from memstored.redis.acl import acting_rules
from memstored.store.cipher import Cipher
from memstored.store.database import Database
from memstored.store.sets import SetRepository
from plan import Plan
from sets import BenchSet, Stuck

NODES = 3
MEMORY = 8
"""GiB of a node."""
VALUE = 10 * 1024
"""Bytes of a value, half of them random."""
MIB = 1024 * 1024
LIMIT = 600.0
"""Seconds after which a backup counts as stuck."""
LOOK = 0.01
"""Seconds between two looks for the object, which appears when it is whole."""
ASK = 5.0
"""Seconds between two questions to the service meanwhile: each takes it some milliseconds."""
ROUNDS = 3
"""Times `Plan.few`: among few writes it is chance how long the slowest take."""
PAUSE = 0.001
"""Seconds between two writes of the one who measures waits."""
SPAWN = multiprocessing.get_context("spawn")
COPIER = Identity(user="memstored-bench", secret=secrets.token_hex(32))
PEAK_ANEW = "5"
"""What makes the kernel begin to count the peak of memory anew."""


def measure(plan: Plan) -> dict[str, object]:
    """Back the same data up again and again; the figures are medians of the rounds."""
    with throwaway_service() as service:
        made = BenchSet.made(
            service, "bench", nodes=NODES, version=plan.version, recovery=True, memory=MEMORY
        )
        made.await_running()
        fill(made, plan.mebibytes)
        rest = memory(service, "VmRSS")
        control = _control(service, made)
        pause = plan.idle / 4
        rounds = [_round(service, made, control, number, pause) for number in range(ROUNDS * plan.few)]
        idle, busy, beside = (_all(rounds, name) for name in ("idle", "writes", "beside"))
        return {
            "object_mib": round(rounds[0]["bytes"] / MIB, 1),
            "backup_mib_per_s": _median(rounds, "ours"),
            "redis_cli_rdb_mib_per_s": _median(rounds, "theirs"),
            "backup_per_cent_of_redis_cli": round(
                100 * _median(rounds, "ours") / _median(rounds, "theirs"), 1
            ),
            "service_memory_over_idle_mib": round(max(r["peak"] for r in rounds) - rest, 1),
            "write_while_idle": Summary.of(idle).json(),
            "write_during_backups": Summary.of(busy).json(),
            "write_during_redis_cli": Summary.of(beside).json(),
            "write_p99_during_over_idle": round(percentile(busy, 99) / percentile(idle, 99), 2),
            "rounds": [{name: r[name] for name in ("bytes", "ours", "theirs", "peak")} for r in rounds],
        }


def _median(rounds: list[dict[str, Any]], name: str) -> float:
    return round(statistics.median(r[name] for r in rounds), 1)


def _all(rounds: list[dict[str, Any]], name: str) -> list[float]:
    return [wait for r in rounds for wait in r[name]]


def _round(
    service: ThrowawayService, made: BenchSet, control: Identity, number: int, pause: float
) -> dict[str, Any]:
    """A pause of so many seconds, one backup and one copy by redis-cli; bytes and MiB a second."""
    idle = _writing(made, pause)
    forget_peak(service)
    with _writer(made) as writes:
        began = time.monotonic()
        row = made_of(service, made, f"bench-{number}")
        ours = time.monotonic() - began
    peak = memory(service, "VmHWM")
    service.client.delete(f"/v1/backups/{row['id']}")
    # They meet with the same writer.
    with _writer(made) as beside:
        theirs = _copied(service, made, control)
    size = row["size"]
    return {
        "bytes": size,
        "ours": size / MIB / ours,
        "theirs": size / MIB / theirs,
        "peak": peak,
        "idle": idle,
        "writes": writes,
        "beside": beside,
    }


def made_of(service: ThrowawayService, made: BenchSet, name: str) -> Mapping[str, Any]:
    """Make a backup and wait for its end, which the service is not asked for before it can have come."""
    backup_id = service.client.post("/v1/backups", {"clusterId": made.id, "name": name})["objectId"]
    row: Mapping[str, Any] = service.client.get(f"/v1/backups/{backup_id}")
    # Its whole name: to search the folders a hundred times a second is felt by the writer.
    file = service.folder.objects / backup_key(row["projectId"], backup_id)
    deadline, ask = time.monotonic() + LIMIT, time.monotonic() + ASK
    while row["status"] in ("Pending", "Creating"):
        now = time.monotonic()
        if now > deadline:
            raise Stuck(f"the backup is {row}")
        if now > ask or file.exists():
            row = service.client.get(f"/v1/backups/{backup_id}")
            ask = now + ASK
        time.sleep(LOOK)
    if row["status"] != "Available":
        raise Stuck(f"the backup failed: {row['reason']}")
    return row


def _copied(service: ThrowawayService, made: BenchSet, control: Identity) -> float:
    """The seconds that redis-cli takes to copy a replica's data to the disk of the objects."""
    replica = made.nodes()[-1]
    place = replica["endpoint"], replica["port"]
    with Redis(*place, username=control.user, password=control.secret) as client:
        client.execute_command("ACL", "SETUSER", *acting_rules(COPIER))
    file = service.folder.path / "copy.rdb"
    command = ["redis-cli", "-h", replica["endpoint"], "-p", str(replica["port"]), "--user", COPIER.user]
    secret = {**os.environ, "REDISCLI_AUTH": COPIER.secret}
    began = time.monotonic()
    subprocess.run([*command, "--rdb", str(file)], check=True, capture_output=True, env=secret)
    took = time.monotonic() - began
    file.unlink()
    return took


def _control(service: ThrowawayService, made: BenchSet) -> Identity:
    """The service's way into the set's nodes, where a user is made that may copy: tenants may not."""

    async def read() -> Identity:
        database = await Database.open(service.folder.store_url)
        try:
            sets = SetRepository(database, SystemClock(), Cipher.from_file(service.folder.key_file))
            return (await sets.identities(SetId(made.id))).control
        finally:
            await database.close()

    return asyncio.run(read())


def fill(made: BenchSet, mebibytes: int) -> None:
    """Write so many MiB of values."""
    chance = random.Random(1)
    host, port = made.endpoint
    with Redis(host=host, port=port) as node:
        for begin in range(0, mebibytes * MIB // VALUE, 1000):
            pipe = node.pipeline(transaction=False)
            for number in range(begin, begin + 1000):
                pipe.set(f"key:{number}", chance.randbytes(VALUE // 2) * 2)
            pipe.execute()


@contextmanager
def _writer(made: BenchSet) -> Iterator[list[float]]:
    """Somebody who writes small values at the primary for the length of the block, and how long each took.

    In a process of its own: to wait for our interpreter is not to wait for the primary.
    """
    waits: list[float] = []
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=_write, args=(made.endpoint, theirs))
    process.start()
    theirs.close()
    try:
        ours.recv()
        yield waits
        ours.send("enough")
        waits += ours.recv()
    finally:
        process.kill()
        process.join()
        ours.close()


def _write(endpoint: tuple[str, int], asker: Connection) -> None:
    """Say that we begin, write until something is said, and answer how long each write took."""
    host, port = endpoint
    waits: list[float] = []
    with Redis(host=host, port=port) as node:
        asker.send("ready")
        while not asker.poll(PAUSE):
            began = time.perf_counter()
            node.set("written", "x")
            waits.append(time.perf_counter() - began)
    asker.send(waits)


def _writing(made: BenchSet, seconds: float) -> list[float]:
    with _writer(made) as waits:
        time.sleep(seconds)
    return waits


def forget_peak(service: ThrowawayService) -> None:
    """Have the kernel begin to count the peak of the service's memory anew."""
    Path(f"/proc/{service.pid}/clear_refs").write_text(PEAK_ANEW)


def memory(service: ThrowawayService, name: str) -> float:
    """MiB that the service has (`VmRSS`) or had at most (`VmHWM`)."""
    lines = Path(f"/proc/{service.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024
