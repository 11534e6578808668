"""`memstored purge`: the end of a data folder, with every node of it. Needs no running service."""

import asyncio
import shutil
from pathlib import Path

from memstored.cli.errors import Stop
from memstored.cli.folder import DataFolder
from memstored.cli.house import process_runtime
from memstored.cli.settings import read_catalogue
from memstored.domain.catalogue import Catalogue

__all__ = ["purge"]


def purge(data_dir: Path, catalogue: Path | None) -> int:
    """End every node of the folder and remove it; returns how many nodes there were.

    Raises `Stop` when a service is still using the folder, or when it is not one of ours.
    """
    folder = DataFolder(data_dir)
    if not (folder.path / "lock").exists():
        raise Stop(f"{folder.path} is not a data folder of memstored; nothing was removed.")
    offer = read_catalogue(catalogue)
    folder.claim()
    try:
        ended = asyncio.run(_end_nodes(folder, offer))
        shutil.rmtree(folder.path)
    finally:
        folder.release()
    return ended


async def _end_nodes(folder: DataFolder, catalogue: Catalogue) -> int:
    runtime = await process_runtime(folder, catalogue)
    await runtime.start()
    try:
        placements = runtime.placements()
        for placement in placements:
            await runtime.destroy(placement.node)
    finally:
        await runtime.close()
    return len(placements)
