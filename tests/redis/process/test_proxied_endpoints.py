import asyncio
import errno
import os
import shutil
import signal
import socket
import stat
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis
from ground import SUBNET, Ground, alive, until
from servers import haproxy_is_here

from memstored.cli.folder import DataFolder
from memstored.cli.house import process_endpoints, process_runtime
from memstored.cli.purge import purge
from memstored.domain.catalogue import default_catalogue
from memstored.domain.model import Vips
from memstored.domain.ports import LinkTrouble
from memstored.domain.words import NodeId, SetId
from memstored.runtime import processes as processes_module
from memstored.runtime.haproxy import running_in
from memstored.runtime.haproxy_socket import Pulse
from memstored.runtime.process import ProcessRuntime
from memstored.runtime.processes import ProcessGroup, current_path, processes
from memstored.runtime.protocol import Carrier, Engine, Placement
from memstored.runtime.proxied import ProxiedEndpoints

SET = SetId("set-1")
OLD = "5.0.6"
PATIENCE = 2.0
"""Seconds that a move waits for a proxy."""


pytestmark = pytest.mark.skipif(not haproxy_is_here(), reason="no haproxy here")


class Scene:
    """Two launched nodes and a set's addresses behind a proxy, not pointed yet."""

    def __init__(self, ground: Ground, runtime: ProcessRuntime) -> None:
        self.ground = ground
        self.runtime = runtime
        self.begun: list[ProxiedEndpoints] = []
        self.endpoints = self._anew()

    def _anew(self) -> ProxiedEndpoints:
        self.endpoints = ProxiedEndpoints(
            root=self.ground.root,
            addresses=self.runtime.addresses,
            address_of=self.runtime.address,
            patience=PATIENCE,
        )
        self.begun.append(self.endpoints)
        return self.endpoints

    async def furnish(self) -> None:
        """Reserve addresses and launch nodes."""
        await self.endpoints.start()
        vips = await self.endpoints.reserve(SET, SUBNET, self.ground.port, version=OLD, with_reader=True)
        self.primary, self.reader = vips.primary, str(vips.reader)
        launches = [self.runtime.launch(self.ground.order()) for _ in range(2)]
        self.first, self.second = await asyncio.gather(*launches)

    async def restarted(self) -> None:
        """The service goes and comes again."""
        await self.endpoints.close()
        await self._anew().start()

    async def point(self, primary: Placement | None, reader: Placement | None) -> None:
        """Make the addresses lead to these."""
        ends = {"primary": primary.node if primary else None, "reader": reader.node if reader else None}
        await self.endpoints.point(SET, self.ground.port, {}, **ends)

    def seen(self) -> tuple[NodeId | None, NodeId | None]:
        """The nodes that the addresses lead to."""
        facts = self.endpoints.seen(SET, {})
        return facts.primary_at, facts.reader_at

    def carrier(self) -> Carrier:
        """Who carries the addresses."""
        carrier = self.endpoints.carrier(SET)
        assert carrier is not None
        return carrier

    def connect(self, address: str) -> socket.socket:
        """A connection to the address."""
        return socket.create_connection((address, self.ground.port), timeout=5)

    def number_at(self, address: str) -> int:
        """The process that answers at the address."""
        with self.ground.client_at(address) as client:
            return int(client.info("server")["process_id"])

    def folder(self) -> Path:
        """Where the proxy lives."""
        return self.ground.root / "proxies" / SET

    def proxies(self) -> list[int]:
        """The processes that run in the proxy's folder."""
        here = self.folder()
        return [p.number for p in processes() if p.living and current_path(p.number) == here]

    def proxy(self) -> int:
        """The proxy's process."""
        (number,) = self.proxies()
        return number

    def say(self, command: str) -> str:
        """Say something to the proxy, as a service would."""
        folder = os.open(self.folder(), os.O_PATH)
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(f"/proc/self/fd/{folder}/control")
            os.close(folder)
            control.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: control.recv(65536), b"")).decode()


