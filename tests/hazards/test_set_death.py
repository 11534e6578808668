"""Seeing a death, and what is left of it: a whole set walks through traps H15 to H17 and H20 to H22."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import redis
from bare import heard, raw
from control import controlled
from explained import explained
from live_set import LiveSet
from servers import free_address
from service_process import ServiceProcess, kill, wait_for
from traffic import fill, missing

from writers import Writers

CONTROLLER = "memstored-control-"
"""How the users of all controllers begin; the user with this name alone is only the way in."""


@contextmanager
def knocking(host: str) -> Iterator[list[str]]:
    """Somebody who connects there again and again; what is gathered is how often in vain."""
    over, in_vain = threading.Event(), []

    def knock() -> None:
        while not over.is_set():
            try:
                with closing(raw(host, 6379)) as sock:
                    in_vain.extend([] if heard(sock) else ["reset"])
            except OSError as error:
                in_vain.append(str(error))

    knockers = [threading.Thread(target=knock) for _ in range(2)]
    for knocker in knockers:
        knocker.start()
    try:
        yield in_vain
    finally:
        over.set()
        for knocker in knockers:
            knocker.join()


def cut_controller_off(control: redis.Redis) -> None:
    """End the connections of whichever controller there is; it comes back by itself."""
    for name in control.acl_users():
        if name.startswith(CONTROLLER):
            control.execute_command("CLIENT", "KILL", "USER", name)


def test_h15_a_node_that_refuses_while_it_binds_is_not_dead(
    alert_service: ServiceProcess, version: str
) -> None:
    """While a primary refuses at its own address, again and again, the controller is cut off and comes back:
    nobody is declared dead.
    """
    made = LiveSet.running(alert_service, version, 2)
    servers, own = made.servers(), made.primary()["endpoint"]
    with controlled(made, made.primary()) as control, knocking(own) as in_vain, explained(made):
        bound = control.config_get("bind")["bind"]

        for _ in range(300):
            control.config_set("bind", f"{bound} {free_address()}")
            cut_controller_off(control)
            control.config_set("bind", bound)
            if len(in_vain) > 2:
                break
        made.await_whole(2)

    assert in_vain, "nobody was ever refused: the trap was not sprung"
    assert made.servers() == servers
    assert "Cluster Node Down" not in made.event_names()


def test_h15_a_full_node_that_turns_the_controller_away_is_not_dead(
    alert_service: ServiceProcess, version: str
) -> None:
    """The controller is cut off and finds no place for longer than `failure_detection`: the node lives."""
    made = LiveSet.running(alert_service, version, 2)
    servers = made.servers()
    with explained(made), controlled(made, made.primary()) as control, ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(closing(raw(made.address(), 6379)))
        control.config_set("maxclients", 10)

        cut_controller_off(control)
        wait_for(lambda: control.info("stats")["rejected_connections"] > 5, what="the controller's knocking")
        control.config_set("maxclients", 10_000)
        made.await_whole(2)

    assert made.servers() == servers
    assert "Cluster Node Down" not in made.event_names()


def test_h16_a_long_command_is_busy_and_nobody_dies(alert_service: ServiceProcess, version: str) -> None:
    """One command burns processor time for longer than `failure_detection`: the set waits, and is whole."""
    made = LiveSet.running(alert_service, version, 2)
    servers = made.servers()
    with explained(made), made.at(made.address(), patience=100.0) as client:
        client.eval("for n = 1, 20000 do redis.call('SADD', 'one', n .. 'x') end", 0)

        _unite_for(client, seconds=2.0)
        made.await_whole(2)

    assert made.servers() == servers
    assert "Cluster Node Down" not in made.event_names()


def _unite_for(client: redis.Redis, *, seconds: float) -> None:
    """Have the server unite a set with itself, in one command, until it took so long."""
    lasted, times = 0.0, 50
    while lasted < seconds:
        times *= 2
        began = time.monotonic()
        assert client.sunionstore("all", ["one"] * times) == 20_000
        lasted = time.monotonic() - began


def test_h16_big_commands_and_a_writing_script_are_busy_and_nobody_dies(
    alert_service: ServiceProcess, version: str
) -> None:
    """200,000 keys made by a script, united, listed, deleted and flushed: nobody dies of it."""
    made = LiveSet.running(alert_service, version, 2)
    servers = made.servers()
    with explained(made), made.at(made.address(), patience=100.0) as client:
        client.eval(_WRITES_AND_BURNS, 0)
        made.await_whole(2)

        client.sunionstore("all", "one", "other")
        listed = len(client.keys("*"))
        client.delete("all")
        client.flushall()
        copied = client.wait(1, 30_000)
        made.await_whole(2)

    assert (listed, copied) == (200_003, 1)
    assert made.servers() == servers
    assert "Cluster Node Down" not in made.event_names()


_WRITES_AND_BURNS = """
for n = 1, 200000 do
  redis.call('SET', 'key:' .. n, n)
  redis.call('SADD', n % 2 == 0 and 'one' or 'other', n)
