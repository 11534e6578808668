"""A thousand days of certificates and authorities, of which no moment finds a client shut out."""

import random
import sys
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError
from drawer import Drawer

from clocks import StillClock
from memstored.control.authorities import Authorities
from memstored.domain.authorities import DAY
from memstored.domain.model import Certificate
from memstored.domain.ports import CERTIFICATE_FILE
from memstored.domain.settings import TlsSettings
from memstored.domain.words import SetState

sys.path.append(str(Path(__file__).parents[1] / "domain"))
from world import VIP, World

SETTINGS = TlsSettings(authority_days=300, certificate_days=90, overlap_days=20)
STEP = DAY / 2
SLACK = DAY
"""Between two looks of this test's clients and the service's own."""


@dataclass(slots=True)
class Deployment:
    """A service with sets of three nodes, whose time passes in steps of half a day."""

    authorities: Authorities
    clock: StillClock
    worlds: list[World]
    certificates: dict[str, x509.Certificate] = field(default_factory=dict)
    bundles: list[tuple[float, str]] = field(default_factory=list)
    signers: set[str] = field(default_factory=set)

    @classmethod
    async def opened(cls, sets: int) -> "Deployment":
        """Some sets that run."""
        clock = StillClock(0.0)
        made = cls(Authorities(Drawer(), clock, SETTINGS), clock, [])
        await made.authorities.require()
        for _ in range(sets):
            world = World.of(tls=True)
            made.worlds.append(world)
            world.sign = made.sign
            made.tell(world)
            world.turns()
            assert world.set.status is SetState.RUNNING
        return made

    def sign(self, name: str, host: str) -> Certificate:
        """A real certificate for a node."""
        issued = self.authorities.issue(name, [host, VIP])
        made = x509.load_pem_x509_certificate(issued.files[CERTIFICATE_FILE])
        self.certificates[issued.certificate.fingerprint] = made
        self.signers.add(issued.certificate.authority)
        return issued.certificate

    def tell(self, world: World) -> None:
        """Let a set see whose certificates count."""
        assert self.authorities.trust is not None
        world.trust = self.authorities.trust

    async def step(self) -> None:
        """Half a day passes, then the service does what it finds to be done, until nothing is."""
        self.clock.now += STEP
        for world in self.worlds:
            world.now += STEP
        while await self.authorities.advance([world.set for world in self.worlds]):
            pass
        self.bundles.append((self.clock.now, self.authorities.authorities))
        for world in self.worlds:
            self.tell(world)
            world.turns(2)
            world.turns_until(lambda world=world: world.set.operation is None)
            assert world.set.status is SetState.RUNNING

    def refused(self, bundle: str, at: float) -> list[str]:
        """The nodes that a client with this bundle does not believe at that time."""
        store = Store(x509.load_pem_x509_certificates(bundle.encode()))
        policy = PolicyBuilder().store(store).time(datetime.fromtimestamp(at, UTC))
        verifier = policy.build_server_verifier(x509.IPAddress(IPv4Address(VIP)))
        found = []
        for world in self.worlds:
            for node in world.set.nodes:
                shown = world.fleet.node(node.id).certificate
                assert shown is not None
                try:
                    verifier.verify(self.certificates[shown], [])
                except VerificationError as why:
                    found.append(f"{node.name} on day {at / DAY}: {why}")
        return found

    def bundle_of(self, at: float) -> str:
        """What a client fetched who fetched it then."""
        known = [bundle for since, bundle in self.bundles if since <= at]
        return known[-1] if known else self.bundles[0][1]


async def test_no_client_is_shut_out_for_a_thousand_days() -> None:
    """Certificates and authorities change in time, so that nobody ever meets one that is expired, or one that
    a client can not verify that fetched whom to trust as long ago as the overlap lasts.
    """
    deployment = await Deployment.opened(2)
    chance = random.Random(1_000)

    while deployment.clock.now < 1000 * DAY:
        await deployment.step()
        if chance.random() < 0.01:
            _kill_one(chance.choice(deployment.worlds), chance)
            await deployment.step()
        fetched = deployment.clock.now - SETTINGS.overlap_days * DAY + SLACK
        for bundle in (deployment.bundle_of(deployment.clock.now), deployment.bundle_of(fetched)):
            # They must hold until the service looks again.
            assert deployment.refused(bundle, deployment.clock.now + STEP) == []

    assert len(deployment.signers) >= 4


def _kill_one(world: World, chance: random.Random) -> None:
    """End a server; another takes its place."""
    node = chance.choice(world.set.nodes)
    world.fleet.crash(node.id)
    world.turns(120)
    assert world.set.status is SetState.RUNNING
    world.set = replace(world.set, failovers=())
