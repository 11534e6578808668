"""The service's own user on the nodes of a set, to do to them by hand what no tenant may."""

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager

import redis
from live_set import LiveSet, Row

from memstored.cli.folder import DataFolder
from memstored.control.clock import SystemClock
from memstored.domain.ports import Identity
from memstored.domain.words import SetId
from memstored.store.cipher import Cipher
from memstored.store.database import Database
from memstored.store.sets import SetRepository


def control_user(made: LiveSet) -> Identity:
    """Who the service is on the set's nodes, read from its store."""
    return asyncio.run(_control_user(DataFolder(made.service.data_dir), SetId(made.id)))


async def _control_user(folder: DataFolder, set_id: SetId) -> Identity:
    database = await Database.open(folder.store_url)
    try:
        sets = SetRepository(database, SystemClock(), Cipher.from_file(folder.key_file))
        return (await sets.identities(set_id)).control
    finally:
        await database.close()


@contextmanager
def controlled(made: LiveSet, row: Row) -> Iterator[redis.Redis]:
    """A client that may do everything, at a node's own address."""
    with closing(made.control_client(row["endpoint"], control_user(made))) as client:
        yield client