@pytest.fixture
async def scene(ground: Ground, runtime: ProcessRuntime) -> AsyncIterator[Scene]:
    """Two nodes and two addresses."""
    scene = Scene(ground, runtime)
    await scene.furnish()
    yield scene
    await scene.restarted()
    await scene.endpoints.release(SET)
    assert scene.proxies() == []
    for endpoints in scene.begun:
        await endpoints.close()


def ended(connection: socket.socket) -> bool:
    """Whether the other side ends the connection, after whatever it still had to say."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    except TimeoutError:
        return False
    return True


def subscribed(connection: socket.socket) -> socket.socket:
    """The connection, once it is a subscriber."""
    connection.sendall(b"SUBSCRIBE news\r\n")
    assert b"subscribe" in connection.recv(100)
    return connection


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> bytearray:
    """What proxies have answered to who asks whether they serve."""
    heard = bytearray()
    receive = Pulse.data_received

    def data_received(pulse: Pulse, data: bytes) -> None:
        receive(pulse, data)
        heard.extend(data)

    monkeypatch.setattr(Pulse, "data_received", data_received)
    return heard


async def test_each_address_leads_to_its_node(scene: Scene) -> None:
    """Who comes through the primary's address reaches the primary, and so for the reader's."""
    await scene.point(scene.first, scene.second)

    assert scene.number_at(scene.primary) == scene.first.process_id
    assert scene.number_at(scene.reader) == scene.second.process_id
    assert scene.seen() == (scene.first.node, scene.second.node)


async def test_an_address_that_leads_nowhere_answers_at_once(scene: Scene) -> None:
    """Nobody hangs: not before anything was pointed, nor where an address leads to nobody."""
    with pytest.raises(ConnectionRefusedError):
        scene.connect(scene.primary)

    await scene.point(None, scene.second)
    began = time.monotonic()

    with scene.connect(scene.primary) as connection:
        assert ended(connection)
    assert time.monotonic() - began < 1
    assert scene.seen() == (None, scene.second.node)


async def test_a_move_ends_everyone_who_came_through(scene: Scene) -> None:
    """An idle one, a subscriber and one that waits, before the address leads elsewhere (H13)."""
    await scene.point(scene.first, scene.second)
    idle, waiting = scene.connect(scene.primary), scene.connect(scene.primary)
    waiting.sendall(b"BLPOP nothing 0\r\n")
    subscriber, proxy = subscribed(scene.connect(scene.primary)), scene.proxy()

    await scene.point(scene.second, scene.first)

    with idle, waiting, subscriber:
        assert [ended(idle), ended(waiting), ended(subscriber)] == [True] * 3
    assert scene.number_at(scene.primary) == scene.second.process_id
    assert scene.proxy() == proxy
    with scene.ground.client(scene.first) as client:
        assert len(client.client_list()) == 1


async def test_a_move_leaves_the_other_address_alone(scene: Scene) -> None:
    """Readers are none the worse for a new primary."""
    await scene.point(scene.first, scene.second)
    subscriber = subscribed(scene.connect(scene.reader))

    await scene.point(scene.second, scene.second)

    with subscriber, scene.ground.client(scene.second) as client:
        assert client.publish("news", "x") == 1


async def test_pointing_where_it_leads_already_disturbs_nobody(scene: Scene) -> None:
    """A repeated move is nothing."""
    await scene.point(scene.first, scene.second)
    subscriber = subscribed(scene.connect(scene.primary))

    await scene.point(scene.first, scene.second)

    with subscriber, scene.ground.client(scene.first) as client:
        assert client.publish("news", "x") == 1


async def test_a_move_does_not_wait_for_a_node_that_stands_still(scene: Scene) -> None:
    """Neither a stopped node nor a client that takes no answer holds an address up."""
    await scene.point(scene.first, scene.second)
    with scene.ground.client(scene.first) as client:
        client.set("big", "x" * 20_000_000)
    greedy, stuffed = scene.connect(scene.primary), scene.connect(scene.primary)
    greedy.sendall(b"GET big\r\nGET big\r\n")
    assert scene.first.process_id is not None
    os.kill(scene.first.process_id, signal.SIGSTOP)
    stuffed.settimeout(0.2)
    with pytest.raises(TimeoutError):
        stuffed.sendall(b"x" * 50_000_000)

    await scene.point(scene.second, scene.second)

    os.kill(scene.first.process_id, signal.SIGCONT)
    with greedy, stuffed:
        assert scene.number_at(scene.primary) == scene.second.process_id


async def test_the_death_of_the_proxy_is_seen_at_once_and_mended_by_the_next_move(scene: Scene) -> None:
    """Whoever decides is told, sees that the addresses lead nowhere, and points them again."""
    await scene.point(scene.first, scene.second)
    os.kill(scene.proxy(), signal.SIGKILL)

    async with asyncio.timeout(10):
        told = await anext(aiter(scene.endpoints.changes()))

    assert (told, scene.seen()) == (SET, (None, None))
    await scene.point(scene.first, scene.second)
    assert scene.number_at(scene.primary) == scene.first.process_id
    assert scene.seen() == (scene.first.node, scene.second.node)


async def test_the_death_of_a_proxy_is_told_with_no_descriptor_to_spare(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end is known by what is open already: nothing more is looked at, whoever buries it."""

    def no_descriptor(_number: int) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    await scene.point(scene.first, scene.second)
    proxy = scene.proxy()
    with monkeypatch.context() as blind:
        blind.setattr(processes_module, "read_process", no_descriptor)
        blind.setattr(ProcessGroup, "bury", lambda _group: None)
        os.kill(proxy, signal.SIGKILL)
        async with asyncio.timeout(10):
            told = await anext(aiter(scene.endpoints.changes()))

    assert (told, scene.seen()) == (SET, (None, None))


