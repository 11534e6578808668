"""How fast a set is made of a backup, beside a plain redis-server that starts from the same file.

And what it costs the service: its memory over idle.
"""

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import redis

import backup
from figures import Summary
from memstored.cli.throwaway import ThrowawayService, throwaway_service
from memstored.domain.object_keys import backup_key
from plan import Plan
from sets import LOOK, BenchSet, Stuck

HOST, PORT = "127.63.7.7", 7363
LIMIT = 300.0
"""Seconds after which a load counts as stuck."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One restore into one node, and one plain start; seconds, and MiB. `load` is the step of that name."""

    whole: float
    load: float
    plain: float
    peak: float


def measure(plan: Plan) -> dict[str, object]:
    """Make a set of the same backup again and again; percentages are of medians."""
    with throwaway_service() as service, tempfile.TemporaryDirectory() as folder:
        saved = _saved(service, plan)
        shutil.copyfile(
            service.folder.objects / backup_key(service.project_id, saved["id"]), Path(folder, "dump.rdb")
        )
        rest = backup.memory(service, "VmRSS")
        runs = [_run(service, saved["name"], number, Path(folder), plan) for number in range(plan.few)]
    load, plain = Summary.of([r.load for r in runs]), Summary.of([r.plain for r in runs])
    return {
        "object_mib": round(saved["size"] / backup.MIB, 1),
        "load": load.json(),
        "plain_start": plain.json(),
        "load_per_cent_of_plain_start": round(100 * plain.p50 / load.p50, 1),
        "until_running": Summary.of([r.whole for r in runs]).json(),
        "service_memory_over_idle_mib": round(max(r.peak for r in runs) - rest, 1),
        "runs": [asdict(r) for r in runs],
    }


def _saved(service: ThrowawayService, plan: Plan) -> dict[str, Any]:
    """A backup; its set is gone, and its memory with it."""
    made = BenchSet.made(service, "bench", nodes=2, version=plan.version, recovery=True, memory=backup.MEMORY)
    made.await_running()
    backup.fill(made, plan.mebibytes)
    row = backup.made_of(service, made, "bench")
    made.delete()
    return dict(row)


def _run(service: ThrowawayService, name: str, number: int, folder: Path, plan: Plan) -> Run:
    backup.forget_peak(service)
    order = service.order(
        f"restored-{number}", nodes=1, version=plan.version, recovery=False, memory=backup.MEMORY
    )
    began = time.monotonic()
    answer = service.client.post("/v1/instance-sets", order | {"restoreSource": {"backupName": name}})
    restored = BenchSet(service, str(answer["objectId"]))
    restored.limit = LIMIT
    restored.await_running()
    whole = time.monotonic() - began
    load = _step(service, restored.id, "load")
    restored.delete()
    return Run(whole=whole, load=load, plain=_plain(folder), peak=backup.memory(service, "VmHWM"))


def _step(service: ThrowawayService, set_id: str, name: str) -> float:
    rows = service.client.get(f"/v1/instance-sets/{set_id}/operations")["data"]
    steps = next(row for row in rows if row["kind"] == "create")["steps"]
    step = next(step for step in steps if step["name"] == name)
    began, ended = (datetime.fromisoformat(step[key]) for key in ("startedAt", "finishedAt"))
    return (ended - began).total_seconds()


def _plain(folder: Path) -> float:
    """Seconds from the start of a plain server until it has loaded the file."""
    began = time.monotonic()
    with _server(folder):
        _await_loaded()
        return time.monotonic() - began


@contextmanager
def _server(folder: Path) -> Iterator[None]:
    command = ["redis-server", "--bind", HOST, "--port", str(PORT), "--dir", str(folder), "--save", ""]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        server.kill()
        server.wait()


def _await_loaded() -> None:
    deadline = time.monotonic() + LIMIT
    with redis.Redis(host=HOST, port=PORT) as client:
        while time.monotonic() < deadline:
            try:
                client.ping()
            except (redis.ConnectionError, redis.BusyLoadingError):
                time.sleep(LOOK)
            else:
                return
    raise Stuck("the plain server does not answer")
