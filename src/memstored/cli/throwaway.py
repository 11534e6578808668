"""A service for the length of a block: its own folder, its own addresses, and nothing left afterwards.

Used by `memstored demo`, by the benchmarks and by the fault campaign. The service is a process of its own,
as an operator runs it. Its nodes outlive it by design, so they are ended at the end, also after Ctrl-C,
SIGTERM or a fault.
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
from memstored.client import NEVER, Client

__all__ = ["ThrowawayService", "throwaway_service"]

NEIGHBOURHOOD = IPv4Network("127.64.0.0/10")
"""Where throwaway services put their nodes: far from the default catalogue's subnets."""
PREFIX = 20
"""Length of the prefix of one service's part of it: 4,096 addresses."""
READY, GOODBYE = 60.0, 15.0
"""Seconds in which a service begins to answer, and ends when told to."""
LOOK = 0.02
"""Seconds between two looks whether it answers."""
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PORT = 6379
COMMAND = "from memstored.cli.main import main; main()"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """The files of one service."""

    folder: DataFolder
    catalogue: Path
    settings: Path
    log: Path


class ThrowawayService:
    """A service and a client of its first admin; it may be frozen, killed and started again."""

    def __init__(self, place: _Place) -> None:
        self._place = place
        self._process: subprocess.Popen[bytes] | None = None
        self._client: Client | None = None

    def start(self) -> None:
        """Start the service and return once it answers; raises `Stop` when it does not."""
        place = self._place
        place.folder.server_file.unlink(missing_ok=True)
        self._process = _started(place)
        _await_ready(place, self._process)
        self._client = Client.from_file(place.folder.credentials_file, patience=NEVER)

    @property
    def client(self) -> Client:
        """A client of the present process."""
        assert self._client is not None, "the service was never started"
        return self._client

    @property
    def url(self) -> str:
        """Where the service answers."""
        return str((self._place.folder.server() or {})["url"])

    @property
    def pid(self) -> int:
        """Its process."""
        return self._running.pid

    @property
    def project_id(self) -> str:
        """The first admin's project."""
        return str((self._place.folder.credentials() or {})["projectId"])

    @property
    def folder(self) -> DataFolder:
        """Its data folder."""
        return self._place.folder

    @property
    def log(self) -> Path:
        """What it wrote to its output."""
        return self._place.log

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the service was never started"
        return self._process

    def freeze(self) -> None:
        """SIGSTOP: from now on it sees and does nothing."""
        self._running.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._running.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, in the middle of whatever it does; its nodes live on. `start` brings it back."""
        self._close_client()
        self._running.kill()
        self._running.wait()

    def end(self) -> None:
        """End the service; harmless before it was started, and twice."""
        self._close_client()
        if self._process is None:
            return
        self.thaw()
        self._process.terminate()
        try:
            self._process.wait(GOODBYE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _close_client(self) -> None:
        if self._client is not None:
            self._client.__exit__(None, None, None)
            self._client = None

    def versions(self) -> list[str]:
        """The engines that are here, newest first."""
        return list(self.client.get("/v1/redis/versions"))

    def create(self, name: str, *, nodes: int, version: str, recovery: bool, memory: int = 0) -> str:
        """Order a set; returns its id."""
        order = self.order(name, nodes=nodes, version=version, recovery=recovery, memory=memory)
        return str(self.client.post("/v1/instance-sets", order)["objectId"])

    def order(
        self, name: str, *, nodes: int, version: str, recovery: bool, memory: int = 0
    ) -> dict[str, Any]:
        """The order for a set of the smallest size of at least `memory` GiB, spread over the zones."""
        subnets = [{"id": subnet["id"]} for subnet in self._offer("subnets")]
        zones = [subnets[i % len(subnets)] for i in range(nodes)]
        flavors = [flavor for flavor in self._offer("flavors") if flavor["memory"] >= memory]
        return {
            "instanceSetName": name,
            "replicas": nodes,
            "flavorId": min(flavors, key=lambda f: f["memory"])["id"],
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
def throwaway_service(*, settings: str = "", prefix: int = PREFIX) -> Iterator[ThrowawayService]:
    """Start a service in a temporary folder; end it, its nodes and the folder when the block ends.

    `settings` is the text of its settings file; a `prefix` shorter than usual gives it more addresses: one
    that was used rests for ten minutes (H22). SIGTERM and SIGHUP end the block like Ctrl-C. Use it in
    the main thread, outside of an event loop. Raises `Stop` when the service does not begin to answer.
    """
    with _endings_heard():
        root = Path(tempfile.mkdtemp(prefix="memstored-"))
        place = _Place(
            folder=DataFolder(root / "data"),
            catalogue=root / "catalogue.toml",
            settings=root / "settings.toml",
            log=root / "service.log",
        )
        place.catalogue.write_text(_catalogue(prefix))
        place.settings.write_text(settings)
        service = ThrowawayService(place)
        try:
            service.start()
            yield service
        finally:
            with _undisturbed():
                service.end()
                # Not before nobody lives in it: a node that could not be ended keeps its folder.
                if place.folder.is_ours:
                    purge(place.folder.path, place.catalogue)
                shutil.rmtree(root)


def _catalogue(prefix: int) -> str:
    """Three zones out of a part of the neighbourhood that another service hardly chose as well."""
    low, high = (int(edge) for edge in (NEIGHBOURHOOD[0], NEIGHBOURHOOD[-1]))
    start = random.SystemRandom().randrange(low, high, 2 ** (32 - prefix))
    zones = IPv4Network((start, prefix)).subnets(new_prefix=prefix + 2)
    tables = (
        f'[[subnets]]\nname = "subnet-{zone}"\ncidr = "{cidr}"\nzone = "zone-{zone}"\n'
        for zone, cidr in zip("abc", zones, strict=False)
    )
    return "\n".join(tables)


def _started(place: _Place) -> subprocess.Popen[bytes]:
    """The process of the service, in a session of its own: Ctrl-C here is ours to handle."""
    data_dir = str(place.folder.path)
    command = [sys.executable, "-c", COMMAND, "serve", "--port", "0", "--data-dir", data_dir]
    files = ["--catalogue", str(place.catalogue), "--settings", str(place.settings)]
    with place.log.open("ab") as out:
        return subprocess.Popen(  # noqa: S603 - our own program with arguments made here
            [*command, *files],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )


def _await_ready(place: _Place, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY
    while place.folder.server() is None:
        if process.poll() is not None or time.monotonic() > deadline:
            last_words = place.log.read_text()[-2000:]
            raise Stop(f"The service did not start. Its last words:\n{last_words}")
        time.sleep(LOOK)


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
