"""Nodes as redis-server processes of this machine, the default runtime.

Each is started detached, in a session of its own, so that it outlives the service, and is found again
by the folder it runs in. Its address is its own, out of its subnet's range. Why a node is only *gone*
once its whole process group is empty: H7.
"""

import asyncio
import os
import resource
import subprocess
from collections.abc import AsyncIterator, Collection, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog

from memstored.domain.clock import Clock
from memstored.domain.words import NodeId, SetId
from memstored.runtime.addresses import AddressLedger, node_addresses, node_owner
from memstored.runtime.files import DamagedFile
from memstored.runtime.folder import NodeFolder, NodeRecord, configuration, this_boot
from memstored.runtime.listening import accepts
from memstored.runtime.processes import ProcessGroup, read_process
from memstored.runtime.protocol import Engine, EngineUnknown, Files, LaunchFailed, LaunchOrder, Placement
from memstored.runtime.remains import Remains, Whereabouts, find_remains, seek
from memstored.runtime.resident import Resident

__all__ = ["ProcessRuntime"]

log = structlog.get_logger()

ADDRESSES_TRIED = 4
"""How many addresses a launch tries when others take them between our look and the server's start."""
STARTING_AT_ONCE = 8
"""How many servers may be on their way at a time, so that each meets its deadline."""
SEEK = 5.0
"""Seconds between two searches for nodes of which nobody can tell whether they live."""
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}


class _AddressTaken(LaunchFailed):
    """Somebody else was faster at the address."""


