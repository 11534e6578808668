"""`memstored serve`: the service in the foreground, until SIGTERM or Ctrl-C; the nodes go on serving."""

import asyncio
import ipaddress
import os
import shutil
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import structlog
import uvicorn
import uvloop
from rich.console import Console

from memstored.api.metrics import MetricsSite
from memstored.api.wire import HttpProtocol, HttpServer
from memstored.cli.errors import Stop
from memstored.cli.folder import DataFolder
from memstored.cli.front import Certificate, Front
from memstored.cli.house import House, Parts, open_house
from memstored.cli.settings import host_and_port, read_catalogue, read_settings
from memstored.domain.catalogue import Catalogue
from memstored.domain.settings import Settings
from memstored.runtime.files import DamagedFile
from memstored.store.errors import StoreTrouble

__all__ = ["serve"]

log = structlog.get_logger()

BACKLOG = 2048
NICENESS = -10
"""The service's own, where the system grants it: it uses little, but what it does can not wait."""
TURN = 0.0005
"""Seconds after which a busy thread lets another run: a commit takes a dozen turns (of 5 ms usually)."""
SUPERSEDED = 6
"""The exit code of a service that another one came after: to start it again by itself would help nobody."""
GOODBYE = 5
"""Seconds that answers under way may take when the service is told to stop."""


SERVER: Mapping[str, Any] = MappingProxyType(
    {
        "http": HttpProtocol,
        "lifespan": "off",
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": GOODBYE,
    }
)
"""What both servers have in common, as uvicorn calls it."""


def _fronted(front: Front) -> dict[str, Any]:
    """The front as uvicorn calls it. No proxy is trusted unless it was named; uvicorn trusts this machine."""
    shown: dict[str, Any] = {"proxy_headers": bool(front.proxies)}
    if front.proxies:
        shown["forwarded_allow_ips"] = list(front.proxies)
    if front.certificate is not None:
        shown["ssl_certfile"], shown["ssl_keyfile"] = front.certificate.chain, front.certificate.key
    return shown


def _go_first() -> None:
    """Ask the system to let us run before tenants' load: a failover must not wait for a turn behind it.

    Only root may ask. The nodes run at the usual priority (`runtime.process`).
    """
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)
    sys.setswitchinterval(TURN)


def serve(
    host: str,
    port: int,
    data_dir: Path,
    catalogue: Path | None,
    settings: Path | None,
    *,
    front: Front | None = None,
    parts: Parts | None = None,
) -> None:
    """Serve until told to stop; raises `Stop` when it can not begin. `parts`: see `house.Parts`."""
    # What is made from here on is for this user alone, files and folders of nodes too.
    os.umask(0o077)
    _go_first()
    offer, rules = read_catalogue(catalogue), read_settings(settings)
    with _listen(host, port, "--port") as listener, _listen_for_metrics(rules) as metrics:
        folder = DataFolder(data_dir).claim()
        doors = _Doors(api=listener, host=host, metrics=metrics, front=front or Front())
        try:
            uvloop.run(_serve(folder, offer, rules, doors, parts or Parts()))
        except StoreTrouble as trouble:
            raise Stop(f"The store in {folder.path} can not be used: {trouble}") from None
        except DamagedFile as damage:
            raise Stop(f"The nodes of {folder.path} can not be found again: {damage}.") from None
        finally:
            folder.release()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Doors:
    """Where the service listens: for the API at `host`, as it was asked for, and for metrics, if apart."""

    api: socket.socket
    host: str
    metrics: socket.socket | None
    front: Front

    @property
    def url(self) -> str:
        """Where the API answers on this machine."""
        scheme = "https" if self.front.certificate else "http"
        return f"{scheme}://{_named(self.host)}:{self.api.getsockname()[1]}"


def _listen_for_metrics(settings: Settings) -> AbstractContextManager[socket.socket | None]:
    if settings.metrics.address is None:
        return nullcontext()
    return _listen(*host_and_port(settings.metrics.address), "metrics.address in the settings")


