"""Whether a server could listen at an address, and whether one does."""

import asyncio
import errno
import socket
import sys
from pathlib import Path

__all__ = ["accepts", "bind_trouble", "listens"]

_LISTEN = "0A"
"""The state of a listening socket in `/proc/net/tcp`."""


def bind_trouble(address: str, port: int) -> str | None:
    """Why a server could not listen there now, in the system's words; None when it could.

    Binds without listening: other servers are not disturbed, and one that listens is noticed, at this
    address or at all. Raises `OSError` when nothing can be tried, as without a descriptor to spare.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((address, port))
        except OSError as fault:
            return f"{fault.strerror} ({errno.errorcode.get(fault.errno or 0, fault.errno)})"
    return None


def listens(address: str) -> bool:
    """Whether anybody, of any user, listens at the address itself, at whatever port."""
    here = f"{int.from_bytes(socket.inet_aton(address), sys.byteorder):08X}"
    rows = (line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:])
    return any(row[1].startswith(f"{here}:") and row[3] == _LISTEN for row in rows)


async def accepts(address: str, port: int) -> bool:
    """Whether a connection is accepted there at once."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(trial, (address, port))
        except OSError:
            return False
    return True
