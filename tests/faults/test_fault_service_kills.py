"""The service dies (SIGKILL) at random moments in the middle of everything it does, and is started again.

Every kind of change is under way at once when it happens. Afterwards each set is what was asked for, no
server is without a row, no row without a server, and every confirmed write is there.
"""

import pytest
from live_set import LiveSet
from service_process import NEWEST, ServiceProcess, chance, kill, wait_for

from writers import Writers

ROUNDS = range(2)
"""Rounds with each engine; each has six changes under way."""


class Changes:
    """One set for each kind of change, with writers, before anything is asked."""

    def __init__(self, service: ServiceProcess, version: str) -> None:
        self.service, self.version = service, version
        sizes = {"add": 2, "shrink": 3, "promote": 3, "failover": 3, "delete": 2}
        self.sets = {
            name: LiveSet.ordered(service, version, nodes, recoveryEnabled=name != "promote")
            for name, nodes in sizes.items()
        }
        for name, nodes in sizes.items():
            self.sets[name].await_whole(nodes)
        self.doomed = self.sets["shrink"].replicas()[0]["objectId"]
        self.target = self.sets["promote"].replicas()[1]["objectId"]
        self.lost = self.sets["failover"].primary()

    def writers(self) -> list[Writers]:
        """Writers at every set whose data is to stay; a failover keeps what was confirmed."""
        return [
            Writers(self.sets[name], copies=int(name == "failover"), writers=1)
            for name in ("add", "shrink", "promote", "failover")
        ]

    def ask(self) -> None:
        """Ask for everything, in any order."""
        wishes = [
            self._create,
            self.sets["add"].add_replica,
            lambda: self.sets["shrink"].delete_node(self.doomed),
            lambda: self.sets["promote"].promote(self.target),
            self.sets["failover"].kill_primary,
            self.sets["delete"].delete,
        ]
        chance.shuffle(wishes)
        for wish in wishes:
            wish()

    def _create(self) -> None:
        self.sets["create"] = LiveSet.ordered(self.service, self.version, 3)

    def await_fulfilled(self) -> None:
        """Return when every set is what was asked for."""
        for name, nodes in {"create": 3, "add": 3, "shrink": 2, "promote": 3}.items():
            self.sets[name].await_whole(nodes)
        self.sets["failover"].await_replaced(self.lost)
        self.sets["delete"].await_gone()


@pytest.mark.parametrize("number", ROUNDS)
def test_a_killed_service_finishes_what_was_asked_for(
    service: ServiceProcess, version: str, number: int
) -> None:
    """Killed at any moment, the service takes everything up where it was: asked for is done."""
    changes = Changes(service, version)
    writing = changes.writers()
    moment = 10 ** chance.uniform(-3, -0.3)
    print(f"round {number}: killed {moment * 1000:.0f} ms after the last wish")  # noqa: T201 - tells a failing moment

    try:
        for writers in writing:
            writers.__enter__()
        changes.ask()
        writing[0].pause(moment)
        service.kill()
        service.start()
        changes.await_fulfilled()
        for writers in writing:
            writers.await_more(20)
    finally:
        for writers in writing:
            writers.end()

    assert [writers.missing() for writers in writing] == [[]] * len(writing)
    _assert_promoted_or_told(changes)
    assert changes.doomed not in changes.sets["shrink"].ids()
    assert all(made.addresses_lead_home() for name, made in changes.sets.items() if name != "delete")
    _assert_rows_are_servers(service, [made for name, made in changes.sets.items() if name != "delete"])


def _assert_promoted_or_told(changes: Changes) -> None:
    """On a machine at its limits a target may not catch up in time: then nothing changed, and it says so."""
    promotion = changes.sets["promote"].await_operation("promote")
    assert promotion["error"] is None or "did not catch up in time" in promotion["error"]
    promoted = changes.sets["promote"].primary()["objectId"] == changes.target
    assert promoted == (promotion["state"] == "succeeded")


def _assert_rows_are_servers(service: ServiceProcess, sets: list[LiveSet]) -> None:
    """No server without a row, no row without a server, no address without a set."""
    rows = {server: node for made in sets for node, server in made.servers().items()}
    wait_for(lambda: service.servers() == rows, what="servers being the rows' and no others")
    wait_for(lambda: service.node_folders() == set(rows.values()), what="folders being the rows'")
    owners = {f"node/{node}" for node in rows.values()}
    owners |= {f"set/{made.id}/{purpose}" for made in sets for purpose in ("primary", "reader")}
    wait_for(lambda: set(service.held_addresses()) == owners, what="addresses being the rows' and sets'")


def test_a_service_that_dies_again_and_again_still_makes_the_set(service: ServiceProcess) -> None:
    """A set in the making survives several deaths of its maker, each soon after its start."""
    made = LiveSet.ordered(service, NEWEST, 3)

    service.kill()
    for _ in range(2):
        service.start()
        service.kill()
    service.start()
    made.await_whole(3)

    assert made.addresses_lead_home()
    _assert_rows_are_servers(service, [made])


def test_servers_die_while_nobody_watches(service: ServiceProcess, version: str) -> None:
    """A primary that died while the service was down is replaced when it is back; confirmed writes stay."""
    made = LiveSet.running(service, version, 3)
    with Writers(made, copies=2) as writers:
        writers.await_more()
    lost, server = made.primary(), made.server_of(made.primary())

    service.kill()
    kill(server)
    service.start()
    made.await_replaced(lost)

    assert writers.missing() == []
    assert made.addresses_lead_home()
    _assert_rows_are_servers(service, [made])
