"""A TCP link with a proxy in it, which can be cut without either end being told: a partition."""

import selectors
import socket
import threading
from contextlib import suppress

from servers import free_address

PATIENCE = 0.05
"""Seconds after which a link that is told something looks whether it should end."""


class Detour:
    """Listens at an address of its own and passes on to `host`:`port` what it gets, until it is cut.

    While it is cut connections are taken and stay silent, as where packets are dropped.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._whole = threading.Event()
        self._whole.set()
        self._over = threading.Event()
        self._listener = socket.create_server((free_address(), port))
        self.host, self.port = self._listener.getsockname()
        self._listener.settimeout(PATIENCE)
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def cut(self) -> None:
        """Pass nothing on any more."""
        self._whole.clear()

    def mend(self) -> None:
        """Go on with everything that waits."""
        self._whole.set()

    def close(self) -> None:
        """End every connection, and the listening."""
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while not self._over.is_set():
            with suppress(TimeoutError):
                near, _ = self._listener.accept()
                thread = threading.Thread(target=self._carry, args=(near,))
                self._threads.append(thread)
                thread.start()

    def _carry(self, near: socket.socket) -> None:
        with near:
            while not self._whole.wait(PATIENCE):
                if self._over.is_set():
                    return
            with suppress(OSError), socket.create_connection(self._target, timeout=5) as far:
                near.settimeout(5)
                self._pass_on(near, far)

    def _pass_on(self, near: socket.socket, far: socket.socket) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(near, selectors.EVENT_READ, far)
            selector.register(far, selectors.EVENT_READ, near)
            while not self._over.is_set():
                if not self._whole.wait(PATIENCE):
                    continue
                for key, _ in selector.select(PATIENCE):
                    if not self._whole.is_set():
                        break
                    source: socket.socket = key.fileobj  # type: ignore[assignment]
                    if not (data := source.recv(65536)):
                        return
                    key.data.sendall(data)


class Detours:
    """The detours of a set: one for each pair of ends that talk to each other."""

    def __init__(self) -> None:
        self._detours: dict[tuple[str, str], Detour] = {}
        self._behind: dict[tuple[str, int], tuple[str, int]] = {}

    def between(self, who: str, host: str, port: int) -> Detour:
        """The one that `who` takes to `host`:`port`."""
        if (who, host) not in self._detours:
            detour = Detour(host, port)
            self._detours[who, host] = detour
            self._behind[detour.host, detour.port] = (host, port)
        return self._detours[who, host]

    def behind(self, place: tuple[str, int] | None) -> tuple[str, int] | None:
        """Who is really meant by an address that may be a detour's."""
        return self._behind.get(place, place) if place is not None else None

    def to(self, host: str) -> list[Detour]:
        """All that lead there, whoever takes them."""
        return [detour for (_, target), detour in self._detours.items() if target == host]

    def close(self) -> None:
        """End them all."""
        for detour in self._detours.values():
            detour.close()
