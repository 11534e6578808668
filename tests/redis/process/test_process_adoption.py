import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from ground import SUBNET, Begin, Ground, alive, group_of, next_exit, purge, until

from memstored.domain.words import NodeId
from memstored.runtime.files import DamagedFile
from memstored.runtime.processes import read_process
from memstored.runtime.protocol import LaunchFailed, Placement

SERVICE = textwrap.dedent("""
    import asyncio, sys, time
    from pathlib import Path
    sys.path.insert(0, sys.argv[1])
    from ground import Ground
    from memstored.runtime.protocol import Engine

    async def main():
        engine = Engine(version=sys.argv[4], program=sys.argv[5], tls=False, license="")
        ground = Ground(Path(sys.argv[2]), engine, sys.argv[3], int(sys.argv[6]))
        runtime = ground.runtime()
        await runtime.start()
        slow = (("rdb-key-save-delay", "1000000"),)
        placement = await runtime.launch(ground.order(None, *slow))
        with ground.client(placement) as client:
            client.mset({f"k{i}": "v" for i in range(1000)})
        print(placement.node, placement.process_id, placement.address, flush=True)
        await asyncio.sleep(60)

    asyncio.run(main())
""")


def another_service(ground: Ground) -> subprocess.Popen[str]:
    """A process of its own that launches one node on the ground, says which, and goes on."""
    engine = ground.engine
    arguments = (Path(__file__).parent, ground.root, ground.cidr, engine.version, engine.program, ground.port)
    return subprocess.Popen(
        [sys.executable, "-c", SERVICE, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


def killed_after_launch(ground: Ground) -> tuple[NodeId, int, str]:
    """Node, process and address of a node that a service launched before it was killed (SIGKILL)."""
    with another_service(ground) as service:
        assert service.stdout is not None
        node, number, address = service.stdout.readline().split()
        service.kill()
    return NodeId(node), int(number), address


def pid_of(placement: Placement) -> int:
    """The number of the node's server."""
    assert placement.process_id is not None
    return placement.process_id


async def test_a_restarted_service_finds_its_nodes(ground: Ground, begin: Begin) -> None:
    """What was known of a node is known again, and its end is told as before."""
    order = ground.order()
    first = await begin()
    placement = await first.launch(order)
    await first.close()

    second = await begin()

    assert second.placements() == [placement]
    assert await second.launch(order) == placement
    os.kill(pid_of(placement), signal.SIGKILL)
    assert await next_exit(second) == placement.node


async def test_a_node_outlives_a_killed_service(ground: Ground, begin: Begin) -> None:
    """A node whose service was killed serves on; the next service knows, watches and ends it."""
    node, number, address = await asyncio.to_thread(killed_after_launch, ground)
    runtime = await begin()

    assert runtime.placements() == [
        Placement(node=node, set_id=ground.order().set_id, address=address, gone=False, process_id=number)
    ]
    with ground.client(runtime.placements()[0]) as client:
        assert client.dbsize() == 1000
    await runtime.destroy(node)
    assert not alive(number)
    assert await next_exit(runtime) == node


async def test_an_adopted_node_is_gone_only_with_its_fork_child(ground: Ground, begin: Begin) -> None:
    """Of a node that is not our child, too, nobody is left when its end is told (H7)."""
    node, number, _ = await asyncio.to_thread(killed_after_launch, ground)
    runtime = await begin()
    with ground.client(runtime.placements()[0]) as client:
        client.bgsave()
    await until(lambda: len(group_of(number)) == 2)

    os.kill(number, signal.SIGKILL)

    assert await next_exit(runtime) == node
    assert group_of(number) == []


async def test_a_fork_child_left_without_its_server_is_ended(ground: Ground, begin: Begin) -> None:
    """A server that died while no service ran may have left a child that holds its sockets open (H7)."""
    node, number, _ = await asyncio.to_thread(killed_after_launch, ground)
    first = await begin()
    with ground.client(first.placements()[0]) as client:
        client.bgsave()
    await until(lambda: len(group_of(number)) == 2)
    await first.close()
    os.kill(number, signal.SIGKILL)
    await until(lambda: not alive(number))

    second = await begin()

    assert await next_exit(second) == node
    assert group_of(number) == []


async def test_what_is_left_of_a_dead_node_is_listed(ground: Ground, begin: Begin) -> None:
    """A node that died while no service ran is shown as gone until it is destroyed."""
    order = ground.order()
    first = await begin()
    placement = await first.launch(order)
    await first.close()
    os.kill(pid_of(placement), signal.SIGKILL)
    await until(lambda: not alive(pid_of(placement)))

    second = await begin()

    assert [(p.node, p.gone) for p in second.placements()] == [(order.node, True)]
    with pytest.raises(LaunchFailed, match="was started before and is gone"):
        await second.launch(order)
    await second.destroy(order.node)
    assert second.placements() == []
    assert not ground.folder(order.node).exists()


async def test_a_removal_cut_short_is_finished(ground: Ground, begin: Begin) -> None:
    """A service that ended between giving the address back and removing the folder left remains."""
    first = await begin()
    placement = await first.launch(ground.order())
    await first.fence(placement.node)
    first.addresses.release(f"node/{placement.node}")
    await first.addresses.save()
    await first.close()

    second = await begin()

    assert [p.gone for p in second.placements()] == [True]
    assert second.addresses.owners() == ()
    await second.destroy(placement.node)
    assert not ground.folder(placement.node).exists()


async def test_a_process_is_found_by_its_folder(ground: Ground, begin: Begin) -> None:
    """A service that ended before it could note which process it had started finds it all the same."""
    first = await begin()
    placement = await first.launch(ground.order())
    await first.close()
    (ground.folder(placement.node) / "started").write_text("")

    second = await begin()

    assert second.placements() == [placement]


async def test_a_stranger_with_the_servers_number_is_left_alone(ground: Ground, begin: Begin) -> None:
    """A number that another process has by now is no proof of life, and that process is not touched."""
    first = await begin()
    placement = await first.launch(ground.order())
    await first.fence(placement.node)
    await first.close()
    stranger = await asyncio.create_subprocess_exec("/bin/sleep", "60", start_new_session=True)
    facts = read_process(stranger.pid)
    assert facts is not None
    (ground.folder(placement.node) / "started").write_text(f"{stranger.pid} {facts.started - 1}\n")

    second = await begin()
    proven = await second.fence(placement.node)
    await second.destroy(placement.node)
    spared = alive(stranger.pid)
    stranger.kill()
    await stranger.wait()

    assert proven
    assert spared


async def test_what_was_only_prepared_is_forgotten(ground: Ground, begin: Begin) -> None:
    """A launch that the service's end cut short before the server's start may be repeated."""
    order = ground.order()
    first = await begin()
    placement = await first.launch(order)
    await first.fence(order.node)
    await first.close()
    (ground.folder(order.node) / "started").unlink()

    second = await begin()

    assert second.placements() == []
    assert not ground.folder(order.node).exists()
    assert (await second.launch(order)).process_id != placement.process_id


async def test_an_address_without_a_node_is_given_back(ground: Ground, begin: Begin) -> None:
    """An address taken for a node that was never prepared does not stay taken."""
    first = await begin()
    first.addresses.take("node/never-prepared", SUBNET, ground.port)
    await first.addresses.save()
    await first.close()

    second = await begin()

    assert second.addresses.owners() == ()


async def test_strange_things_in_the_folder_are_left_alone(ground: Ground, begin: Begin) -> None:
    """What is no node of ours is neither read nor removed."""
    nodes = ground.root / "nodes"
    (nodes / "lost+found").mkdir(parents=True)
    (nodes / "notes").mkdir()
    (nodes / "notes" / "mine.txt").touch()
    (nodes / "README").touch()

    runtime = await begin()

    assert runtime.placements() == []
    assert sorted(path.name for path in nodes.iterdir()) == ["README", "lost+found", "notes"]


async def test_a_damaged_record_stops_the_start(ground: Ground, begin: Begin) -> None:
    """A node that can not be told is not overlooked: the service does not start, and names the file."""
    first = await begin()
    placement = await first.launch(ground.order())
    await first.close()
    record = ground.folder(placement.node) / "node.json"
    whole = record.read_text()
    record.write_text("{")

    with pytest.raises(DamagedFile, match=r"node\.json"):
        await begin()
    record.write_text(whole)


async def test_all_nodes_can_be_ended_without_a_service(ground: Ground, begin: Begin) -> None:
    """A data folder is emptied without engines, subnets or a running service."""
    runtime = await begin()
    placements = [await runtime.launch(ground.order()) for _ in range(3)]
    await runtime.close()

    await purge(ground)

    assert [alive(pid_of(p)) for p in placements] == [False] * 3
    assert list((ground.root / "nodes").iterdir()) == []
