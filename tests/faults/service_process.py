"""The real service as a process of its own, on a data folder and addresses of its own.

Started, killed, stopped, frozen and started again as an operator or a fault would; what it leaves behind is
looked for in `/proc`, not asked of it. Everything is ended by `purge`, which proves that nothing is left.
"""

import asyncio
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from memstored.cli.purge import purge
from memstored.client import NEVER, Client
from memstored.runtime.engines import offered, take_inventory
from memstored.runtime.processes import ProcessFacts, processes, read_process

T = TypeVar("T")
PROGRAM = Path(sys.executable).with_name("memstored")
PAUSE = 0.03
"""Seconds between two looks."""
TOLD = 200
"""Lines of a log that are shown with a test that failed."""
START_DEADLINE = 60.0
"""Seconds; a start takes two on an idle machine."""
# Not the seeded one: that gives workers which run the same test the same numbers.
chance = random.SystemRandom()


def versions() -> list[str]:
    """Every engine of this machine, newest first."""
    return [engine.version for engine in offered(asyncio.run(take_inventory()))]


NEWEST = versions()[0]
"""The newest engine of this machine: what a test takes when the version does not matter."""


def wait_for(
    look: Callable[[], T], *, deadline: float = 30.0, what: str, instead: Callable[[], object] = lambda: ""
) -> T:
    """Look again and again until something true is seen, and return it; fails after `deadline` seconds,
    saying what there is `instead`.
    """
    end = time.monotonic() + deadline
    while not (seen := look()):
        if time.monotonic() > end:
            pytest.fail(f"{what}: not within {deadline:g} s; {instead()}")
        time.sleep(PAUSE)
    return seen


def living(number: int) -> bool:
    """Whether the process lives: one that waits to be buried does not."""
    facts = read_process(number)
    return facts is not None and facts.living


def kill(*numbers: int) -> None:
    """SIGKILL processes at once, and return when they are dead."""
    for number in numbers:
        os.kill(number, signal.SIGKILL)
    for number in numbers:
        wait_for(lambda n=number: not living(n), what=f"the end of process {number}")


@contextmanager
def stopped(*servers: int) -> Iterator[None]:
    """Servers that stand still (SIGSTOP), and go on in the end if they still are there."""
    for server in servers:
        os.kill(server, signal.SIGSTOP)
    try:
        yield
    finally:
        for server in servers:
            with suppress(ProcessLookupError):
                os.kill(server, signal.SIGCONT)


CLAIM = 65001
"""A port above those that sets may have: who listens there has the range."""


@dataclass(frozen=True, slots=True)
class Range:
    """Three subnets, one a zone, out of a 512th of 127.96.0.0/11, nobody else's until given back."""

    base: str
    claim: socket.socket

    @classmethod
    def fresh(cls) -> "Range":
        """One at random that no other test on this machine has."""
        while True:
            base = f"127.{chance.randint(96, 127)}.{chance.randrange(0, 256, 16)}"
            with suppress(OSError):
                return cls(base, socket.create_server((f"{base}.1", CLAIM)))

    def give_back(self) -> None:
        """Let others have it."""
        self.claim.close()

    def catalogue(self) -> str:
        """The TOML of a catalogue with these subnets and the default of everything else."""
        head, third = self.base.rsplit(".", 1)
        cidrs = [f"{head}.{int(third) + 4 * index}.0/22" for index in range(3)]
        return "".join(
            f'[[subnets]]\nname = "zone-{zone}"\ncidr = "{cidr}"\nzone = "{zone}"\n'
            for zone, cidr in zip("abc", cidrs, strict=True)
        )


