"""What a set's nodes leave on the disk when they copy anew while they serve, however fast that is."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
import redis
from real_house import RealHouse, primary_of, replicas_of, whole
from servers import soon

from memstored.domain.model import Node

SMALL = 16_384
"""Bytes of a backlog that the next write overruns."""


def files(house: RealHouse) -> list[Path]:
    """The files of data in all nodes' folders."""
    return list(house.root.glob("nodes/*/*.rdb"))


async def copied_anew(house: RealHouse, replica: Node, primary: redis.Redis) -> None:
    """Have a replica fall so far behind, in less time than would be noticed, that it must copy everything."""
    before = primary.info("stats")["sync_full"]
    primary.config_set("repl-backlog-size", SMALL)
    os.kill(house.process(replica), signal.SIGSTOP)
    try:
        # What the system still holds for it would be read after all.
        primary.client_kill_filter(_type="slave", skipme=True)
        primary.set("more", "x" * 1_000_000)
    finally:
        os.kill(house.process(replica), signal.SIGCONT)
    await soon(lambda: primary.info("stats")["sync_full"] > before, what="another full copy")


@pytest.mark.parametrize("real_house", [{"failure_detection": 5.0}], indirect=True)
async def test_h21_a_fast_copy_of_a_node_that_serves_leaves_no_file(real_house: RealHouse) -> None:
    """The node was whole at each look before and after, so as a rule nobody saw it copy; else it was shut."""
    async with real_house.controller() as fleet:
        stored = await real_house.make(fleet, 2)
        (replica,) = replicas_of(stored)
        with real_house.control(primary_of(stored)) as primary:
            primary.set("key", "value")
            await copied_anew(real_house, replica, primary)
            primary.set("last", "value")
            assert await asyncio.to_thread(primary.wait, 1, 5000) == 1

            await soon(lambda: not files(real_house), what="the end of the file")

        await real_house.until(whole)
        with real_house.control(replica) as node:
            assert node.exists("key", "more", "last") == 3
