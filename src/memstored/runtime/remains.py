"""What an earlier run of the service left: its nodes' folders, and the process behind each."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from memstored.domain.words import NodeId
from memstored.runtime.folder import NodeFolder, NodeRecord, this_boot
from memstored.runtime.processes import FolderKey, current_folder, processes, read_process

__all__ = ["Remains", "find_remains"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """A node of an earlier run.

    `process`: number and start of its server, whether it lives or not; None: nobody is left of it.
    """

    folder: NodeFolder
    key: FolderKey
    record: NodeRecord
    process: tuple[int, int] | None


def find_remains(nodes: Path) -> list[Remains]:
    """Every node that was, or may have been, started; what never was is removed. Blocks for the disk.

    Raises `DamagedFile` and `OSError`.
    """
    return [remains for folder in _folders(nodes) if (remains := _remains(folder)) is not None]


def _folders(nodes: Path) -> Iterator[NodeFolder]:
    for path in sorted(path for path in nodes.iterdir() if path.is_dir()):
        # A name that no node can have is a stranger's.
        with suppress(ValueError):
            yield NodeFolder(nodes, NodeId(path.name))


def _remains(folder: NodeFolder) -> Remains | None:
    record = folder.record()
    if record is None:
        folder.remove_nameless()
        return None
    if not folder.may_have_run(record):
        folder.remove()
        return None
    return Remains(folder=folder, key=folder.key, record=record, process=_process(folder, record))


def _process(folder: NodeFolder, record: NodeRecord) -> tuple[int, int] | None:
    if record.boot != this_boot():
        return None
    return folder.process() or _process_in(folder.key)


def _process_in(key: FolderKey) -> tuple[int, int] | None:
    """The server that runs in the folder, when the service ended before it could note which one it is."""
    for member in processes():
        if member.group == member.session and member.living and current_folder(member.number) == key:
            leader = read_process(member.group)
            return member.group, leader.started if leader is not None else 0
    return None
