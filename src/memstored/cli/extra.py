"""What `memstored` can not do without the packages of the extra `server`, and how that is said."""

from collections.abc import Iterator
from contextlib import contextmanager

from memstored.cli.errors import Stop

__all__ = ["server_rooms"]


@contextmanager
def server_rooms() -> Iterator[None]:
    """Imports of the server's rooms go in here; raises `Stop` with what to install when that is not there."""
    try:
        yield
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith("memstored"):
            raise
        raise Stop(
            "This command needs the service's packages, and only the client's are installed: "
            f"{missing.name} is missing. Install memstored[server], for instance by "
            "pip install 'memstored[server]'.",
            code=2,
        ) from None
