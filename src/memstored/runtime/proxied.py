"""Addresses of sets whose engine can not bind one while it runs (before 6.2): an HAProxy a set carries them.

Where an address leads is always what HAProxy was last heard to say, or nowhere where it is proven gone.
One that can not be asked, or does not do what it is told, is ended: then nobody comes through (S8, H13), and
it is started anew to lead where it should. It is needed only while an address leads to somebody, so a move
starts it.

Under the runtime's root, `proxies` holds a folder a set: `haproxy.cfg`, `haproxy.log`, the socket `control`.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from memstored.domain.facts import EndpointFacts
from memstored.domain.model import Vips
from memstored.domain.ports import Link, LinkTrouble
from memstored.domain.words import NodeId, SetId
from memstored.runtime.addresses import AddressLedger, node_at
from memstored.runtime.files import DamagedFile
from memstored.runtime.haproxy import Haproxy, ProxyTrouble, running_in, usable_haproxy
from memstored.runtime.protocol import Carrier
from memstored.runtime.reservations import PRIMARY, READER, Reservations

__all__ = ["ProxiedEndpoints"]

log = structlog.get_logger()

SOMEBODY = "somebody"
"""In place of a node's address, where it can not be told to whom an address leads, if to anybody."""


@dataclass(slots=True)
class _Proxy:
    """A set's HAProxy, if it runs; `leads` is what it was last heard to say (purpose → IPv4 of a node).

    `lock` orders moves and the release. `error` says why the last move failed, until one is done.
    """

    folder: Path
    running: Haproxy | None = None
    leads: Mapping[str, str | None] = field(default_factory=dict)
    error: str | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True, slots=True)
class _Carrier:
    """What is seen of a proxy, as a `Carrier`."""

    _proxy: _Proxy
    name = "HAProxy"

    @property
    def running(self) -> bool:
        """Whether there is one; not from its death on, when it owes no answer any more."""
        haproxy = self._proxy.running
        return haproxy is not None and not haproxy.gone.is_set()

    @property
    def unanswered(self) -> bool:
        """Whether its socket owes an answer."""
        haproxy = self._proxy.running
        return haproxy is not None and haproxy.pulse.unanswered

    def probe(self) -> None:
        """Ask over the socket."""
        if self._proxy.running is not None:
            self._proxy.running.pulse.ask()


