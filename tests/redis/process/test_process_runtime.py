import asyncio
import os
import signal
import socket
import stat
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
from ground import Begin, Ground, alive, group_of, next_exit, state_of, until

from memstored.domain.words import NodeId
from memstored.runtime import addresses
from memstored.runtime.folder import NodeFolder
from memstored.runtime.process import ProcessRuntime
from memstored.runtime.processes import ProcessGroup
from memstored.runtime.protocol import Engine, EngineUnknown, Files, LaunchFailed, Placement


def pid_of(placement: Placement | None) -> int:
    """The number of the node's server."""
    assert placement is not None
    assert placement.process_id is not None
    return placement.process_id


def mode_of(path: Path) -> int:
    """The permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def a_program(path: Path, script: str) -> str:
    """A program that is started like a server."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def holds(path: Path, words: bytes) -> bool:
    """Whether these are in the file."""
    return words in path.read_bytes()


class HastyStranger:
    """Listens at the first address that was found free, right after the look."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.address: str | None = None

    def take(self, address: str, port: int) -> None:
        """In the place of `bind_trouble`: nothing speaks against the address."""
        if self.address is None:
            self.address = address
            self.listener.bind((address, port))
            self.listener.listen()


async def test_the_last_words_of_a_node_are_its_logs(ground: Ground, runtime: ProcessRuntime) -> None:
    """What the engine wrote last can be shown, while it lives; of an unknown node there is nothing (H28)."""
    placement = await runtime.launch(ground.order())

    words = runtime.last_words(placement.node)

    assert "Ready to accept connections" in words
    assert runtime.last_words(NodeId("nobody")) == ""


async def test_h19_a_node_that_is_told_its_configuration_leaves_none(
    ground: Ground, runtime: ProcessRuntime, begin: Begin
) -> None:
    """It obeys what it was told, nothing of it is on the disk or in an argument, and it is found again."""
    order = replace(ground.order(None, ("requirepass", "a-secret")), on_disk=False)
    placement = await runtime.launch(order)

    await runtime.close()
    later = await begin()

    assert later.placement(placement.node) == placement
    with ground.client(placement) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    folder = ground.folder(placement.node)
    assert not (folder / "redis.conf").exists()
    places = (*folder.iterdir(), Path(f"/proc/{pid_of(placement)}/cmdline"))
    assert [place for place in places if holds(place, b"a-secret")] == []


async def test_h19_a_refused_configuration_that_was_told_is_told_in_the_engines_words(
    ground: Ground, runtime: ProcessRuntime
) -> None:
    """As one that was written, and nothing of the node is left."""
    order = replace(ground.order(None, ("no-such-directive", "1")), on_disk=False)

    with pytest.raises(LaunchFailed, match="no-such-directive"):
        await runtime.launch(order)

    assert runtime.placement(order.node) is None


async def test_h21_what_a_copy_left_is_removed_on_request(ground: Ground, runtime: ProcessRuntime) -> None:
    """Once the node has loaded it; a node that is not known has left nothing."""
    placement = await runtime.launch(ground.order())
    with ground.client(placement) as client:
        client.save()
    before = (ground.folder(placement.node) / "dump.rdb").exists(), runtime.keeps_copy(placement.node)

    runtime.remove_copies(placement.node)
    runtime.remove_copies(NodeId("nobody"))

    assert before == (True, True)
    assert not runtime.keeps_copy(placement.node)
    assert not (ground.folder(placement.node) / "dump.rdb").exists()


async def test_a_launched_node_answers_at_its_own_address(ground: Ground, runtime: ProcessRuntime) -> None:
    """When the launch returns, connections are accepted, and the node knows its own address and folder."""
    placement = await runtime.launch(ground.order())

    with ground.client(placement) as client:
        config = client.config_get("*")
        assert client.info("server")["process_id"] == placement.process_id
    assert config["bind"] == config["replica-announce-ip"] == placement.address
    assert config["dir"] == str(ground.folder(placement.node))
    assert runtime.placement(placement.node) == placement


async def test_nobody_else_can_read_what_a_node_has_on_disk(ground: Ground, runtime: ProcessRuntime) -> None:
    """The folder and the configuration are the service's own."""
    placement = await runtime.launch(ground.order())

    folder = ground.folder(placement.node)
    assert mode_of(folder) == 0o700
    assert mode_of(folder / "redis.conf") == 0o600
    assert mode_of(folder.parent) == 0o700