class ServiceProcess:
    """`memstored serve` on a folder below `place`; `settings` is the TOML of its settings file."""

    def __init__(self, place: Path, settings: str = "") -> None:
        place.mkdir(parents=True, exist_ok=True)
        self.place = place
        self.data_dir = place / "data"
        self.catalogue = place / "catalogue.toml"
        self.settings = place / "settings.toml"
        self.log = place / "service.log"
        self.range = Range.fresh()
        self.catalogue.write_text(self.range.catalogue())
        self.settings.write_text(settings)
        self.process: subprocess.Popen[bytes] | None = None
        self._client: Client | None = None

    # Its life

    def start(self) -> None:
        """Start the service and wait until it answers; fails with its log when it ended instead."""
        self.begin()
        self.await_ready()

    def begin(self) -> None:
        """Start the service without waiting for it."""
        assert not self.running, "the service runs already"
        (self.data_dir / "server.json").unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.serve_command(), stdout=log, stderr=log, cwd=self.place)

    def serve_command(self, **options: str | int | Path) -> list[str]:
        """The words that start this service; `options` replace some of its own."""
        words = {
            "port": 0,
            "data-dir": self.data_dir,
            "catalogue": self.catalogue,
            "settings": self.settings,
        } | {name.replace("_", "-"): value for name, value in options.items()}
        return [str(PROGRAM), "serve", *(f"--{name}={value}" for name, value in words.items())]

    def await_ready(self) -> None:
        """Return when the service that was begun answers."""
        wait_for(self._ready, deadline=START_DEADLINE, what="the start of the service")
        self.client = Client.from_file(self.data_dir / "credentials.json", patience=NEVER)

    def _ready(self) -> bool:
        assert self.running, f"the service ended:\n{self.log.read_text()[-4000:]}"
        return (self.data_dir / "server.json").exists()

    @property
    def client(self) -> Client:
        """The first admin's client; its connections are to the present process."""
        assert self._client is not None, "the service was never started"
        return self._client

    @client.setter
    def client(self, client: Client) -> None:
        self._forget_client()
        self._client = client

    def _forget_client(self) -> None:
        if self._client is not None:
            self._client.__exit__(None, None, None)
            self._client = None

    @property
    def url(self) -> str:
        """Where the running service answers."""
        return str(json.loads((self.data_dir / "server.json").read_text())["url"])

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """End the service as a fault would: at once, in the middle of whatever it does."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End the service as an operator would; returns its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int:
        assert self.process is not None
        self._forget_client()
        self.process.send_signal(how)
        return self.process.wait(timeout=START_DEADLINE)

    def freeze(self) -> None:
        """Stop the service's clockwork (SIGSTOP): it sees and does nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen service go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def run(self, *words: str, timeout: float = START_DEADLINE) -> subprocess.CompletedProcess[str]:
        """Run `memstored` with these words to its end."""
        return subprocess.run(
            [str(PROGRAM), *words],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            cwd=self.place,
        )

    def said(self, *words: str) -> list[str]:
        """The lines of its log that have all of these words."""
        return [line for line in self.log.read_text().splitlines() if all(word in line for word in words)]

    # What it holds

    def server_of(self, node: str) -> int:
        """The process that lives in a node's folder."""
        found = [number for number, at in self.servers().items() if at == node]
        assert len(found) == 1, f"{len(found)} servers live in the folder of node {node}"
        return found[0]

    def node_folders(self) -> set[str]:
        """The nodes that have a folder."""
        nodes = self.data_dir / "runtime" / "nodes"
        return {path.name for path in nodes.iterdir()} if nodes.exists() else set()

    def servers(self) -> dict[int, str]:
        """Every living server of this service, and its node."""
        return {process.number: node for process, node in self.inhabitants() if process.leads_session}

    def inhabitants(self) -> list[tuple[ProcessFacts, str]]:
        """Every living process in a node's folder, fork children too, and that node."""
        return list(self._inhabitants("nodes"))

    def proxies(self) -> list[tuple[ProcessFacts, str]]:
        """Every living process that carries addresses, and the set that has them."""
        return list(self._inhabitants("proxies"))

    def _inhabitants(self, kind: str) -> Iterator[tuple[ProcessFacts, str]]:
        home = f"{self.data_dir}/runtime/{kind}/"
        for process in processes():
            try:
                folder = str(Path(f"/proc/{process.number}/cwd").readlink())
            except OSError:
                continue
            if process.living and folder.startswith(home):
                yield process, folder.removeprefix(home).split(" ")[0].strip("/")

    def held_addresses(self) -> dict[str, str]:
        """Owner and address of everything that holds one, as the ledger was last saved."""
        ledger = json.loads((self.data_dir / "runtime" / "addresses.json").read_text())["addresses"]
        return {entry["owner"]: address for address, entry in ledger.items() if entry["released_at"] is None}

    def addresses_of(self, set_id: str) -> list[str]:
        """The addresses that are held for a set."""
        return [a for owner, a in self.held_addresses().items() if owner.split("/")[1] == set_id]

    def sets(self) -> list[dict[str, Any]]:
        """Every set of the first project."""
        rows: list[dict[str, Any]] = self.client.get("/v1/instance-sets")["data"]
        return rows

    def authorities(self) -> str:
        """The certificates that clients are to trust, in PEM."""
        return self.client.show_authorities()

    # Its end

    def clear(self) -> None:
        """Delete every set and parameter group, and prove that no server is left."""
        for row in self.sets():
            self.client.delete(f"/v1/instance-sets/{row['objectId']}")
        wait_for(lambda: not self.sets(), what="the end of every set")
        for group in self.client.get("/v1/parameter-groups", parameterGroupType="custom")["parameterGroups"]:
            self.client.delete(f"/v1/parameter-groups/{group['id']}")
        assert self.inhabitants() == []
        wait_for(lambda: not self.held_addresses(), what="every address being given back")

    def purge(self) -> None:
        """End service and nodes, remove the folder, prove that no process is left; harmless twice."""
        if self.running:
            self.thaw()
            self.kill()
        shutil.rmtree(self.data_dir / "objects", ignore_errors=True)
        if (self.data_dir / "lock").exists():
            purge(self.data_dir, self.catalogue)
        self.range.give_back()
        assert self.inhabitants() == []
        assert self.proxies() == []
        assert not self.data_dir.exists()

    # What it tells of a failure

    def account(self) -> str:
        """Every event it recorded, and the end of its log, less what was only read."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        said = [line for line in lines if "method=GET" not in line][-TOLD:]
        return "\n".join([*self._events(), "", *said])

    def _events(self) -> Iterator[str]:
        asked = "SELECT time, resource_name, name, message FROM events ORDER BY sequence"
        with suppress(sqlite3.Error), closing(sqlite3.connect(self.data_dir / "memstored.db")) as store:
            for at, of, name, message in store.execute(asked):
                yield f"{at:.3f} {of}: {name}: {message}"