async def test_a_proxy_that_lives_answers_each_probe(scene: Scene) -> None:
    """Whether anything is connected through it or not."""
    await scene.point(scene.first, scene.second)
    carrier = scene.carrier()

    for _ in range(3):
        carrier.probe()
        assert carrier.unanswered
        await until(lambda: not carrier.unanswered)

    assert (carrier.running, carrier.name) == (True, "HAProxy")


async def test_a_hung_proxy_owes_an_answer_until_it_is_fenced(scene: Scene) -> None:
    """Then it is gone, with everyone who came through it, and the next move starts another."""
    await scene.point(scene.first, scene.second)
    carrier, hung = scene.carrier(), scene.proxy()
    subscriber = subscribed(scene.connect(scene.primary))
    carrier.probe()
    await until(lambda: not carrier.unanswered)
    os.kill(hung, signal.SIGSTOP)
    carrier.probe()
    await asyncio.sleep(0.2)
    assert (carrier.running, carrier.unanswered) == (True, True)

    seen: set[tuple[bool, bool]] = set()
    fencing = asyncio.create_task(scene.endpoints.fence(SET))
    while not fencing.done():
        seen.add((carrier.running, carrier.unanswered))
        await asyncio.sleep(0)

    # At no moment as one that runs and answers: that would be told as its recovery.
    assert seen <= {(True, True), (False, False)}
    assert (carrier.running, carrier.unanswered, alive(hung)) == (False, False, False)
    assert scene.seen() == (None, None)
    with subscriber:
        assert ended(subscriber)
    await scene.point(scene.first, scene.second)
    assert scene.number_at(scene.primary) == scene.first.process_id
    carrier.probe()
    await until(lambda: carrier.running and not carrier.unanswered)


@pytest.mark.parametrize("command", ["disable", "shutdown"])
async def test_a_proxy_that_answers_but_takes_nobody_owes_an_answer(
    scene: Scene, said: bytearray, command: str
) -> None:
    """Its socket says that it lives, clients are refused: it is replaced as one that hangs is."""
    await scene.point(scene.first, scene.second)
    carrier = scene.carrier()
    await _asked(carrier, said)
    assert not carrier.unanswered

    scene.say(f"{command} frontend reader")
    await _asked(carrier, said)
    with pytest.raises(ConnectionRefusedError):
        scene.connect(scene.reader)
    assert carrier.unanswered
    await _asked(carrier, said)
    assert carrier.unanswered

    await scene.endpoints.fence(SET)
    await scene.point(scene.first, scene.second)
    await _asked(scene.carrier(), said)
    assert not scene.carrier().unanswered
    assert scene.number_at(scene.reader) == scene.second.process_id