class ProcessRuntime:
    """The `Runtime` of one data folder.

    Keeps all it must remember under `root`: a folder a node and the ledger of addresses, which
    `endpoints.FloatingEndpoints` shares (`addresses`). `subnets` maps ids to CIDR ranges. `patience`
    (seconds) bounds the wait for a server to accept connections, and for a killed one to be gone.
    """

    def __init__(
        self,
        *,
        root: Path,
        subnets: Mapping[str, str],
        engines: Sequence[Engine],
        clock: Clock,
        patience: float = 5.0,
        quarantine: float = 600.0,
    ) -> None:
        self._nodes = root.absolute() / "nodes"
        self._engines = tuple(engines)
        self._patience = patience
        self._residents: dict[NodeId, Resident] = {}
        self._exits: asyncio.Queue[NodeId | None] = asyncio.Queue()
        self._background: set[asyncio.Task[None]] = set()
        self._starting = asyncio.Semaphore(STARTING_AT_ONCE)
        self._spawning = asyncio.Lock()
        self.addresses = AddressLedger(
            path=root.absolute() / "addresses.json", subnets=subnets, clock=clock, quarantine=quarantine
        )

    async def start(self) -> None:
        """Find again every node that an earlier run of the service left, alive or gone.

        What was prepared but never started is removed. Raises `DamagedFile`, also when the folder can not
        be used. A node of which a file is damaged or missing is adopted as far as it can be
        told: its placement says what is wrong.
        """
        _allow_many_files()
        try:
            await self._find_again()
        except OSError as fault:
            raise DamagedFile(f"the nodes' folder {self._nodes} can not be used: {fault}") from fault
        if any(resident.lost for resident in self._residents.values()):
            self._in_background(self._seek_lost())

    async def _find_again(self) -> None:
        await asyncio.to_thread(self._nodes.mkdir, mode=0o700, parents=True, exist_ok=True)
        await self.addresses.load()
        held = node_addresses(self.addresses)
        found = await asyncio.to_thread(find_remains, self._nodes, held)
        for remains in found.remains:
            self._adopt(remains, held.get(remains.node))
        self._settle_addresses(found.unstarted)
        await self.addresses.save()

    def _adopt(self, remains: Remains, held: str | None) -> None:
        record, whereabouts = remains.record, remains.whereabouts
        resident = Resident(
            node=remains.node, set_id=record.set_id if record else SetId(""), folder=remains.folder
        )
        resident.address, resident.port = (record.address, record.port) if record else (held, 0)
        resident.trouble = "; ".join(filter(None, (remains.damage, whereabouts.doubt))) or None
        # What can not be told to be on its way still may hold data: no launch ends it (S6).
        resident.ready = remains.ready
        if resident.trouble is not None:
            log.error("node_in_trouble", node=remains.node, trouble=resident.trouble)
        self._residents[remains.node] = resident
        if whereabouts == Whereabouts():
            resident.gone.set()
        else:
            self._settle_whereabouts(resident, whereabouts)

    def _settle_whereabouts(self, resident: Resident, found: Whereabouts) -> None:
        """Watch the server that was found, or say that it is gone, or that neither can be told."""
        resident.lost = found.doubt is not None
        if found.server is not None:
            server = found.server
            group = ProcessGroup(number=server.number, started=server.started, folder=server.folder)
            self._watch(resident, group)
        elif not resident.lost:
            self._proven_gone(resident)

    async def _seek_lost(self) -> None:
        """Look again and again for nodes that nobody can tell to live or not: their end must be seen."""
        while lost := [resident for resident in self._residents.values() if resident.lost]:
            await asyncio.sleep(SEEK)
            for resident in lost:
                with suppress(OSError):
                    await self._seek(resident)

    async def _seek(self, resident: Resident) -> None:
        found = await asyncio.to_thread(seek, resident.folder, resident.node, resident.address)
        if resident.lost:
            resident.trouble = found.doubt or resident.trouble
            self._settle_whereabouts(resident, found)

    def _settle_addresses(self, unstarted: Collection[NodeId]) -> None:
        """Make the ledger agree with the folders, whichever was written last before the service ended."""
        for resident in self._residents.values():
            if not resident.gone.is_set() and resident.address is not None:
                self.addresses.hold(node_owner(resident.node), resident.address)
        for node in node_addresses(self.addresses):
            if node in unstarted:
                self.addresses.put_back(node_owner(node))
            elif node not in self._residents:
                # Its folder is gone, so it may have run; it is proven that it does not any more.
                self.addresses.release(node_owner(node))

    def engines(self) -> Sequence[Engine]:
        """The programs that nodes can be started from, newest version first."""
        return self._engines

    async def launch(self, order: LaunchOrder) -> Placement:
        """Start the node; idempotent by its id; never starts an id a second time (S2).

        An address that turns out to be taken is replaced by another: nothing ran there yet. Raises
        `LaunchFailed`; then nothing of it runs, and an id that never accepted a connection may be tried
        again. When cancelled, a later `launch` takes up what was begun.
        """
        resident = self._resident(order)
        async with resident.lock:
            if resident.removed:
                raise LaunchFailed(f"node {order.node} was removed while it was to be launched")
            if resident.lost:
                raise LaunchFailed(f"node {order.node} may have been started before: {resident.trouble}")
            if not resident.began:
                await self._start_first(resident, order)
            elif resident.gone.is_set():
                raise LaunchFailed(f"node {order.node} was started before and is gone")
            elif not resident.ready:
                await self._await_accepting(resident)
            return resident.placement()

    def _resident(self, order: LaunchOrder) -> Resident:
        known = self._residents.get(order.node)
        if known is not None:
            return known
        if self.addresses.rested(node_owner(order.node)):
            raise LaunchFailed(f"node {order.node} was started before and is gone")
        folder = NodeFolder(self._nodes, order.node)
        resident = Resident(node=order.node, set_id=order.set_id, folder=folder)
        self._residents[order.node] = resident
        return resident

    async def _start_first(self, resident: Resident, order: LaunchOrder) -> None:
        resident.launching = True
        try:
            async with self._starting:
                await self._start_somewhere(resident, order, self._engine(order.version))
        except (OSError, ValueError) as fault:
            await self._undo(resident)
            raise LaunchFailed(f"node {order.node} could not be started: {fault}") from fault
        except LaunchFailed:
            await self._undo(resident)
            raise
        finally:
            resident.launching = False

    def _engine(self, version: str) -> Engine:
        for engine in self._engines:
            if engine.version == version:
                return engine
        here = ", ".join(e.version for e in self._engines) or "none"
        raise EngineUnknown(f"no redis-server of version {version} is here (found: {here})")

    async def _start_somewhere(self, resident: Resident, order: LaunchOrder, engine: Engine) -> None:
        for _ in range(ADDRESSES_TRIED - 1):
            try:
                return await self._start_at_address(resident, order, engine)
            except _AddressTaken:
                self._forget_process(resident)
                self.addresses.put_back(node_owner(resident.node))
        return await self._start_at_address(resident, order, engine)

    async def _start_at_address(self, resident: Resident, order: LaunchOrder, engine: Engine) -> None:
        address = self.addresses.take(node_owner(order.node), order.subnet_id, order.port)
        record = NodeRecord(
            node=order.node, set_id=order.set_id, address=address, port=order.port, boot=this_boot()
        )
        # In this order: an address that is held for a node without a folder tells that it was removed.
        files = order.files(address) if order.files is not None else None
        written = order.directives if order.on_disk else None
        await asyncio.to_thread(resident.folder.prepare, record, written, tls=order.tls, files=files)
        await self.addresses.save()
        async with self._spawning:
            # One a turn of the loop: each holds it up until the program is loaded.
            await asyncio.sleep(0)
            if resident.fenced:
                raise LaunchFailed(f"node {order.node} was fenced before it was started")
            resident.address, resident.port = address, order.port
            told = (
                None
                if order.on_disk
                else configuration(order.directives, record, resident.folder, tls=order.tls)
            )
            self._watch(resident, _spawn(resident.folder, engine, told))
        await self._await_accepting(resident)

    async def _await_accepting(self, resident: Resident) -> None:
        """Return once the server just started accepts connections; end it if that takes over `patience`."""
        assert resident.group is not None
        assert resident.address is not None
        try:
            async with asyncio.timeout(self._patience):
                pause = 0.002
                while not (resident.folder.ready and await accepts(resident.address, resident.port)):
                    if resident.group.leader_ended:
                        await resident.gone.wait()
                        raise _early_end(resident)
                    await asyncio.sleep(pause)
                    pause = min(pause * 1.3, 0.02)
            resident.ready = True
            with suppress(OSError):
                resident.folder.note_ready()
        except TimeoutError:
            proven = await self.fence(resident.node)
            state = "it was ended" if proven else f"process {resident.group.number} could not be ended"
            raise LaunchFailed(
                f"node {resident.node} accepted no connection within {self._patience:g} s; {state}. "
                f"{resident.folder.last_words()}"
            ) from None

    async def _undo(self, resident: Resident) -> None:
        """Remove what a failed launch left; what can not be proven gone stays listed."""
        if not await self.fence(resident.node):
            return
        self._forget_process(resident)
        self.addresses.put_back(node_owner(resident.node))
        try:
            with suppress(OSError):
                await self.addresses.save()
                await asyncio.to_thread(resident.folder.remove)
        finally:
            self._dismiss(resident)

    def _forget_process(self, resident: Resident) -> None:
        """A server that ended before it accepted anything never ran: another may be started in its place."""
        resident.folder.never_ran()
        resident.group = None
        resident.address = None
        resident.gone.clear()

    def _dismiss(self, resident: Resident) -> None:
        resident.removed = True
        self._residents.pop(resident.node, None)

    def placement(self, node: NodeId) -> Placement | None:
        """The node as it is known now; None: never launched here, or nothing is left of it."""
        resident = self._residents.get(node)
        return resident.placement() if resident is not None and resident.began else None

    def placements(self) -> Sequence[Placement]:
        """All nodes of this data folder that exist or left something behind."""
        return [resident.placement() for resident in self._residents.values() if resident.began]

    def address(self, node: NodeId) -> str | None:
        """The node's own address; None while it has none."""
        resident = self._residents.get(node)
        return resident.address if resident is not None else None

    @asynccontextmanager
    async def replaced_files(self, node: NodeId, files: Files) -> AsyncIterator[None]:
        """Let the node's `files` lead to these; see `Runtime.replaced_files`.

        What a service that ended in between left beside them goes with the next change, or with the node.
        """
        resident = self._residents.get(node)
        if resident is None:
            raise LaunchFailed(f"node {node} is not here")
        async with resident.lock:
            folder = resident.folder
            before = await asyncio.to_thread(folder.shown)
            try:
                await _to_its_end(asyncio.to_thread(lambda: folder.show(folder.lay(files))))
                yield
            except BaseException:
                folder.show(before)
                raise
            finally:
                folder.keep_shown()

    async def fence(self, node: NodeId) -> bool:
        """End the node's process group and return whether it is proven empty within `patience` seconds.

        A node never launched is gone; one that is just being launched will not be started any more.
        """
        resident = self._residents.get(node)
        if resident is None:
            return True
        resident.fenced = True
        if resident.lost:
            await self._seek(resident)
        if resident.group is None:
            return not resident.lost
        if not resident.gone.is_set():
            resident.group.strike()
        try:
            async with asyncio.timeout(self._patience):
                await resident.gone.wait()
        except TimeoutError:
            return False
        return True

    async def destroy(self, node: NodeId) -> bool:
        """Fence the node, let its address rest (H22), remove its folder; returns whether that is done.

        Idempotent. A node that can not be proven gone stays listed and keeps everything. Raises `OSError`.
        """
        resident = self._residents.get(node)
        if resident is None:
            return True
        if not await self.fence(node):
            return False
        async with resident.lock:
            if resident.removed:
                return True
            self.addresses.release(node_owner(node))
            await self.addresses.save()
            await asyncio.to_thread(resident.folder.remove)
            self._dismiss(resident)
            return True

    def burning(self, node: NodeId) -> bool:
        """Whether the server used CPU time since the last question: then it is busy, not hung (H16)."""
        resident = self._residents.get(node)
        return resident is not None and resident.group is not None and resident.group.burning()

    def last_words(self, node: NodeId) -> str:
        """The end of the server's log, without stamps, on one line; "" when there is none (H28)."""
        resident = self._residents.get(node)
        return resident.folder.last_words() if resident is not None else ""

    def keeps_copy(self, node: NodeId) -> bool:
        """Whether the node's folder holds a `dump.rdb` (H21). Takes some microseconds."""
        resident = self._residents.get(node)
        return resident is not None and resident.folder.keeps_copy

    def remove_copies(self, node: NodeId) -> None:
        """Remove the node's `dump.rdb` (H21). Raises `OSError`."""
        resident = self._residents.get(node)
        if resident is not None:
            resident.folder.remove_copy()

    def hold_back(self, node: NodeId) -> None:
        """Give the fork children that the server has now the least of the processor."""
        resident = self._residents.get(node)
        if resident is not None and resident.group is not None:
            resident.group.hold_back_children()

    async def exits(self) -> AsyncIterator[NodeId]:
        """The nodes that ended, each as soon as its whole group is proven empty; ends with `close`.

        A node whose launch fails is not among them: `launch` says so itself. For one reader at a time.
        """
        while (node := await self._exits.get()) is not None:
            yield node
        self._exits.put_nowait(None)

    async def close(self) -> None:
        """Stop watching; the nodes go on serving."""
        for resident in self._residents.values():
            self._unwatch(resident)
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        self._exits.put_nowait(None)

    def _watch(self, resident: Resident, group: ProcessGroup) -> None:
        resident.group = group
        if group.descriptor is None:
            self._leader_ended(resident, group)
        else:
            asyncio.get_running_loop().add_reader(group.descriptor, self._leader_ended, resident, group)

    def _unwatch(self, resident: Resident) -> None:
        if resident.group is not None and resident.group.descriptor is not None:
            asyncio.get_running_loop().remove_reader(resident.group.descriptor)
            resident.group.close()

    def _leader_ended(self, resident: Resident, group: ProcessGroup) -> None:
        """The server ended: end its fork children, which may still hold its sockets open (H7)."""
        self._unwatch(resident)
        with suppress(OSError):
            # Without a descriptor to look with nothing is proven: it is looked again.
            group.strike()
            if group.vanished():
                self._proven_gone(resident)
                return
        self._in_background(self._see_out(resident, group))

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        """Begin work that `close` ends."""
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background_ended)

    def _background_ended(self, task: asyncio.Task[None]) -> None:
        self._background.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("watching_failed", exc_info=task.exception())

    async def _see_out(self, resident: Resident, group: ProcessGroup) -> None:
        """Wait until nobody is left of the group, however often that can not be told."""
        pause = 0.001
        await asyncio.sleep(pause)
        while not await _empty(group):
            await asyncio.sleep(pause)
            pause = min(pause * 2, 0.1)
        self._proven_gone(resident)

    def _proven_gone(self, resident: Resident) -> None:
        resident.gone.set()
        if not resident.launching:
            self._exits.put_nowait(resident.node)


