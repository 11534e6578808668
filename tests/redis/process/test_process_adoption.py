import asyncio
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from ground import SUBNET, Begin, Ground, alive, group_of, next_exit, purge, until

from memstored.domain.words import NodeId
from memstored.runtime import process
from memstored.runtime.process import ProcessRuntime
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


DAMAGES = {
    "half": lambda record: record.write_text("{"),
    "missing": lambda record: record.unlink(),
    "another's": lambda record: record.write_text(record.read_text().replace('"node": "', '"node": "x')),
    "mistyped": lambda record: record.write_text(record.read_text().replace('"port": ', '"port": [') + "]"),
    "a folder": lambda record: (record.unlink(), record.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_record_costs_nobody_anything(ground: Ground, begin: Begin, damage: str) -> None:
    """The node is found by its folder and its address all the same; others are as before (S2, S3)."""
    order = ground.order()
    first = await begin()
    damaged, sound = [await first.launch(order), await first.launch(ground.order())]
    await first.close()
    DAMAGES[damage](ground.folder(damaged.node) / "node.json")

    second = await begin()
    seen = second.placement(damaged.node)

    assert seen is not None
    assert "node.json" in (seen.trouble or "")
    assert replace(seen, trouble=None) == replace(damaged, set_id="")
    assert second.placement(sound.node) == sound
    assert await second.launch(order) == seen
    os.kill(pid_of(damaged), signal.SIGKILL)
    assert await next_exit(second) == damaged.node
    assert alive(pid_of(sound))


async def test_a_dead_node_with_a_damaged_record_is_gone_for_certain(ground: Ground, begin: Begin) -> None:
    """That no process is left in the folder is proof; nothing is removed or started again (S2)."""
    order = ground.order()
    first = await begin()
    placement = await first.launch(order)
    await first.close()
    (ground.folder(order.node) / "node.json").write_text("{")
    os.kill(pid_of(placement), signal.SIGKILL)
    await until(lambda: not alive(pid_of(placement)))

    second = await begin()

    assert [(p.node, p.gone) for p in second.placements()] == [(order.node, True)]
    with pytest.raises(LaunchFailed, match="was started before and is gone"):
        await second.launch(order)
    assert (ground.folder(order.node) / "node.json").read_text() == "{"


async def test_a_node_whose_folder_was_removed_is_found(ground: Ground, begin: Begin) -> None:
    """A living server without a folder is not gone: it is watched, and its end is told (S3)."""
    order = ground.order()
    first = await begin()
    placement = await first.launch(order)
    await first.close()
    shutil.rmtree(ground.folder(order.node))

    second = await begin()
    seen = second.placement(order.node)

    assert seen is not None
    assert (seen.address, seen.process_id, seen.gone) == (placement.address, placement.process_id, False)
    assert "is missing" in (seen.trouble or "")
    assert await second.fence(order.node)
    assert group_of(pid_of(placement)) == []
    assert await second.destroy(order.node)
    with pytest.raises(LaunchFailed, match="was started before and is gone"):
        await second.launch(order)


async def test_a_removed_folder_changes_nothing_for_a_running_service(
    ground: Ground, runtime: ProcessRuntime
) -> None:
    """What is in memory tells: alive until the process group is empty, then gone (S3, H7)."""
    order = ground.order()
    placement = await runtime.launch(order)
    shutil.rmtree(ground.folder(order.node))

    assert await runtime.launch(order) == placement
    os.kill(pid_of(placement), signal.SIGKILL)
    assert await next_exit(runtime) == order.node
    assert await runtime.destroy(order.node)


async def test_a_dead_node_without_a_folder_is_forgotten_and_not_started_again(
    ground: Ground, begin: Begin
) -> None:
    """Nobody is left of it, so nothing is listed; its address rests, and its id is used up (S2, H22)."""
    order = ground.order()
    first = await begin()
    await first.launch(order)
    await first.fence(order.node)
    await first.close()
    shutil.rmtree(ground.folder(order.node))

    second = await begin()

    assert second.placements() == []
    assert second.addresses.owners() == ()
    with pytest.raises(LaunchFailed, match="was started before and is gone"):
        await second.launch(order)


async def test_a_copy_of_the_folder_ends_nobody(
    ground: Ground, begin: Begin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service on a copy neither takes the original's nodes for its own nor for gone, until they are."""
    monkeypatch.setattr(process, "SEEK", 0.05)
    order = ground.order()
    original = await begin()
    placement = await original.launch(order)
    shutil.copytree(ground.root, tmp_path / "copy")
    copy = await begin(Ground(tmp_path / "copy", ground.engine, ground.cidr, ground.port))

    seen = copy.placement(order.node)
    proven = await copy.fence(order.node)
    with pytest.raises(LaunchFailed, match="may have been started before"):
        await copy.launch(order)

    assert seen is not None
    assert not seen.gone
    assert str(ground.folder(order.node)) in (seen.trouble or "")
    assert not proven
    assert not await copy.destroy(order.node)
    assert alive(pid_of(placement))
    assert (tmp_path / "copy" / "nodes" / order.node / "node.json").exists()
    await original.fence(order.node)
    assert await next_exit(copy) == order.node


async def test_a_moved_node_folder_is_not_gone(ground: Ground, begin: Begin, tmp_path: Path) -> None:
    """A folder that was moved away while no service ran: the server lives, so the node is not gone (S3)."""
    order = ground.order()
    first = await begin()
    placement = await first.launch(order)
    await first.close()
    ground.folder(order.node).rename(tmp_path / order.node)

    second = await begin()
    seen = second.placement(order.node)
    proven = await second.fence(order.node)
    (tmp_path / order.node).rename(ground.folder(order.node))

    assert seen is not None
    assert (seen.gone, proven) == (False, False)
    assert str(tmp_path) in (seen.trouble or "")
    assert alive(pid_of(placement))
    assert await second.fence(order.node)


async def test_a_shell_in_the_folder_is_not_the_node(ground: Ground, begin: Begin) -> None:
    """Somebody who looks around in a dead node's folder is neither taken for it nor ended."""
    order = ground.order()
    first = await begin()
    await first.launch(order)
    await first.fence(order.node)
    await first.close()
    (ground.folder(order.node) / "started").write_text("")
    shell = await asyncio.create_subprocess_exec(
        "/bin/sleep", "60", start_new_session=True, cwd=ground.folder(order.node)
    )

    second = await begin()
    gone = [p.gone for p in second.placements()]
    await second.destroy(order.node)
    spared = alive(shell.pid)
    shell.kill()
    await shell.wait()

    assert gone == [True]
    assert spared


async def test_a_lost_log_does_not_end_a_node(ground: Ground, begin: Begin) -> None:
    """A repeated launch leaves alone what once accepted connections, whatever became of its log (S6)."""
    order = ground.order()
    first = await begin()
    placement = await first.launch(order)
    await first.close()
    (ground.folder(order.node) / "redis.log").unlink()

    second = await begin(patience=0.3)
    with ground.client(placement) as client:
        client.config_set("bind", ground.cidr.replace("0/24", "255"))

    assert await second.launch(order) == placement
    assert alive(pid_of(placement))


async def test_all_nodes_can_be_ended_without_a_service(ground: Ground, begin: Begin) -> None:
    """A data folder is emptied without engines, subnets or a running service."""
    runtime = await begin()
    placements = [await runtime.launch(ground.order()) for _ in range(3)]
    await runtime.close()

    await purge(ground)

    assert [alive(pid_of(p)) for p in placements] == [False] * 3
    assert list((ground.root / "nodes").iterdir()) == []
