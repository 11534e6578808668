"""The service stops, in order or frozen, and the nodes go on serving as if nothing were."""

import signal
import time

import httpx
from live_set import LiveSet
from service_process import NEWEST, START_DEADLINE, ServiceProcess, kill

from memstored.cli.serve import GOODBYE
from memstored.console.cookies import SESSION
from writers import Writers

FROZEN = 8.0
"""Seconds; more than `failure_detection`."""


def test_nodes_serve_while_the_service_is_stopped_and_are_found_again(
    service: ServiceProcess, version: str
) -> None:
    """SIGTERM ends the service alone: writes go on, and the next start finds the same servers, all well."""
    made = LiveSet.running(service, version, 3)
    servers, told = made.servers(), made.event_names()
    address, reader = made.address(), made.reader_address()

    with Writers(made) as writers:
        code = service.stop()
        announced = (service.data_dir / "server.json").exists()
        writers.await_more()
        service.start()
        made.await_whole(3)
        writers.await_more()

    assert (code, announced) == (0, False)
    assert writers.missing() == []
    assert (made.address(), made.reader_address(), made.servers()) == (address, reader, servers)
    assert made.event_names() == told
    assert writers.refused == 0


def test_a_page_that_is_open_does_not_hold_up_the_end(service: ServiceProcess) -> None:
    """Its stream ends at once, and the browser is not told to stay away from the next service."""
    assert service.process is not None
    place, session = f"{service.url}/console/sets-live", {SESSION: service.client.new_token().value}
    with (
        httpx.Client(cookies=session, timeout=START_DEADLINE) as http,
        http.stream("GET", place) as answer,
    ):
        lines = answer.iter_lines()
        first = next(lines)
        began = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        rest = list(lines)
        told = time.monotonic() - began
        code = service.process.wait(timeout=START_DEADLINE)
        took = time.monotonic() - began

    assert (first, code) == ("event: rows", 0)
    assert "event: end" not in rest
    assert told < took < GOODBYE


def test_a_frozen_service_blames_nobody_for_its_own_silence(service: ServiceProcess) -> None:
    """Time in which the service stood still itself is nobody's silence: nothing fails over, writes go on."""
    made = LiveSet.running(service, NEWEST, 3)
    servers, told = made.servers(), made.event_names()

    with Writers(made) as writers:
        service.freeze()
        writers.pause(FROZEN)
        service.thaw()
        writers.pause(1.0)
        states = _states_for(made, seconds=2.0)
        writers.await_more()

    assert states == {"Running"}
    assert writers.missing() == []
    assert made.servers() == servers
    assert made.event_names() == told


def _states_for(made: LiveSet, seconds: float) -> set[str]:
    end, seen = time.monotonic() + seconds, set()
    while time.monotonic() < end:
        seen.add(made.status)
        time.sleep(0.05)
    return seen


def test_a_primary_that_dies_while_the_service_is_frozen_is_replaced(
    service: ServiceProcess, version: str
) -> None:
    """What happened while the service stood still is seen and answered when it goes on."""
    made = LiveSet.running(service, version, 3)
    lost, server = made.primary(), made.server_of(made.primary())

    with Writers(made, copies=1) as writers:
        service.freeze()
        kill(server)
        writers.pause(1.0)
        service.thaw()
        made.await_replaced(lost)
        writers.await_more()

    assert writers.missing() == []
    assert made.addresses_lead_home()