async def _empty(group: ProcessGroup) -> bool:
    """Whether it is proven that nobody is left; False also when there is no descriptor, or thread, to look.

    Where the cheap proof fails, because nobody buries the dead, every process is looked at.
    """
    try:
        return group.vanished() or await asyncio.to_thread(group.sweep)
    except (OSError, RuntimeError):
        return False


async def _to_its_end(work: Coroutine[None, None, None]) -> None:
    """Do it, and return only when it is done, also when cancelled: a thread can not be stopped."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    finally:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])


def _spawn(folder: NodeFolder, engine: Engine, told: str | None) -> ProcessGroup:
    """Start the server: detached, in the folder. Takes less than a millisecond; raises `OSError`.

    With its configuration `told` instead of written, nobody can start it so again.
    """
    folder.mark_started()
    with folder.log.open("ab") as log:
        server = subprocess.Popen(  # noqa: S603 - an engine's program with our own configuration
            [engine.program, str(folder.configuration) if told is None else "-"],
            cwd=folder.path,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL if told is None else subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
        )
    # The service may run before others; what it starts does not.
    with suppress(PermissionError, ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, server.pid, 0)
    try:
        if told is not None:
            _tell(server, told)
        group = _group_of(server.pid, folder)
    except OSError:
        server.kill()
        server.wait()
        raise
    # It outlives us, and its group buries it: nothing is left to do for Popen, nor to warn of.
    server.returncode = 0
    return group


def _tell(server: "subprocess.Popen[bytes]", configuration: str) -> None:
    """Say it the configuration. It fits into a pipe, so nothing is waited for."""
    assert server.stdin is not None
    with server.stdin as told, suppress(BrokenPipeError):
        # One that ended already says why in its log.
        told.write(configuration.encode())


def _group_of(number: int, folder: NodeFolder) -> ProcessGroup:
    """The group of the child just started, noted so that a later run of the service finds it again."""
    facts = read_process(number)
    assert facts is not None, "a child stays visible until it is buried"
    folder.note_process(number, facts.started)
    return ProcessGroup(number=number, started=facts.started, folder=folder.key)


def _early_end(resident: Resident) -> LaunchFailed:
    words = resident.folder.last_words()
    what = f"node {resident.node} ended before it accepted connections: {words or 'it said nothing'}"
    return _AddressTaken(what) if "Address already in use" in words else LaunchFailed(what)


def _allow_many_files() -> None:
    """Every node costs a descriptor here and a connection elsewhere: take what the system grants."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
