"""A service for the length of a block: its own folder, its own addresses, and nothing left afterwards.

Used by `memstored demo` and by the benchmarks. The service is a process of its own, as an operator runs
it. Its nodes outlive it by design, so they are ended at the end, also after Ctrl-C, SIGTERM or a fault.
"""

import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from memstored.cli.errors import Stop
from memstored.cli.folder import DataFolder
from memstored.cli.purge import purge
from memstored.client import Client

__all__ = ["ThrowawayService", "throwaway_service"]

NEIGHBOURHOOD = IPv4Network("127.64.0.0/10")
"""Where throwaway services put their nodes: far from the default catalogue's subnets."""
SIZE = 20
"""Prefix length of one service's part of it."""
READY, GOODBYE = 30.0, 15.0
"""Seconds in which a service begins to answer, and ends when told to."""
LOOK = 0.02
"""Seconds between two looks whether it answers."""
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PORT = 6379
COMMAND = "from memstored.cli.main import main; main()"


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrowawayService:
    """A running service and a client of its first admin."""

    client: Client
    url: str
    pid: int
    project_id: str

    def versions(self) -> list[str]:
        """The engines that are here, newest first."""
        return list(self.client.get("/v1/redis/versions"))

    def create(self, name: str, *, nodes: int, version: str, recovery: bool) -> str:
        """Order a set; returns its id."""
        order = self.order(name, nodes=nodes, version=version, recovery=recovery)
        return str(self.client.post("/v1/instance-sets", order)["objectId"])

    def order(self, name: str, *, nodes: int, version: str, recovery: bool) -> dict[str, Any]:
        """The order for a set of the smallest size, its nodes spread over the zones."""
        subnets = [{"id": subnet["id"]} for subnet in self._offer("subnets")]
        zones = [subnets[i % len(subnets)] for i in range(nodes)]
        return {
            "instanceSetName": name,
            "replicas": nodes,
            "flavorId": min(self._offer("flavors"), key=lambda f: f["memory"])["id"],
            "recoveryEnabled": recovery,
            "subnets": subnets,
            "subnetAssignments": [{"primary": zones[0], "replicas": zones[1:]}],
            "securityGroups": [{"id": self._offer("security-groups")[0]["id"]}],
            "parameterGroupId": self._parameter_group(version),
            "port": PORT,
            "projectId": self.project_id,
            "version": version,
        }

    def _offer(self, kind: str) -> list[dict[str, Any]]:
        (rows,) = self.client.get(f"/v1/redis/{kind}").values()
        return list(rows)

    def _parameter_group(self, version: str) -> str:
        family = version.rpartition(".")[0]
        groups = self.client.get("/v1/parameter-groups", parameterGroupType="default")["parameterGroups"]
        return next(str(g["id"]) for g in groups if g["engineFamily"] == family)

    def set(self, set_id: str) -> dict[str, Any]:
        """The set as its owner sees it."""
        return dict(self.client.get(f"/v1/instance-sets/{set_id}"))

    def nodes(self, set_id: str) -> list[dict[str, Any]]:
        """The nodes of the set, the primary first."""
        return list(self.client.get(f"/v1/instance-sets/{set_id}/instances")["data"])


@contextmanager
def throwaway_service(*, settings: str = "") -> Iterator[ThrowawayService]:
    """Start a service in a temporary folder; end it, its nodes and the folder when the block ends.

    `settings` is the text of its settings file. SIGTERM and SIGHUP end the block like Ctrl-C. Use it in
    the main thread, outside of an event loop. Raises `Stop` when the service does not begin to answer.
    """
    with _endings_heard():
        place = Path(tempfile.mkdtemp(prefix="memstored-"))
        folder = DataFolder(place / "data")
        catalogue = place / "catalogue.toml"
        catalogue.write_text(_catalogue())
        rules = place / "settings.toml"
        rules.write_text(settings)
        log = place / "service.log"
        process = _started(folder, catalogue, rules, log)
        try:
            _await_ready(folder, process, log)
            yield from _served(folder, process)
        finally:
            with _undisturbed():
                _end(process)
                # Not before nobody lives in it: a node that could not be ended keeps its folder.
                if folder.is_ours:
                    purge(folder.path, catalogue)
                shutil.rmtree(place)


def _catalogue() -> str:
    """Three zones out of a part of the neighbourhood that another service hardly chose as well."""
    low, high = (int(edge) for edge in (NEIGHBOURHOOD[0], NEIGHBOURHOOD[-1]))
    start = random.SystemRandom().randrange(low, high, 2 ** (32 - SIZE))
    zones = IPv4Network((start, SIZE)).subnets(new_prefix=SIZE + 2)
    tables = (
        f'[[subnets]]\nname = "subnet-{zone}"\ncidr = "{cidr}"\nzone = "zone-{zone}"\n'
        for zone, cidr in zip("abc", zones, strict=False)
    )
    return "\n".join(tables)


def _started(folder: DataFolder, catalogue: Path, settings: Path, log: Path) -> subprocess.Popen[bytes]:
    """The process of the service, in a session of its own: Ctrl-C here is ours to handle."""
    command = [sys.executable, "-c", COMMAND, "serve", "--port", "0", "--data-dir", str(folder.path)]
    files = ["--catalogue", str(catalogue), "--settings", str(settings)]
    with log.open("wb") as out:
        return subprocess.Popen(  # noqa: S603 - our own program with arguments made here
            [*command, *files],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )


def _await_ready(folder: DataFolder, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY
    while folder.server() is None:
        if process.poll() is not None or time.monotonic() > deadline:
            raise Stop(f"The service did not start. Its last words:\n{log.read_text()[-2000:]}")
        time.sleep(LOOK)


def _served(folder: DataFolder, process: subprocess.Popen[bytes]) -> Iterator[ThrowawayService]:
    server, credentials = folder.server() or {}, folder.credentials() or {}
    with Client.from_file(folder.credentials_file) as client:
        yield ThrowawayService(
            client=client,
            url=str(server["url"]),
            pid=process.pid,
            project_id=str(credentials["projectId"]),
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(GOODBYE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def _endings_heard() -> Iterator[None]:
    """SIGTERM and SIGHUP unwind the block instead of ending the process with its nodes left behind."""
    with _handled(_leave, (signal.SIGTERM, signal.SIGHUP)):
        yield


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Nothing interrupts the cleaning up."""
    with _handled(signal.SIG_IGN, ENDINGS):
        yield


@contextmanager
def _handled(handler: Any, signals: tuple[signal.Signals, ...]) -> Iterator[None]:  # noqa: ANN401 - as `signal` takes it
    before = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)