class ProxiedEndpoints:
    """The `Endpoints` of one data folder's sets that need a proxy. `address_of` tells a node's own address.

    The ledger is the runtime's (`ProcessRuntime.addresses`), which loads it; `root` is the runtime's, too.
    `find_program` names the HAProxy to start. `patience` (seconds): see `Haproxy`.
    """

    def __init__(
        self,
        *,
        root: Path,
        addresses: AddressLedger,
        address_of: Callable[[NodeId], str | None],
        find_program: Callable[[], Awaitable[str]] = usable_haproxy,
        patience: float = 5.0,
    ) -> None:
        self._folders = root.absolute() / "proxies"
        self._addresses = addresses
        self._reservations = Reservations(addresses, floating=False)
        self._address_of = address_of
        self._find_program = find_program
        self._program: str | None = None
        self._patience = patience
        self._proxies: dict[SetId, _Proxy] = {}
        self._moves: set[asyncio.Task[None]] = set()
        self._broken_off = False
        self._changes: asyncio.Queue[SetId | None] = asyncio.Queue()

    async def start(self) -> None:
        """Find again the proxies that an earlier run of the service left, and ask them where they lead."""
        try:
            found = self._folders.iterdir() if self._folders.is_dir() else ()
            sets = [SetId(path.name) for path in found if path.is_dir()]
        except OSError as fault:
            raise DamagedFile(f"the proxies' folder {self._folders} can not be used: {fault}") from fault
        sets = list(dict.fromkeys([*sets, *self._reservations.owners()]))
        folders = {self._proxy(set_id).folder: set_id for set_id in sets}
        running = await asyncio.to_thread(running_in, folders)
        for folder, group in running.items():
            set_id = folders[folder]
            haproxy = Haproxy(folder, group, ended=self._ender(set_id), patience=self._patience)
            if not haproxy.gone.is_set():
                self._proxy(set_id).running = haproxy
        await asyncio.gather(*(self._ask(set_id) for set_id in sets))

    def _proxy(self, set_id: SetId) -> _Proxy:
        return self._proxies.setdefault(set_id, _Proxy(self._folders / set_id))

    async def _ask(self, set_id: SetId) -> None:
        proxy = self._proxy(set_id)
        haproxy = proxy.running
        if haproxy is None:
            return
        try:
            leads = await haproxy.leads()
        except ProxyTrouble as trouble:
            with suppress(ProxyTrouble):
                await self._end(set_id, proxy, str(trouble))
        else:
            if proxy.running is haproxy:
                proxy.leads = leads

    async def reserve(
        self,
        set_id: SetId,
        subnet_id: str,
        port: int,
        *,
        version: str,  # noqa: ARG002 - whoever gives out sets has chosen by it
        with_reader: bool,
    ) -> Vips:
        """Reserve the set's addresses; idempotent by set id. Raises `LaunchFailed`."""
        return await self._reservations.reserve(set_id, subnet_id, port, with_reader=with_reader)

    def reserved(self, set_id: SetId) -> Vips | None:
        """What is reserved for the set, and survives the service."""
        return self._reservations.of(set_id)

    def carries(self, set_id: SetId) -> bool:
        """Whether the set's addresses, or what is left of their proxy, are here."""
        return set_id in self._proxies or self._reservations.begun(set_id)

    def owners(self) -> Sequence[SetId]:
        """Every set that has addresses reserved, or left a proxy."""
        return tuple(dict.fromkeys([*self._reservations.owners(), *self._proxies]))

    def seen(self, set_id: SetId, links: Mapping[NodeId, Link]) -> EndpointFacts:  # noqa: ARG002 - the proxy knows, not the nodes
        """Where the addresses lead, as the proxy last said it; to a dead node, too, until they are moved."""
        vips = self.reserved(set_id)
        proxy = self._proxies.get(set_id) or _Proxy(self._folders)
        if vips is None:
            return EndpointFacts(error=proxy.error)
        return EndpointFacts(
            primary=vips.primary,
            reader=vips.reader,
            reserved=True,
            primary_at=self._node_at(proxy.leads.get(PRIMARY)),
            reader_at=self._node_at(proxy.leads.get(READER)) if vips.reader is not None else None,
            error=proxy.error,
        )

    def carrier(self, set_id: SetId) -> Carrier | None:
        """The set's proxy."""
        return _Carrier(self._proxy(set_id)) if self.carries(set_id) else None

    async def fence(self, set_id: SetId) -> None:
        """End the set's proxy, also in the middle of a move, which then goes on with another one.

        Raises `LinkTrouble`.
        """
        proxy = self._proxies.get(set_id)
        if proxy is None or proxy.running is None:
            return
        try:
            await self._end(set_id, proxy, "it did not answer")
        except ProxyTrouble as trouble:
            raise LinkTrouble(f"HAProxy of set {set_id}: {trouble}") from trouble

    def _node_at(self, address: str | None) -> NodeId | None:
        """The node that lives or lived there; one that nobody remembers is still somebody to be left."""
        return None if address is None else node_at(self._addresses, address) or NodeId(address)

    async def point(
        self,
        set_id: SetId,
        port: int,
        links: Mapping[NodeId, Link],  # noqa: ARG002 - nodes have no part in it
        *,
        primary: NodeId | None,
        reader: NodeId | None,
    ) -> None:
        """Make the addresses lead to these nodes; None: to nobody. Raises `LinkTrouble`.

        Nothing is sent when they do already. A trouble is shown in `seen` until it is over. A move goes on to
        its end whatever becomes of its caller, so that what is seen is never older than what was done; unless
        all are broken off.
        """
        if self._broken_off:
            raise LinkTrouble(f"HAProxy of set {set_id} is another controller's to lead")
        move = asyncio.create_task(self._point(set_id, port, {PRIMARY: primary, READER: reader}))
        self._moves.add(move)
        move.add_done_callback(self._moved)
        await asyncio.shield(move)

    def _moved(self, move: asyncio.Task[None]) -> None:
        self._moves.discard(move)
        if not move.cancelled():
            # Its caller may be gone; it is shown in `seen` all the same.
            move.exception()

    def break_off(self) -> None:
        """Begin no move any more, and end those under way: this engine has nothing that would refuse us (S7).

        Where one was broken off an address may lead nowhere, until whoever may move it does.
        """
        self._broken_off = True
        for move in self._moves:
            move.cancel()

    async def _point(self, set_id: SetId, port: int, wanted: Mapping[str, NodeId | None]) -> None:
        vips = self.reserved(set_id)
        if vips is None:
            raise LinkTrouble(f"set {set_id} has no addresses reserved")
        proxy = self._proxy(set_id)
        async with proxy.lock:
            try:
                targets = {purpose: self._own(wanted[purpose]) for purpose in _by_purpose(vips)}
                await self._lead(set_id, proxy, targets, vips, port)
            except (ProxyTrouble, OSError) as trouble:
                proxy.error = f"HAProxy of set {set_id}: {trouble}"
                raise LinkTrouble(proxy.error) from trouble
            proxy.error = self._unknown(wanted)
        if proxy.error is not None:
            raise LinkTrouble(proxy.error)

    def _own(self, node: NodeId | None) -> str | None:
        return self._address_of(node) if node is not None else None

    def _unknown(self, wanted: Mapping[str, NodeId | None]) -> str | None:
        """Nobody can be led to a node that has no address: then the set's address leads nowhere."""
        lost = [node for node in wanted.values() if node is not None and self._own(node) is None]
        return f"the own address of node {' and '.join(lost)} is not known" if lost else None

    async def _lead(
        self, set_id: SetId, proxy: _Proxy, targets: Mapping[str, str | None], vips: Vips, port: int
    ) -> None:
        """Have it done by the proxy that runs; by another in its place, if that one does not do it."""
        if proxy.running is not None and await self._command(set_id, proxy, targets, port) is None:
            return
        if not any(targets.values()):
            return
        proxy.running = await self._start(set_id, proxy, vips, port)
        why = await self._command(set_id, proxy, targets, port)
        if why is not None:
            raise ProxyTrouble(why)

    async def _command(
        self, set_id: SetId, proxy: _Proxy, targets: Mapping[str, str | None], port: int
    ) -> str | None:
        """Have the proxy do it; one that does not is ended, and why is returned. Raises `ProxyTrouble`."""
        haproxy = proxy.running
        assert haproxy is not None
        try:
            leads = await haproxy.lead(targets, port)
        except ProxyTrouble as trouble:
            if proxy.running is haproxy:
                await self._end(set_id, proxy, str(trouble))
            return str(trouble)
        # It may have died since it said so.
        if proxy.running is haproxy:
            proxy.leads = leads
        return None

    async def _start(self, set_id: SetId, proxy: _Proxy, vips: Vips, port: int) -> Haproxy:
        program = self._program or await self._find_program()
        # Looked for again after a failure: it may lie elsewhere by now.
        self._program = None
        haproxy = await Haproxy.start(
            program,
            proxy.folder,
            addresses=_by_purpose(vips),
            port=port,
            ended=self._ender(set_id),
            patience=self._patience,
        )
        self._program = program
        return haproxy

    async def _end(self, set_id: SetId, proxy: _Proxy, why: str) -> None:
        """End one whose doings can not be known: then it is known that nobody comes through.

        Raises `ProxyTrouble` when it can not be proven gone: then it leads to somebody, whatever it was told.
        """
        haproxy = proxy.running
        assert haproxy is not None
        log.warning("proxy_ended", set_id=set_id, process=haproxy.process_id, why=why)
        if not await haproxy.end():
            proxy.leads = dict.fromkeys((PRIMARY, READER), SOMEBODY)
            proxy.error = f"{why}, and process {haproxy.process_id} could not be ended"
            raise ProxyTrouble(proxy.error)
        if proxy.running is haproxy:
            proxy.running, proxy.leads = None, {}

    def _ender(self, set_id: SetId) -> Callable[[Haproxy], None]:
        def ended(haproxy: Haproxy) -> None:
            proxy = self._proxies.get(set_id)
            if proxy is not None and proxy.running is haproxy:
                log.error("proxy_died", set_id=set_id, process=haproxy.process_id)
                proxy.running, proxy.leads = None, {}
                self._changes.put_nowait(set_id)

        return ended

    async def release(self, set_id: SetId) -> None:
        """End the proxy, then give the addresses back; each rests before another set gets it (H22).

        Raises `OSError`.
        """
        proxy = self._proxy(set_id)
        async with proxy.lock:
            if proxy.running is not None and not await proxy.running.end():
                raise TimeoutError(f"process {proxy.running.process_id}, HAProxy of set {set_id}, lives on")
            proxy.running, proxy.leads = None, {}
            await self._reservations.release(set_id)
            if proxy.folder.exists():
                await asyncio.to_thread(shutil.rmtree, proxy.folder)
            self._proxies.pop(set_id, None)

    async def changes(self) -> AsyncIterator[SetId]:
        """The sets whose proxy ended; ends with `close`. For one reader at a time."""
        while (set_id := await self._changes.get()) is not None:
            yield set_id
        self._changes.put_nowait(None)

    async def close(self) -> None:
        """Let moves come to their end and stop watching; the proxies go on."""
        await asyncio.gather(*self._moves, return_exceptions=True)
        for proxy in self._proxies.values():
            if proxy.running is not None:
                proxy.running.leave()
        self._changes.put_nowait(None)


def _by_purpose(vips: Vips) -> dict[str, str]:
    return {PRIMARY: vips.primary} | ({READER: vips.reader} if vips.reader is not None else {})