def _listen(host: str, port: int, where: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as error:
        listener.close()
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise Stop(f"Can not listen at {host} port {port}: {why}; choose another with {where}.") from None
    listener.listen(BACKLOG)
    return listener


async def _serve(
    folder: DataFolder,
    catalogue: Catalogue,
    settings: Settings,
    doors: _Doors,
    parts: Parts,
) -> None:
    public = doors.front.url or doors.url
    local = _is_local(doors.api)
    async with open_house(folder, catalogue, settings, url=public, local=local, parts=parts) as house:
        _introduce(folder, house, public)
        async with _metrics_served(house, doors.metrics):
            await _served_while_in_charge(house, _Server(house, folder, doors), doors.api)
    if house.lease.ended is not None:
        raise Stop(house.lease.ended, code=SUPERSEDED)
    folder.server_file.unlink(missing_ok=True)


async def _served_while_in_charge(house: House, server: uvicorn.Server, listener: socket.socket) -> None:
    """Serve until told to stop, or until somebody else is in charge (S7)."""

    async def mind() -> None:
        await house.lease.over()
        server.should_exit = True

    minding = asyncio.create_task(mind(), name="lease")
    try:
        await server.serve(sockets=[listener])
    finally:
        minding.cancel()
        await asyncio.wait([minding])


def _is_local(listener: socket.socket) -> bool:
    """Whether only this machine can reach it."""
    return ipaddress.ip_address(listener.getsockname()[0]).is_loopback


@asynccontextmanager
async def _metrics_served(house: House, listener: socket.socket | None) -> AsyncIterator[None]:
    """Serve the metrics at their own address for the length of the block."""
    if listener is None:
        yield
        return
    server = _MetricsServer(uvicorn.Config(MetricsSite(house.metrics), **SERVER))
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="metrics")
    try:
        yield
    finally:
        server.should_exit = True
        await serving


class _MetricsServer(uvicorn.Server):
    """Ends when the service does, which hears the signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None."""
        yield


def _named(host: str) -> str:
    """As it stands in a URL."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - the addresses that mean "all" are not ones to call


def _introduce(folder: DataFolder, house: House, url: str) -> None:
    """Write the first admin's credential, or the present address into it."""
    auth_url = f"{url}/identity/v3"
    known = folder.credentials()
    first = house.first_admin
    if first is not None:
        credential = first.credential
        known = {
            "authUrl": auth_url,
            "applicationCredentialId": credential.id,
            "applicationCredentialName": credential.name,
            "applicationCredentialSecret": first.secret,
            "projectId": credential.project_id,
            "userId": credential.user_id,
            "userName": credential.user_name,
        }
    if known is not None and (first is not None or known.get("authUrl") != auth_url):
        folder.write(folder.credentials_file, {**known, "authUrl": auth_url})


class _Server(HttpServer):
    """A server that tells where it is once it answers."""

    def __init__(self, house: House, folder: DataFolder, doors: _Doors) -> None:
        super().__init__(uvicorn.Config(house.app, **SERVER, **_fronted(doors.front)))
        self._feed = house.feed
        self._folder = folder
        self._url = doors.url
        self._certificate = doors.front.certificate

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End in order when told to. uvicorn's own way raises the signal again once the server has stopped,
        which would cut off everything that comes after it.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        if self._certificate is not None:
            loop.add_signal_handler(signal.SIGHUP, self._renew, self._certificate)
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                loop.remove_signal_handler(number)

    def _renew(self, certificate: Certificate) -> None:
        """Read the certificate again, for who connects from now on; what can not be read changes nothing."""
        assert self.config.ssl is not None, "a server with a certificate has a context"
        try:
            self.config.ssl.load_cert_chain(certificate.chain, certificate.key, password="")
        except (OSError, ssl.SSLError) as trouble:
            log.warning("certificate_not_read", trouble=str(trouble))
        else:
            log.info("certificate_read")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, which would last for as long as somebody listens, and then everything else."""
        await self._feed.close()
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to answer, then say so."""
        await super().startup(sockets)
        await asyncio.to_thread(
            self._folder.write, self._folder.server_file, {"url": self._url, "pid": os.getpid()}
        )
        _greet(self._url, self._folder)


def _greet(url: str, folder: DataFolder) -> None:
    place, program = _from_here(folder.path), _program()
    out = Console(highlight=False, soft_wrap=True)
    out.print(f"[bold]memstored[/] is ready at [bold]{url}[/] (API reference: {url}/docs)")
    out.print(f"  data folder   {place}")
    out.print(f"  credentials   {place}/credentials.json")
    out.print("Three commands to try in another terminal, in this folder:")
    out.print(f"  {program} login --file {place}/credentials.json")
    out.print(f"  {program} set create first-set --nodes 2 --wait")
    out.print(f"  {program} connect first-set")
    out.print("Stop with Ctrl-C; the Redis nodes go on serving.")


def _program() -> str:
    """What is typed to run this program, in the folder in which it was run."""
    itself = Path(sys.argv[0]).absolute()
    found = shutil.which(itself.name)
    return itself.name if found and Path(found).samefile(itself) else _from_here(itself)


def _from_here(path: Path) -> str:
    """As it is named in this folder; whole where that is not below it, or `/`."""
    here = Path.cwd()
    below = path.is_relative_to(here) and here != here.parent
    return str(path.relative_to(here) if below else path)