async def test_a_second_launch_finds_the_first(ground: Ground, runtime: ProcessRuntime) -> None:
    """Launching is idempotent by the node's id, also at the same time."""
    order = ground.order()

    placements = await asyncio.gather(*(runtime.launch(order) for _ in range(3)))

    assert len(set(placements)) == 1
    assert await runtime.launch(order) == placements[0]


async def test_many_launches_at_once(ground: Ground, runtime: ProcessRuntime) -> None:
    """Every node of many gets an address of its own, and all of them answer."""
    placements = await asyncio.gather(*(runtime.launch(ground.order()) for _ in range(24)))

    assert len({p.address for p in placements}) == 24
    assert {p.node for p in runtime.placements()} == {p.node for p in placements}


async def test_a_launch_leaves_alone_what_ever_was_up(ground: Ground, begin: Begin) -> None:
    """A repeated launch does not end a server that refuses us now: it may hold the data (S6, H15)."""
    first = await begin()
    order = ground.order()
    placement = await first.launch(order)
    await first.close()
    runtime = await begin(patience=0.3)
    with ground.client(placement) as client:
        client.config_set("bind", ground.cidr.replace("0/24", "255"))

    assert await runtime.launch(order) == placement
    assert alive(pid_of(placement))


async def test_a_quiet_log_does_not_hold_up_a_launch(ground: Ground, runtime: ProcessRuntime) -> None:
    """The log is the place's: an order can not silence what the launch waits for."""
    placement = await runtime.launch(ground.order(None, ("loglevel", "warning")))

    assert not placement.gone


async def test_a_refused_configuration_is_told_in_the_engines_words(
    ground: Ground, runtime: ProcessRuntime
) -> None:
    """The failure names the directive and the engine's reason, and nothing of the node is left."""
    order = ground.order(None, ("maxmemory-policy", "sometimes"))

    with pytest.raises(LaunchFailed, match=r"maxmemory-policy: ") as failure:
        await runtime.launch(order)

    assert "sometimes" not in str(failure.value)
    assert runtime.placements() == []
    assert not ground.folder(order.node).exists()
    assert runtime.addresses.owners() == ()


async def test_a_node_that_never_ran_may_be_launched_after_all(
    ground: Ground, runtime: ProcessRuntime
) -> None:
    """A launch that failed before the server accepted anything does not use up the node's id."""
    node = str(uuid4())
    with pytest.raises(LaunchFailed):
        await runtime.launch(ground.order(node, ("no-such-directive", "1")))

    placement = await runtime.launch(ground.order(node))

    assert not placement.gone


async def test_an_unknown_version_is_refused(ground: Ground, begin: Begin) -> None:
    """A program that is not here can not be started, and what is here is named."""
    runtime = await begin(engines=())

    with pytest.raises(EngineUnknown, match=r"no redis-server of version .* is here \(found: none\)"):
        await runtime.launch(ground.order())
    assert runtime.placements() == []


async def test_a_server_that_accepts_nothing_is_ended(ground: Ground, begin: Begin, tmp_path: Path) -> None:
    """A launch is bounded in time; what did not come up in time does not stay."""
    program = a_program(tmp_path / "mute", f"echo $$ > {tmp_path}/pid\nexec sleep 60")
    engine = Engine(version=ground.engine.version, program=program, tls=False, license="")
    runtime = await begin(engines=(engine,), patience=0.5)

    with pytest.raises(LaunchFailed, match=r"accepted no connection within 0\.5 s; it was ended"):
        await runtime.launch(ground.order())
    assert not alive(int((tmp_path / "pid").read_text()))
    assert runtime.placements() == []