async def test_a_proxy_that_takes_clients_again_owes_nothing(scene: Scene, said: bytearray) -> None:
    """Whoever stopped the listener may have had a reason, and be done."""
    await scene.point(scene.first, scene.second)
    carrier = scene.carrier()
    await _asked(carrier, said)
    scene.say("disable frontend primary")
    await _asked(carrier, said)
    scene.say("enable frontend primary")

    await _asked(carrier, said)

    assert not carrier.unanswered


async def _asked(carrier: Carrier, said: bytearray) -> None:
    """Ask until it has told how its listeners are: a connection that was just made tells nothing yet."""
    said.clear()

    def told() -> bool:
        if b",FRONTEND," in said and said.endswith(b"\n> "):
            return True
        carrier.probe()
        return False

    await until(told)


async def test_a_move_that_waits_for_a_hung_proxy_goes_on_when_that_is_fenced(scene: Scene) -> None:
    """What is known to be dead is not waited for."""
    await scene.point(scene.first, scene.second)
    os.kill(scene.proxy(), signal.SIGSTOP)
    move = asyncio.create_task(scene.point(scene.second, scene.second))
    await asyncio.sleep(0.1)
    began = time.monotonic()

    await scene.endpoints.fence(SET)
    await move

    assert time.monotonic() - began < PATIENCE - 0.2
    assert scene.number_at(scene.primary) == scene.second.process_id


async def test_a_restarted_service_finds_its_proxy_again(scene: Scene) -> None:
    """It goes on serving all the while, and where it leads is read, not remembered."""
    await scene.point(scene.first, scene.second)
    subscriber, proxy = subscribed(scene.connect(scene.primary)), scene.proxy()

    await scene.restarted()

    assert scene.seen() == (scene.first.node, scene.second.node)
    await scene.point(scene.first, scene.second)
    with subscriber, scene.ground.client(scene.first) as client:
        assert client.publish("news", "x") == 1
    assert scene.proxy() == proxy
    os.kill(proxy, signal.SIGKILL)
    await until(lambda: scene.seen() == (None, None))


async def test_a_proxy_that_died_meanwhile_leads_nowhere(scene: Scene) -> None:
    """A service that comes again believes no record of what was."""
    await scene.point(scene.first, scene.second)
    await scene.endpoints.close()
    os.kill(scene.proxy(), signal.SIGKILL)
    await until(lambda: not scene.proxies())

    await scene.restarted()

    assert scene.seen() == (None, None)
    await scene.point(scene.second, scene.first)
    assert scene.number_at(scene.primary) == scene.second.process_id


async def test_a_proxy_whose_folder_was_removed_is_replaced(scene: Scene) -> None:
    """It can not be asked any more, and would keep the addresses from any other."""
    await scene.point(scene.first, scene.second)
    proxy = scene.proxy()
    shutil.rmtree(scene.folder())

    await scene.restarted()

    assert (alive(proxy), scene.seen()) == (False, (None, None))
    await scene.point(scene.first, scene.second)
    assert scene.number_at(scene.primary) == scene.first.process_id


async def test_a_move_cut_short_is_seen_for_what_it_is(scene: Scene) -> None:
    """While somebody is still connected through it, an address leads to his node, though it is shut."""
    await scene.point(scene.first, scene.second)
    subscriber = subscribed(scene.connect(scene.primary))
    scene.say("set server primary/node state maint")

    await scene.restarted()

    assert scene.seen() == (scene.first.node, scene.second.node)
    await scene.point(scene.second, scene.second)
    with subscriber:
        assert ended(subscriber)
    assert scene.number_at(scene.primary) == scene.second.process_id


