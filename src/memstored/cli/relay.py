"""A way for redis-cli to a set with TLS on which the host name is checked, which redis-cli itself can not.

redis-cli speaks to a socket of the user's own; we speak TLS for it, and look on every connection who signed
the certificate and whose it is. So a redis-cli that was built without TLS will do, too.
"""

import asyncio
import signal
import ssl
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from memstored.cli.errors import Stop

if TYPE_CHECKING:
    from memstored.client.models import Endpoint

__all__ = ["run_relayed"]

_PATIENCE = 5.0
"""Seconds that connecting, with the handshake, may take."""
_FAREWELL = 1.0
"""Seconds for the last that is said on a connection."""
_PART = 64 * 1024
"""Bytes that are passed on at once."""


def run_relayed(name: str, place: "Endpoint", authorities: str, program: str, words: Sequence[str]) -> int:
    """Run redis-cli with `-s` and these words until it ends, and return its exit code.

    `name` is what it shows when it asks for a command. `authorities` are the certificates to trust, in PEM.
    Raises `Stop` when nobody answers at `place`, or somebody whom these do not vouch for.
    """
    relay = _Relay(place, _trusting(authorities))
    with TemporaryDirectory(prefix="memstored-") as folder:
        return asyncio.run(relay.run(Path(folder) / name, program, words))


def _trusting(authorities: str) -> ssl.SSLContext:
    """Who trusts these and nobody else: not whom the system trusts either."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=authorities)
    except (ssl.SSLError, ValueError):
        raise Stop("Whom to trust is not known: what the service gave are no certificates.") from None
    return context


class _Relay:
    def __init__(self, place: "Endpoint", context: ssl.SSLContext) -> None:
        self._place = place
        self._context = context
        self._calls: set[asyncio.Task[None]] = set()

    async def run(self, socket: Path, program: str, words: Sequence[str]) -> int:
        _, first = await self._connect()
        await _end(first)
        try:
            server = await asyncio.start_unix_server(self._called, socket)
        except OSError:
            raise Stop(f"{socket.parent} can not hold a socket; name a shorter folder by TMPDIR.") from None
        async with server:
            process = await asyncio.create_subprocess_exec(program, "-s", str(socket), *words)
            loop = asyncio.get_running_loop()
            # Ctrl-C at the terminal is meant for redis-cli, which gets it as well.
            loop.add_signal_handler(signal.SIGINT, lambda: None)
            for number in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, process.send_signal, number)
            code = await process.wait()
            for call in self._calls:
                call.cancel()
            await asyncio.gather(*self._calls, return_exceptions=True)
        return code if code >= 0 else 128 - code

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self._place.host, self._place.port
        try:
            async with asyncio.timeout(_PATIENCE):
                return await asyncio.open_connection(host, port, ssl=self._context)
        except ssl.SSLCertVerificationError as error:
            raise Stop(
                f"Whoever answers at {host}:{port} is not to be trusted: {error.verify_message}"
            ) from None
        except TimeoutError:
            raise Stop(f"Nobody answers at {host}:{port} within {_PATIENCE:g} s.") from None
        except OSError as error:
            raise Stop(f"No connection to {host}:{port}: {error.strerror or error}.") from None

    def _called(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = asyncio.create_task(self._serve(reader, writer))
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, to_there = await self._connect()
        except Stop as trouble:
            sys.stderr.write(f"{trouble}\n")
        else:
            ways = [asyncio.create_task(way) for way in (_pass(reader, to_there), _pass(there, writer))]
            # Whichever side ends ends both: redis-cli has read what it waits for when it does.
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                await _end(to_there)
        finally:
            await _end(writer)


async def _end(writer: asyncio.StreamWriter) -> None:
    """Close it when it took what was said, if it takes it."""
    writer.close()
    try:
        async with asyncio.timeout(_FAREWELL):
            await writer.wait_closed()
    except OSError:  # TimeoutError is one
        writer.transport.abort()


async def _pass(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while part := await source.read(_PART):
        sink.write(part)
        await sink.drain()