async def test_an_address_in_use_is_replaced(
    ground: Ground, runtime: ProcessRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a stranger takes the address between our look and the server's start, another one is tried."""
    with socket.socket() as stranger:
        hasty = HastyStranger(stranger)
        monkeypatch.setattr(addresses, "bind_trouble", hasty.take)
        placement = await runtime.launch(ground.order())

    await runtime.close()
    assert hasty.address is not None
    assert placement.address != hasty.address
    assert [node async for node in runtime.exits()] == []
    assert runtime.addresses.held(f"node/{placement.node}") == placement.address
    with ground.client(placement) as client:
        assert client.info("server")["process_id"] == placement.process_id


async def test_a_cancelled_launch_is_taken_up(ground: Ground, begin: Begin, tmp_path: Path) -> None:
    """A server on its way when the launch was cancelled is the one that the next launch returns."""
    program = a_program(tmp_path / "slow", f'sleep 0.3\nexec {ground.engine.program} "$@"')
    engine = Engine(version=ground.engine.version, program=program, tls=False, license="")
    runtime = await begin(engines=(engine,))
    order = ground.order()
    launch = asyncio.create_task(runtime.launch(order))
    await until(lambda: runtime.placement(order.node))
    begun = runtime.placement(order.node)
    launch.cancel()
    await asyncio.wait([launch])

    placement = await runtime.launch(order)

    assert begun == replace(placement, address=None)
    assert placement.address is not None


async def test_a_node_fenced_on_its_way_does_not_come_up(
    ground: Ground, begin: Begin, tmp_path: Path
) -> None:
    """A fence ends a launch under way, and the launch says that it failed."""
    program = a_program(tmp_path / "slow", f'sleep 2\nexec {ground.engine.program} "$@"')
    engine = Engine(version=ground.engine.version, program=program, tls=False, license="")
    runtime = await begin(engines=(engine,))
    order = ground.order()
    launch = asyncio.create_task(runtime.launch(order))
    await until(lambda: runtime.placement(order.node))
    begun = pid_of(runtime.placement(order.node))

    assert await runtime.fence(order.node)
    with pytest.raises(LaunchFailed):
        await launch
    assert group_of(begun) == []
    assert runtime.placements() == []


async def test_a_node_fenced_before_its_start_is_not_started(
    ground: Ground, runtime: ProcessRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fence that finds no process yet is a proof all the same: none is started after it (S3)."""
    order = ground.order()
    preparing, fenced = threading.Event(), threading.Event()
    prepare = NodeFolder.prepare

    def slow(folder: NodeFolder, *given: Any, **named: Any) -> None:  # noqa: ANN401 - whatever it takes
        preparing.set()
        fenced.wait(5)
        prepare(folder, *given, **named)

    monkeypatch.setattr(NodeFolder, "prepare", slow)
    launch = asyncio.create_task(runtime.launch(order))
    await until(preparing.is_set)
    proven = await runtime.fence(order.node)
    fenced.set()

    assert proven
    with pytest.raises(LaunchFailed, match="was fenced before it was started"):
        await launch
    assert runtime.placements() == []


async def test_an_exit_is_told(ground: Ground, runtime: ProcessRuntime) -> None:
    """A killed server is proven gone, and nobody answers for it."""
    placement = await runtime.launch(ground.order())

    os.kill(pid_of(placement), signal.SIGKILL)
    node = await next_exit(runtime)

    assert node == placement.node
    gone = runtime.placement(node)
    assert gone is not None
    assert gone.gone
    with pytest.raises(redis.exceptions.ConnectionError), ground.client(placement) as client:
        client.ping()


async def test_h07_a_node_is_gone_only_with_its_fork_child(ground: Ground, runtime: ProcessRuntime) -> None:
    """A fork child keeps the dead server's sockets open, so it is ended before anyone is told (H7)."""
    placement = await runtime.launch(ground.order(None, ("rdb-key-save-delay", "1000000")))
    with ground.client(placement) as client:
        client.mset({f"k{i}": "v" for i in range(1000)})
        client.bgsave()
    await until(lambda: len(group_of(pid_of(placement))) == 2)

    os.kill(pid_of(placement), signal.SIGKILL)
    node = await next_exit(runtime)
    left = group_of(pid_of(placement))

    assert node == placement.node
    assert left == []


async def test_the_child_that_copies_goes_after_those_who_serve(
    ground: Ground, runtime: ProcessRuntime
) -> None:
    """A backup is made beside tenants of the same machine; only the child of that node is held back."""
    placement = await runtime.launch(ground.order(None, ("rdb-key-save-delay", "1000000")))
    with ground.client(placement) as client:
        client.mset({f"k{i}": "v" for i in range(1000)})
        client.bgsave()
    server = pid_of(placement)
    await until(lambda: len(group_of(server)) == 2)

    runtime.hold_back(placement.node)
    runtime.hold_back(NodeId("unknown"))

    ranks = {p.number: os.getpriority(os.PRIO_PROCESS, p.number) for p in group_of(server)}
    usual = ranks.pop(server)
    assert all(rank > usual for rank in ranks.values())


async def test_nobody_is_told_before_it_is_proven(
    ground: Ground, runtime: ProcessRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as a member of the group may live, the node is not gone and a fence is not proven (S3)."""
    placement = await runtime.launch(ground.order())
    looks: list[ProcessGroup] = []
    monkeypatch.setattr(ProcessGroup, "vanished", lambda _group: False)
    monkeypatch.setattr(ProcessGroup, "sweep", lambda group: len(looks) > 3 or looks.append(group))
    fence = asyncio.create_task(runtime.fence(placement.node))
    await until(lambda: len(looks) == 3)
    early = runtime.placement(placement.node)
    proven = await fence

    assert early == placement
    assert proven
    assert len(looks) == 4


async def test_a_fence_that_can_not_be_proven_says_so(
    ground: Ground, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node whose end can not be proven in time stays listed, and nothing of it is removed (S3)."""
    first = await begin()
    placement = await first.launch(ground.order())
    await first.close()
    runtime = await begin(patience=0.3)
    with monkeypatch.context() as patched:
        patched.setattr(ProcessGroup, "vanished", lambda _group: False)
        patched.setattr(ProcessGroup, "sweep", lambda _group: False)
        proven = await runtime.fence(placement.node)
        await runtime.destroy(placement.node)
        listed = runtime.placements()

    assert not proven
    assert listed == [placement]
    assert await next_exit(runtime) == placement.node


async def test_a_dead_node_is_never_started_again(ground: Ground, runtime: ProcessRuntime) -> None:
    """An id is used once: neither what is gone nor what was destroyed comes back (S2)."""
    order = ground.order()
    placement = await runtime.launch(order)
    os.kill(pid_of(placement), signal.SIGKILL)
    await next_exit(runtime)

    with pytest.raises(LaunchFailed, match="was started before and is gone"):
        await runtime.launch(order)
    await runtime.destroy(order.node)
    with pytest.raises(LaunchFailed, match="was started before and is gone"):
        await runtime.launch(order)


async def test_a_stopped_node_is_fenced(ground: Ground, runtime: ProcessRuntime) -> None:
    """A server that answers nothing because it is stopped is ended all the same (S3)."""
    placement = await runtime.launch(ground.order())
    os.kill(pid_of(placement), signal.SIGSTOP)

    proven = await runtime.fence(placement.node)

    assert proven
    assert group_of(pid_of(placement)) == []
    assert await next_exit(runtime) == placement.node


async def test_a_node_never_launched_is_gone(runtime: ProcessRuntime) -> None:
    """There is nothing to fence or to destroy."""
    node = NodeId("never-launched")

    assert await runtime.fence(node)
    await runtime.destroy(node)
    assert runtime.placement(node) is None


async def test_a_destroyed_node_leaves_nothing(ground: Ground, runtime: ProcessRuntime) -> None:
    """Process, folder and placement are gone, and the address rests (H22); again is harmless."""
    placement = await runtime.launch(ground.order())

    await asyncio.gather(runtime.destroy(placement.node), runtime.destroy(placement.node))
    await runtime.destroy(placement.node)

    assert group_of(pid_of(placement)) == []
    assert not ground.folder(placement.node).exists()
    assert runtime.placement(placement.node) is None
    assert runtime.addresses.owners() == ()
    assert runtime.addresses.rested(f"node/{placement.node}")


async def test_two_services_share_a_range(ground: Ground, begin: Begin, tmp_path: Path) -> None:
    """Two data folders on one machine use the same subnets side by side and leave each other alone."""
    other = Ground(tmp_path / "other", ground.engine, ground.cidr, ground.port)
    mine, theirs = await begin(), await begin(other)
    ours = await asyncio.gather(*(r.launch(ground.order()) for r in (mine, theirs) for _ in range(4)))

    assert len({p.address for p in ours}) == 8
    for placement in theirs.placements():
        await theirs.destroy(placement.node)
    assert [alive(pid_of(p)) for p in mine.placements()] == [True] * 4


async def test_a_server_in_a_loop_burns(ground: Ground, runtime: ProcessRuntime) -> None:
    """A silent server that uses CPU time is busy; one that does not is hung (H16)."""
    placement = await runtime.launch(ground.order())
    loop = asyncio.to_thread(endless_script, ground, placement)
    caller = asyncio.create_task(loop)
    runtime.burning(placement.node)
    await until(lambda: runtime.burning(placement.node))
    os.kill(pid_of(placement), signal.SIGSTOP)
    await until(lambda: state_of(pid_of(placement)) == "T")
    runtime.burning(placement.node)

    assert not runtime.burning(placement.node)
    await runtime.fence(placement.node)
    await caller


def endless_script(ground: Ground, placement: Placement) -> None:
    """Keep the server busy until it is killed."""
    with pytest.raises(redis.exceptions.ConnectionError), ground.client(placement) as client:
        client.execute_command("EVAL", "while true do end", 0)


async def test_closing_ends_the_stream_of_exits(ground: Ground, runtime: ProcessRuntime) -> None:
    """Whoever waits for exits is let go, and the nodes go on serving."""
    placement = await runtime.launch(ground.order())

    await runtime.close()

    assert [node async for node in runtime.exits()] == []
    assert alive(pid_of(placement))


async def test_files_come_with_a_node_for_the_address_it_got(ground: Ground, runtime: ProcessRuntime) -> None:
    """They are made once the address is known, and are there when the server starts."""
    order = replace(ground.order(), files=lambda address: {"name": address.encode()})

    placement = await runtime.launch(order)

    assert placement.address is not None
    assert (ground.folder(order.node) / "files" / "name").read_text() == placement.address


async def test_files_that_are_not_wanted_in_the_end_are_as_they_were(
    ground: Ground, runtime: ProcessRuntime
) -> None:
    """A block that ends by an exception puts the former ones back; one that does not leaves the new ones."""
    order = replace(ground.order(), files=lambda _: {"name": b"old"})
    await runtime.launch(order)
    file = ground.folder(order.node) / "files" / "name"

    async def refuse() -> None:
        async with runtime.replaced_files(order.node, {"name": b"bad"}):
            assert file.read_bytes() == b"bad"
            raise LaunchFailed("no")

    with pytest.raises(LaunchFailed, match="no"):
        await refuse()
    refused = file.read_bytes()
    async with runtime.replaced_files(order.node, {"name": b"new"}):
        pass

    assert (refused, file.read_bytes()) == (b"old", b"new")
    assert len(list(ground.folder(order.node).glob("files-*"))) == 1


async def test_a_replacement_cut_off_while_it_writes_leaves_nothing(
    ground: Ground, runtime: ProcessRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a thread has begun it ends; only then the former files are put back and the others removed."""
    order = replace(ground.order(), files=lambda _: {"name": b"old"})
    await runtime.launch(order)
    begun, go_on, lay = threading.Event(), threading.Event(), NodeFolder.lay

    def slowly(folder: NodeFolder, files: Files) -> str:
        begun.set()
        assert go_on.wait(5)
        return lay(folder, files)

    async def replace_them() -> None:
        async with runtime.replaced_files(order.node, {"name": b"new"}):
            raise AssertionError("it was cut off before")

    monkeypatch.setattr(NodeFolder, "lay", slowly)
    replacing = asyncio.create_task(replace_them())
    assert await asyncio.to_thread(begun.wait, 5)
    replacing.cancel()
    await asyncio.sleep(0.01)
    replacing.cancel()
    go_on.set()

    with pytest.raises(asyncio.CancelledError):
        await replacing
    assert (ground.folder(order.node) / "files" / "name").read_bytes() == b"old"
    assert len(list(ground.folder(order.node).glob("files-*"))) == 1


async def test_files_of_nobody_are_not_replaced(runtime: ProcessRuntime) -> None:
    """There is no such node."""
    with pytest.raises(LaunchFailed, match="not here"):
        async with runtime.replaced_files(NodeId("nobody"), {}):
            pass
