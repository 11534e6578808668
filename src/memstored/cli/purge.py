"""`memstored purge`: the end of a data folder, with every node of it. Needs no running service."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from memstored.cli.errors import Stop
from memstored.cli.folder import DataFolder
from memstored.cli.house import process_endpoints, process_runtime
from memstored.cli.settings import read_catalogue
from memstored.domain.catalogue import Catalogue
from memstored.runtime.files import DamagedFile
from memstored.runtime.process import ProcessRuntime
from memstored.runtime.protocol import Placement

__all__ = ["Purged", "purge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """What was done: how many nodes were ended; what is left in the folder: backups, and what is not ours."""

    nodes: int
    left: list[str]


def purge(data_dir: Path, catalogue: Path | None) -> Purged:
    """End every node of the folder and remove all that memstored made but backups.

    Raises `Stop` when a service is still using the folder, when it is not one of ours, and when a node can
    not be proven gone: then that node's folder, the store and the rest are kept.
    """
    folder = DataFolder(data_dir)
    if not folder.is_ours:
        raise Stop(f"{folder.path} is not a data folder of memstored; nothing was removed.")
    offer = read_catalogue(catalogue)
    folder.hold()
    try:
        nodes = asyncio.run(_end_nodes(folder, offer))
        return Purged(nodes=nodes, left=folder.remove())
    except DamagedFile as damage:
        raise Stop(
            f"The nodes of {folder.path} can not be found, so nothing was removed: {damage}."
        ) from None
    except OSError as error:
        raise Stop(f"Not all of {folder.path} could be removed: {error}.") from None
    finally:
        folder.release()


async def _end_nodes(folder: DataFolder, catalogue: Catalogue) -> int:
    """End them all and let go of their addresses; returns how many nodes there were.

    Raises `Stop` when one is not proven gone, and `OSError`.
    """
    runtime = process_runtime(folder, catalogue)
    endpoints = process_endpoints(folder, runtime)
    await runtime.start()
    await endpoints.start()
    try:
        placements = runtime.placements()
        ended = [await _ended(runtime, placement) for placement in placements]
        troubles = [trouble for trouble in ended if trouble is not None]
        if troubles:
            raise Stop(
                f"{len(troubles)} of {len(placements)} nodes could not be ended: {'; '.join(troubles)}. "
                f"What belongs to them, and the store in {folder.path}, was kept."
            )
        for set_id in endpoints.owners():
            await endpoints.release(set_id)
    finally:
        await endpoints.close()
        await runtime.close()
    return len(placements)


async def _ended(runtime: ProcessRuntime, placement: Placement) -> str | None:
    """End one node and remove its folder; returns why that could not be done or proven."""
    try:
        if await runtime.destroy(placement.node):
            return None
    except OSError as error:
        return f"node {placement.node} ({error})"
    process = f"process {placement.process_id} lives on" if placement.process_id else "nothing is proven"
    return f"node {placement.node} ({placement.trouble or process})"
