"""One HAProxy: what it is told at its birth, its process, and what it is asked while it runs.

It carries the addresses of one set (`runtime.proxied`) and is born leading nowhere: whoever comes is cut off
at once. Where it leads is set and read over its socket, so the file that it is started with knows of no node,
and holds no secret. It checks nobody's health: who serves is the control loop's decision alone.

Started detached, in a session and a folder of its own, so that it outlives the service, and found again by
that folder. Ending it is always safe: it holds nothing, and its end takes the addresses from everyone.
"""

import asyncio
import csv
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from memstored.domain.parameters import MOST_CLIENTS, RESERVED_CLIENTS
from memstored.runtime.files import write_private
from memstored.runtime.haproxy_socket import Pulse, say
from memstored.runtime.processes import (
    FolderKey,
    ProcessGroup,
    current_folder,
    current_path,
    processes,
    program_name,
    read_process,
)

__all__ = ["Haproxy", "ProxyTrouble", "configuration", "running_in", "usable_haproxy"]

PROGRAM = "haproxy"
SYSTEM = ("/usr/local/sbin", "/usr/sbin")
"""Where programs may lie that not everybody has on PATH."""
CONNECTIONS = 2 * (MOST_CLIENTS + RESERVED_CLIENTS)
"""What a primary and a reader take together before they refuse (`maxclients`), if the machine grants it."""
SPARE_FILES = 64
"""Descriptors of HAProxy that carry no connection; each connection costs two."""
DRAIN = 1.0
"""Seconds within which those who came through an address are cut off, or there is something in the way."""
REMOVED = " (deleted)"
"""What the kernel writes after the name of a folder that was removed."""
_SERVER = "node"
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}
_CONFIGURATION = """\
global
    stats socket unix@control mode 600 level admin
    stats timeout 10s
    maxconn {connections}
    # In one thread nothing comes in between the commands of a move. Redis serves with one thread, too.
    nbthread 1
    # An address that somebody listens at is not shared with him.
    noreuseport
defaults
    mode tcp
    retries 0
    timeout connect 2s
    # The longest there is: Redis ends those who are idle or wait for too long, if anybody does.
    timeout client 24d
    timeout server 24d
    timeout client-fin 30s
    timeout server-fin 30s
    # Clients that vanished are noticed as soon as Redis itself would notice them.
    option clitcpka
    option srvtcpka
    clitcpka-idle 300s
    clitcpka-intvl 100s
    clitcpka-cnt 3
    srvtcpka-idle 300s
    srvtcpka-intvl 100s
    srvtcpka-cnt 3
"""
_LISTENER = """\
listen {purpose}
    bind {address}:{port}
    server node 127.0.0.1:1 disabled
"""


class ProxyTrouble(Exception):
    """HAProxy could not be started, did not answer, or did not do what it was asked."""


def configuration(addresses: Mapping[str, str], port: int) -> str:
    """The text of haproxy.cfg: it listens at `port` of each address (purpose → IPv4), and leads nowhere."""
    listeners = (_LISTENER.format(purpose=p, address=a, port=port) for p, a in addresses.items())
    return _CONFIGURATION.format(connections=_connections()) + "".join(listeners)


def _connections() -> int:
    """How many it may promise to take: it refuses to start with a promise that it can not keep."""
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    granted = CONNECTIONS if files == resource.RLIM_INFINITY else (files - SPARE_FILES) // 2
    return max(1, min(CONNECTIONS, granted))