end
local function now() return tonumber(redis.call('TIME')[1]) end
local over = now() + 3
while now() < over do end
"""


def test_h16_an_endless_script_is_ended_and_nobody_dies(alert_service: ServiceProcess, version: str) -> None:
    """A script that never ends and has written nothing is killed; the set says `primary_busy` meanwhile."""
    made = LiveSet.running(alert_service, version, 2)
    servers = made.servers()
    with (
        explained(made) as watched,
        closing(raw(made.address(), 6379, 'EVAL "while true do end" 0')) as script,
    ):
        answer = heard(script, patience=60.0)
        made.await_whole(2)

    assert b"killed" in answer.lower()
    assert watched.reasons() <= {"primary_busy"}
    assert made.servers() == servers


def test_h17_a_crash_is_answered_like_a_kill(service: ServiceProcess, version: str) -> None:
    """SIGSEGV: the next takes over at once, with every confirmed write."""
    made = LiveSet.running(service, version, 3)
    lost = made.primary()

    with Writers(made, copies=1) as writers:
        os.kill(made.server_of(lost), signal.SIGSEGV)
        made.await_replaced(lost)
        writers.await_more()

    assert writers.missing() == []
    assert writers.longest_gap() < 5, "a kill takes a tenth of a second"


def test_h20_a_set_takes_clients_from_any_address(service: ServiceProcess, version: str) -> None:
    """An open set is open to who does not come from 127.0.0.1 too."""
    made = LiveSet.running(service, version, 1)

    with closing(raw(made.address(), 6379, source="127.9.9.9")) as stranger:
        assert heard(stranger) == b"+PONG\r\n"


def test_h21_no_copy_leaves_a_file_of_the_data(service: ServiceProcess, version: str) -> None:
    """After copies of a filled set no folder holds a dump."""
    made = LiveSet.running(service, version, 2)
    keys = fill(made, "key", 100, copies=1)
    doomed = made.replicas()[0]

    kill(made.server_of(doomed))
    made.await_replaced(doomed)

    nodes = service.data_dir / "runtime" / "nodes"
    wait_for(lambda: not [*nodes.rglob("*.rdb")], what="no file of data")
    assert missing(made, keys) == 0


def test_h22_a_stale_client_does_not_reach_another_set(service: ServiceProcess, version: str) -> None:
    """The addresses of a deleted set are given to no other, and who goes on calling there finds nobody."""
    made = LiveSet.running(service, version, 2)
    former = {made.address(), made.reader_address(), *(row["endpoint"] for row in made.rows())}
    made.delete()
    made.await_gone()

    other = LiveSet.running(service, version, 2)
    present = {other.address(), other.reader_address(), *(row["endpoint"] for row in other.rows())}

    assert not former & present
    for host in former:
        with other.at(host) as stale:
            assert _nobody(stale)


def _nobody(client: redis.Redis) -> bool:
    try:
        return not client.ping()
    except redis.ConnectionError:
        return True