async def test_an_address_leads_to_a_dead_node_until_it_is_moved(scene: Scene) -> None:
    """Its address may be another's one day (H22), so whoever decides must see that it still leads there."""
    await scene.point(scene.first, scene.second)
    assert await scene.runtime.destroy(scene.first.node)

    assert scene.seen() == (scene.first.node, scene.second.node)
    with scene.connect(scene.primary) as connection:
        assert ended(connection)
    await scene.point(None, scene.second)
    assert scene.seen() == (None, scene.second.node)


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_proxy_that_does_not_answer_is_replaced(scene: Scene, *, restarted: bool) -> None:
    """What can not be asked could lead anywhere, so it is ended, and another leads where it should."""
    await scene.point(scene.first, scene.second)
    hung = scene.proxy()
    os.kill(hung, signal.SIGSTOP)
    if restarted:
        await scene.restarted()
        assert (alive(hung), scene.seen()) == (False, (None, None))

    await scene.point(scene.second, scene.second)

    assert not alive(hung)
    assert scene.number_at(scene.primary) == scene.second.process_id
    assert scene.seen() == (scene.second.node, scene.second.node)


async def test_an_address_that_another_has_is_a_reason_shown(scene: Scene) -> None:
    """It is not shared with whoever listens there, as the system would allow (S8)."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind((scene.primary, scene.ground.port))
        other.listen()

        with pytest.raises(LinkTrouble, match=r"[Aa]ddress already in use"):
            await scene.point(scene.first, scene.second)

        assert scene.primary in str(scene.endpoints.seen(SET, {}).error)
    await scene.point(scene.first, scene.second)
    assert scene.seen() == (scene.first.node, scene.second.node)


async def test_a_caller_that_goes_away_leaves_no_half_move(scene: Scene) -> None:
    """The move comes to its end, and what is seen is what was done."""
    await scene.point(scene.first, scene.second)
    caller = asyncio.create_task(scene.point(scene.second, scene.second))
    await asyncio.sleep(0)
    caller.cancel()

    await until(lambda: scene.seen() == (scene.second.node, scene.second.node))

    assert scene.number_at(scene.primary) == scene.second.process_id


async def test_s7_a_move_under_way_is_broken_off_with_the_right_to_it(scene: Scene) -> None:
    """It neither ends the proxy that it waits for nor starts another: that is the later controller's (S7)."""
    await scene.point(scene.first, scene.second)
    proxy = scene.proxy()
    os.kill(proxy, signal.SIGSTOP)
    move = asyncio.create_task(scene.point(scene.second, scene.second))
    await asyncio.sleep(0.1)

    scene.endpoints.break_off()
    await asyncio.gather(move, return_exceptions=True)
    await scene.endpoints.close()

    assert scene.proxies() == [proxy]
    os.kill(proxy, signal.SIGCONT)
    with pytest.raises(LinkTrouble, match="another controller's"):
        await scene.point(scene.second, scene.second)
    assert scene.proxies() == [proxy]


async def test_an_address_is_taken_though_another_can_not_be_given(scene: Scene) -> None:
    """What can be done is done: a reader that is gone does not keep the primary's address where it is."""
    await scene.point(scene.first, scene.second)
    assert await scene.runtime.destroy(scene.second.node)

    with pytest.raises(LinkTrouble, match=scene.second.node):
        await scene.point(None, scene.second)

    assert scene.seen() == (None, None)
    assert scene.second.node in str(scene.endpoints.seen(SET, {}).error)


