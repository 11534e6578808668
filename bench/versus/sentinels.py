"""Three Redis servers and three Sentinels that watch them, for the length of a block.

Every server has a loopback address of its own. A Sentinel is the same program as the server; that is all
that Debian's package redis-sentinel holds. Tuned as far as its manual allows: both replicas are re-pointed
at once, and a failover that stalls is given up after 10 s instead of 3 minutes.
"""

import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import RedisError

from sets import Stuck

COUNT = 3
QUORUM = 2
PORT, SENTINEL_PORT = 6379, 26379
LIMIT = 60.0
LOOK = 0.01
NODE = """bind {host}
port {port}
protected-mode no
save ""
repl-diskless-sync-delay 0
replica-announce-ip {host}
"""
SENTINEL = """bind {host}
port {port}
protected-mode no
sentinel announce-ip {host}
sentinel monitor master {master} {master_port} {quorum}
sentinel down-after-milliseconds master {down_after}
sentinel failover-timeout master 10000
sentinel parallel-syncs master 2
"""


class Deployment:
    """The servers; the first one is the master in the beginning."""

    def __init__(self, program: Path, folder: Path, down_after: int) -> None:
        """`down_after` in milliseconds."""
        base = f"127.{random.randint(160, 191)}.{random.randrange(256)}"
        self.hosts = [f"{base}.{number}" for number in range(1, COUNT + 1)]
        self.down_after = down_after
        self._program = program
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def sentinels(self) -> list[tuple[str, int]]:
        """Where the Sentinels answer."""
        return [(host, SENTINEL_PORT) for host in self.hosts]

    @property
    def master(self) -> tuple[str, int]:
        """The address that all Sentinels agree on; raises `Stuck` while they do not."""
        named = {self._named(host) for host in self.hosts}
        if len(named) != 1:
            raise Stuck("the Sentinels do not agree")
        return named.pop(), PORT

    def start(self) -> None:
        """Return once the replicas are in step and every Sentinel knows everybody."""
        first, *others = self.hosts
        self._start("node", first, PORT, NODE)
        self._await(lambda: self._replication(first)["role"] == "master", "the master")
        for host in others:
            self._start("node", host, PORT, NODE + f"replicaof {first} {PORT}\n")
        self._await(self._in_step, "the replicas")
        for host in self.hosts:
            self._start("sentinel", host, SENTINEL_PORT, SENTINEL, "--sentinel")
        self._await(self._known, "the Sentinels")

    def _start(self, kind: str, host: str, port: int, text: str, *words: str) -> None:
        folder = self._folder / f"{kind}-{host}"
        folder.mkdir(exist_ok=True)
        config = folder / f"{kind}.conf"
        facts = {"master": self.hosts[0], "master_port": PORT, "quorum": QUORUM}
        config.write_text(text.format(host=host, port=port, down_after=self.down_after, **facts))
        self._run(config, *words)

    def _run(self, config: Path, *words: str) -> None:
        command = ["redis-server", str(config), *words]
        with (config.parent / "log").open("ab") as log:
            process = subprocess.Popen(
                command,
                executable=self._program,
                cwd=config.parent,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._processes.append(process)

    def kill_master(self) -> None:
        """`kill -9` of the first master, and return when it is dead."""
        self._processes[0].send_signal(signal.SIGKILL)
        self._processes[0].wait()

    def restart_master(self) -> None:
        """Start the first master again from its own configuration, as a supervisor would."""
        host = self.hosts[0]
        self._run(self._folder / f"node-{host}" / "node.conf")

    def await_successor(self) -> tuple[str, int]:
        """The new master, once all Sentinels name it."""
        first = (self.hosts[0], PORT)
        self._await(lambda: self.master != first, "the failover")
        return self.master

    def end(self) -> None:
        """End everything."""
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait()

    def _in_step(self) -> bool:
        seen = self._replication(self.hosts[0])
        rows = [seen[f"slave{number}"] for number in range(seen["connected_slaves"])]
        return [row["state"] for row in rows] == ["online"] * (COUNT - 1)

    def _known(self) -> bool:
        return all(self._knows(host) for host in self.hosts)

    def _knows(self, host: str) -> bool:
        with Redis(host, SENTINEL_PORT, retry=None) as sentinel:
            seen = sentinel.sentinel_master("master")
            replicas = sentinel.sentinel_slaves("master")
        others = COUNT - 1
        linked = [replica["master-link-status"] for replica in replicas]
        return seen["num-other-sentinels"] == others and linked == ["ok"] * others

    def _named(self, host: str) -> str:
        with Redis(host, SENTINEL_PORT, retry=None, decode_responses=True) as sentinel:
            return str(sentinel.sentinel_get_master_addr_by_name("master")[0])

    def _replication(self, host: str) -> dict[str, Any]:
        with Redis(host, PORT, retry=None) as node:
            return dict(node.info("replication"))

    def _await(self, reached: Callable[[], bool], what: str) -> None:
        """Look until it is so; a server that does not answer, or nobody agrees, is not so."""
        deadline = time.monotonic() + LIMIT + self.down_after / 1000
        while time.monotonic() < deadline:
            try:
                if reached():
                    return
            except (RedisError, Stuck):
                pass
            time.sleep(LOOK)
        raise Stuck(f"{what}: not within {LIMIT:.0f} s")


@contextmanager
def deployment(program: Path, down_after: int) -> Iterator[Deployment]:
    """A fresh one for the length of the block; nothing of it is left."""
    with tempfile.TemporaryDirectory(prefix="memstored-sentinel-") as name:
        made = Deployment(program, Path(name), down_after)
        try:
            made.start()
            yield made
        finally:
            made.end()
