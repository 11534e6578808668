"""What an earlier run of the service left: its nodes' folders, and the process behind each.

Also after somebody else was at it: a damaged record, a folder that was removed, moved or copied while its
server runs. Then the server is looked for among all processes by the folder it runs in. Nobody is called
gone for want of a file (S3), and no process is called a node's that may be somebody else's.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from memstored.domain.words import NodeId
from memstored.runtime.files import DamagedFile
from memstored.runtime.folder import NodeFolder, NodeRecord, this_boot
from memstored.runtime.listening import listens
from memstored.runtime.processes import (
    FolderKey,
    ProcessFacts,
    current_folder,
    current_path,
    processes,
    program_name,
    read_process,
)

__all__ = ["Inventory", "Remains", "Server", "Whereabouts", "find_remains", "seek"]

_DELETED = " (deleted)"
"""What the kernel writes after the name of a folder that was removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A node's server, living or ended: process id, start since boot in clock ticks, where it runs."""

    number: int
    started: int
    folder: FolderKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """What became of a node's server. Neither `server` nor `doubt`: nobody is left of it, proven."""

    server: Server | None = None
    doubt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """A node of an earlier run. `record` is None when it can not be read; then `damage` says why."""

    folder: NodeFolder
    node: NodeId
    record: NodeRecord | None
    damage: str | None
    whereabouts: Whereabouts

    @property
    def ready(self) -> bool:
        """Whether its server accepted connections, or may have, as far as can be read."""
        try:
            return self.damage is not None or self.folder.ready
        except OSError:
            return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """All that was found. `unstarted`: nodes that were prepared, never started, and removed now."""

    remains: list[Remains]
    unstarted: frozenset[NodeId]


class _Census:
    """All processes and where they run, looked at once and only if need be."""

    @cached_property
    def _all(self) -> list[tuple[ProcessFacts, FolderKey, Path]]:
        here = ((p, current_folder(p.number), current_path(p.number)) for p in processes() if p.living)
        return [(p, key, path) for p, key, path in here if key is not None and path is not None]

    def in_folder(self, key: FolderKey) -> Server | None:
        """The server that runs in that very folder."""
        return next((s for p, at, _ in self._all if at == key and (s := _server(p, at))), None)

    def in_folder_named(self, node: NodeId) -> tuple[Server, Path] | None:
        """The server that runs in a folder of the node's name, anywhere, and that folder's name."""
        named = ((p, at, path) for p, at, path in self._all if path.name.removesuffix(_DELETED) == node)
        return next(((s, path) for p, at, path in named if (s := _server(p, at))), None)


def _server(process: ProcessFacts, folder: FolderKey) -> Server | None:
    """The server that the process is, or is a fork child of: not somebody's shell in the folder."""
    if process.group != process.session or "redis" not in program_name(process.number):
        return None
    leader = read_process(process.group)
    return Server(number=process.group, started=leader.started if leader else 0, folder=folder)


def find_remains(nodes: Path, addresses: Mapping[NodeId, str]) -> Inventory:
    """Every node that was, or may have been, started; what never was is removed. Blocks for the disk.

    `addresses` are those that nodes hold: whose folder is missing was here all the same. Raises `OSError`
    when the folder of nodes can not be read.
    """
    census = _Census()
    found = {node: _remains(folder, node, addresses.get(node), census) for node, folder in _folders(nodes)}
    vanished = [
        _vanished(nodes, node, address, census) for node, address in addresses.items() if node not in found
    ]
    return Inventory(
        remains=[remains for remains in (*found.values(), *vanished) if remains is not None],
        unstarted=frozenset(node for node, remains in found.items() if remains is None),
    )


def _folders(nodes: Path) -> Iterator[tuple[NodeId, NodeFolder]]:
    for path in sorted(path for path in nodes.iterdir() if path.is_dir()):
        # A name that no node can have is a stranger's.
        with suppress(ValueError):
            yield NodeId(path.name), NodeFolder(nodes, NodeId(path.name))


def _remains(folder: NodeFolder, node: NodeId, address: str | None, census: _Census) -> Remains | None:
    record, damage = None, None
    try:
        record = folder.record()
        if record is None:
            folder.remove_nameless()
            return None
        if not folder.may_have_run(record):
            with suppress(OSError):
                folder.remove()
            return None
    except (DamagedFile, OSError) as fault:
        damage = str(fault)
    whereabouts = _whereabouts(folder, node, record, address, census)
    return Remains(folder=folder, node=node, record=record, damage=damage, whereabouts=whereabouts)


def _vanished(nodes: Path, node: NodeId, address: str, census: _Census) -> Remains | None:
    """A node without a folder; None when nobody is left of it, or it was never started."""
    try:
        folder = NodeFolder(nodes, node)
    except ValueError:
        return None
    whereabouts = _whereabouts(folder, node, None, address, census)
    if whereabouts == Whereabouts():
        return None
    damage = f"{folder.path} is missing"
    return Remains(folder=folder, node=node, record=None, damage=damage, whereabouts=whereabouts)


def seek(folder: NodeFolder, node: NodeId, address: str | None) -> Whereabouts:
    """Look anew for the server of a node whose record is of no use. Blocks for some 30 µs a process."""
    return _whereabouts(folder, node, None, address, _Census())


def _whereabouts(
    folder: NodeFolder, node: NodeId, record: NodeRecord | None, address: str | None, census: _Census
) -> Whereabouts:
    if record is not None and record.boot != this_boot():
        return Whereabouts()
    noted, key = _noted(folder), _key(folder)
    if noted is not None and key is not None:
        return _noted_whereabouts(*noted, key, trusted=record is not None)
    server = census.in_folder(key) if key is not None else None
    if server is not None:
        return Whereabouts(server=server)
    named = census.in_folder_named(node)
    if named is not None:
        return _elsewhere(*named)
    if record is None and address is not None and listens(address):
        return Whereabouts(
            doubt=f"somebody listens at its address {address} who can not be told to be it or not"
        )
    return Whereabouts()


def _noted_whereabouts(number: int, started: int, key: FolderKey, *, trusted: bool) -> Whereabouts:
    """The process that was noted. Where it is seen to run elsewhere, the folder may be a copy of its own."""
    facts = read_process(number)
    if facts is None or facts.started != started or not facts.living:
        return Whereabouts(server=Server(number=number, started=started, folder=key))
    at, path = current_folder(number), current_path(number)
    if at == key or (at is None and trusted):
        return Whereabouts(server=Server(number=number, started=started, folder=key))
    if at is None or path is None:
        return Whereabouts(doubt=f"process {number} may be its server, but is hidden from this user")
    return _elsewhere(Server(number=number, started=started, folder=at), path)


def _elsewhere(server: Server, path: Path) -> Whereabouts:
    """A server whose folder was removed under it is ours; one that still has it may be another service's."""
    if path.name.endswith(_DELETED):
        return Whereabouts(server=server)
    return Whereabouts(doubt=f"process {server.number} may be its server, but runs in another folder, {path}")


def _noted(folder: NodeFolder) -> tuple[int, int] | None:
    with suppress(OSError):
        return folder.process()
    return None


def _key(folder: NodeFolder) -> FolderKey | None:
    with suppress(OSError):
        return folder.key
    return None