async def test_a_proxy_that_can_not_be_ended_leads_to_somebody(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody must believe that an address was taken from a node, only because that can not be told."""
    await scene.point(None, scene.second)
    hung = scene.proxy()
    with monkeypatch.context() as powerless:
        powerless.setattr(ProcessGroup, "strike", lambda _: False)
        os.kill(hung, signal.SIGSTOP)

        with pytest.raises(LinkTrouble, match="could not be ended"):
            await scene.point(scene.first, scene.second)
        assert None not in scene.seen()
        with pytest.raises(LinkTrouble, match="could not be ended"):
            await scene.endpoints.fence(SET)
        with pytest.raises(OSError, match="lives on"):
            await scene.endpoints.release(SET)

    await scene.point(None, None)
    assert (alive(hung), scene.seen()) == (False, (None, None))


async def test_purge_ends_the_proxies(tmp_path: Path, program: Engine) -> None:
    """Nothing of a data folder is left, its proxies neither."""
    folder = DataFolder(tmp_path / "data").claim()
    runtime = process_runtime(folder, default_catalogue(), (program,))
    endpoints = process_endpoints(folder, runtime)
    await runtime.start()
    await endpoints.start()
    subnet, port = default_catalogue().subnets[0].id, 7421
    await endpoints.reserve(SET, subnet, port, version=OLD, with_reader=False)
    node = await runtime.launch(replace(Ground(tmp_path, program, "", port).order(), subnet_id=subnet))
    await endpoints.point(SET, port, {}, primary=node.node, reader=None)
    (group,) = running_in([folder.runtime / "proxies" / SET]).values()
    group.close()
    await endpoints.close()
    await runtime.close()
    folder.release()

    done = await asyncio.to_thread(purge, folder.path, None)

    assert (done.nodes, done.left, folder.path.exists()) == (1, [], False)
    assert not alive(group.number)


async def test_release_ends_the_proxy_and_lets_the_addresses_rest(scene: Scene) -> None:
    """Nothing of it is left, and no other set gets what its clients still know (H22)."""
    await scene.point(scene.first, scene.second)
    proxy = scene.proxy()

    await scene.endpoints.release(SET)

    assert not alive(proxy)
    assert not scene.folder().exists()
    assert (scene.endpoints.owners(), scene.endpoints.carries(SET)) == ((), False)
    other = await scene.endpoints.reserve(
        SetId("other"), SUBNET, scene.ground.port, version=OLD, with_reader=True
    )
    assert not {other.primary, other.reader} & {scene.primary, scene.reader}
    await scene.endpoints.release(SetId("other"))


async def test_a_proxy_without_addresses_is_found_and_can_be_released(scene: Scene) -> None:
    """A service that ended in the middle of a release leaves something that the next one tidies up."""
    await scene.point(scene.first, scene.second)
    for purpose in ("primary", "reader"):
        scene.runtime.addresses.release(f"proxied/{SET}/{purpose}")

    await scene.restarted()

    assert scene.endpoints.owners() == (SET,)
    assert scene.endpoints.reserved(SET) is None
    await scene.endpoints.release(SET)
    assert scene.proxies() == []


async def test_nobody_else_can_read_or_command_it(scene: Scene) -> None:
    """Its folder, file and socket are its owner's, and it is told of no node but over the socket."""
    await scene.point(scene.first, scene.second)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in scene.folder().iterdir()}

    assert stat.S_IMODE(scene.folder().stat().st_mode) == 0o700
    assert modes == {"haproxy.cfg": 0o600, "haproxy.log": 0o600, "control": 0o600}
    assert str(scene.first.address) not in (scene.folder() / "haproxy.cfg").read_text()


async def test_large_answers_and_pipelines_pass_whole(scene: Scene) -> None:
    """What goes through is what Redis said."""
    await scene.point(scene.first, scene.second)

    with scene.ground.client_at(scene.primary) as client:
        client.set("big", "x" * 5_000_000)
        with client.pipeline(transaction=False) as pipe:
            for number in range(5_000):
                pipe.set(f"k{number}", number)
            assert pipe.execute() == [True] * 5_000
        assert client.get("big") == "x" * 5_000_000


async def test_addresses_are_kept_apart_by_who_carries_them(scene: Scene) -> None:
    """A set whose nodes have its addresses is none of the proxies'."""
    scene.runtime.addresses.take("set/other/primary", SUBNET, scene.ground.port)

    assert scene.endpoints.owners() == (SET,)
    assert scene.endpoints.reserved(SET) == Vips(primary=scene.primary, reader=scene.reader)


async def test_a_node_is_not_reached_by_its_former_clients(scene: Scene) -> None:
    """What a client sends after the address was taken is not carried out."""
    await scene.point(scene.first, scene.second)
    with scene.ground.client_at(scene.primary) as client:
        client.set("key", "before")
        await scene.point(None, scene.second)
        with pytest.raises(redis.ConnectionError):
            client.set("key", "after")
    with scene.ground.client(scene.first) as client:
        assert client.get("key") == "before"