async def usable_haproxy(*, patience: float = 10.0) -> str:
    """The HAProxy on PATH, or where Debian has it. Raises `ProxyTrouble` when none is of use.

    It is asked whether it understands all that it would be told; nothing is started.
    """
    program = shutil.which(PROGRAM, path=os.pathsep.join((*os.get_exec_path(), *SYSTEM)))
    if program is None:
        raise ProxyTrouble("no haproxy is here: install it (Debian: apt-get install haproxy)")
    with tempfile.TemporaryFile() as trial:
        trial.write(configuration({"primary": "127.0.0.1"}, 1).encode())
        trial.seek(0)
        try:
            process = await asyncio.create_subprocess_exec(
                *(program, "-c", "-q", "-f", "/dev/stdin"),
                env=_ENVIRONMENT,
                stdin=trial,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as fault:
            raise ProxyTrouble(f"{program} can not be run: {fault.strerror}") from fault
    try:
        async with asyncio.timeout(patience):
            await process.wait()
    except TimeoutError:
        raise ProxyTrouble(f"{program} did not answer within {patience:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise ProxyTrouble(f"{program} is too old or built without what is needed: install 2.4 or later")
    return program


def running_in(folders: Iterable[Path]) -> dict[Path, ProcessGroup]:
    """The HAProxy that runs in each of these folders, even if it was removed. Takes some 20 µs a process."""
    folders = tuple(folders)
    by_key = {key: folder for folder in folders if (key := _key(folder)) is not None}
    by_name = {Path(f"{folder}{REMOVED}"): folder for folder in folders}
    found: dict[Path, ProcessGroup] = {}
    for process in processes() if folders else ():
        if not (process.living and process.leads_session and program_name(process.number) == PROGRAM):
            continue
        key, path = current_folder(process.number), current_path(process.number)
        if key is None or path is None:
            continue
        folder = by_key.get(key) or by_name.get(path)
        if folder is not None:
            found[folder] = ProcessGroup(number=process.number, started=process.started, folder=key)
    return found


def _key(folder: Path) -> FolderKey | None:
    try:
        facts = folder.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    """What HAProxy says of one address: the node's address it leads to, or last led to; connections there."""

    address: str
    open: bool
    connections: int

    @property
    def leads_to(self) -> str | None:
        """None when nobody comes through any more."""
        return self.address if self.open or self.connections else None


class Haproxy:
    """A running one. `ended` is called once, when its end was not asked for.

    `patience` (seconds) bounds each wait: for an answer, for one to listen that was started, for one to end.
    """

    def __init__(
        self, folder: Path, group: ProcessGroup, *, ended: Callable[["Haproxy"], None], patience: float
    ) -> None:
        self._folder = folder
        self._group = group
        self._ended = ended
        self._patience = patience
        self.pulse = Pulse(folder)
        self.gone = asyncio.Event()
        if group.descriptor is None:
            self._see_end()
        else:
            asyncio.get_running_loop().add_reader(group.descriptor, self._see_end)

    @classmethod
    async def start(
        cls,
        program: str,
        folder: Path,
        *,
        addresses: Mapping[str, str],
        port: int,
        ended: Callable[["Haproxy"], None],
        patience: float,
    ) -> "Haproxy":
        """Start one that leads nowhere; returns when it listens. Raises `ProxyTrouble`, `OSError`."""
        await asyncio.to_thread(_prepare, folder, configuration(addresses, port))
        haproxy = cls(folder, _spawn(program, folder), ended=lambda _: None, patience=patience)
        try:
            await haproxy._await_listening()
        except BaseException:
            haproxy._group.strike()
            raise
        haproxy._ended = ended
        if haproxy.gone.is_set():
            raise ProxyTrouble(_last_words(folder))
        return haproxy

    async def _await_listening(self) -> None:
        """Its socket answers only once all addresses are bound."""
        try:
            async with asyncio.timeout(self._patience):
                pause = 0.002
                while not self.gone.is_set():
                    with suppress(FileNotFoundError, ConnectionError):
                        await say(self._folder, "show stat -1 4 -1")
                        return
                    await asyncio.sleep(pause)
                    pause = min(pause * 1.3, 0.02)
        except TimeoutError:
            raise ProxyTrouble(f"it did not answer within {self._patience:g} s") from None
        raise ProxyTrouble(_last_words(self._folder))

    @property
    def process_id(self) -> int:
        """The number of its process."""
        return self._group.number

    async def lead(self, wanted: Mapping[str, str | None], port: int) -> dict[str, str | None]:
        """Make each address (by purpose) lead to the node at that IPv4, or nowhere; returns what is seen.

        An address is taken first: nobody new comes through, those who did are cut off, subscribers too
        (H13). Only when none is left it is given. Nothing is sent for an address that leads where it should.
        Raises `ProxyTrouble`; then look again before believing.
        """
        seen = await self.leads()
        moving = {purpose: to for purpose, to in wanted.items() if seen.get(purpose) != to}
        if not moving:
            return seen
        await self._take(moving)
        gifts = [_gift(purpose, to, port) for purpose, to in moving.items() if to is not None]
        seen = await self.leads(*gifts)
        if amiss := [purpose for purpose, to in moving.items() if seen.get(purpose) != to]:
            raise ProxyTrouble(f"it did not do as it was told with the address of the {' and '.join(amiss)}")
        return seen

    async def _take(self, purposes: Iterable[str]) -> None:
        """Return when nobody comes through these addresses any more. It takes less than a millisecond.

        But HAProxy keeps a connection for as long as it holds something that a node does not read.
        """
        end = [
            f"set server {purpose}/{_SERVER} state maint;shutdown sessions server {purpose}/{_SERVER}"
            for purpose in purposes
        ]
        try:
            async with asyncio.timeout(DRAIN):
                seen = await self.leads(*end)
                while any(seen.get(purpose) is not None for purpose in purposes):
                    await asyncio.sleep(0.001)
                    seen = await self.leads(*end)
        except TimeoutError:
            raise ProxyTrouble(f"it did not end all connections within {DRAIN:g} s") from None

    async def leads(self, *commands: str) -> dict[str, str | None]:
        """Do `commands`, then read where each address leads (purpose → IPv4 of a node, None: nowhere).

        One with connections that came through it leads to their node, even if nobody new is let in. Raises
        `ProxyTrouble`.
        """
        try:
            async with asyncio.timeout(self._patience):
                said = await say(self._folder, ";".join((*commands, "show stat -1 4 -1")))
            return {purpose: server.leads_to for purpose, server in _servers(said).items()}
        except TimeoutError:
            raise ProxyTrouble(f"it did not answer within {self._patience:g} s") from None
        except (OSError, ValueError, KeyError) as fault:
            raise ProxyTrouble(f"it could not be asked: {fault!r}") from fault

    async def end(self) -> bool:
        """Kill it and return whether it is proven gone; `ended` is not called."""
        self._ended = lambda _: None
        self._group.strike()
        try:
            async with asyncio.timeout(self._patience):
                await self.gone.wait()
        except TimeoutError:
            return False
        return True

    def leave(self) -> None:
        """Watch it no longer; it goes on."""
        self.pulse.close()
        if self._group.descriptor is not None:
            asyncio.get_running_loop().remove_reader(self._group.descriptor)
            self._group.close()

    def _see_end(self) -> None:
        """It starts no other process, so its end is all of it; burying it lets its number go."""
        self.leave()
        self._group.bury()
        self.gone.set()
        self._ended(self)


def _gift(purpose: str, address: str, port: int) -> str:
    server = f"set server {purpose}/{_SERVER}"
    return f"{server} addr {address} port {port};{server} state ready"


def _servers(said: str) -> dict[str, _Server]:
    """Read the CSV of `show stat`. Raises `ValueError`, `KeyError` when something is missing."""
    table = said[said.index("# pxname") + len("# ") :]
    return {
        row["pxname"]: _Server(
            address=row["addr"].rpartition(":")[0],
            open=not row["status"].startswith("MAINT"),
            connections=int(row["scur"]),
        )
        for row in csv.DictReader(table.splitlines())
        if row["svname"] == _SERVER
    }


def _prepare(folder: Path, text: str) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "control").unlink(missing_ok=True)
    write_private(folder / "haproxy.cfg", text)
    write_private(folder / "haproxy.log", "")


def _spawn(program: str, folder: Path) -> ProcessGroup:
    """Start it: detached, in the folder. Takes about a millisecond; raises `OSError`."""
    with (folder / "haproxy.log").open("ab") as log:
        proxy = subprocess.Popen(  # noqa: S603 - the program we found, with our own configuration
            [program, "-db", "-f", "haproxy.cfg"],
            cwd=folder,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
        )
    # The service may run before others; what it starts does not.
    with suppress(PermissionError, ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, proxy.pid, 0)
    facts, key = read_process(proxy.pid), _key(folder)
    assert facts is not None, "a child stays visible until it is buried"
    assert key is not None, "it was just written to"
    # It outlives us, and its group buries it: nothing is left to do for Popen, nor to warn of.
    proxy.returncode = 0
    return ProcessGroup(number=proxy.pid, started=facts.started, folder=key)


def _last_words(folder: Path) -> str:
    """What it last complained of, on one line."""
    with suppress(OSError):
        lines = (folder / "haproxy.log").read_text(errors="replace").splitlines()
        alerts = [line.partition(" : ")[2] for line in lines if line.startswith("[ALERT]")]
        return f"it ended at once: {' '.join(alerts)[-600:] or 'it said nothing'}"
    return "it ended at once"
