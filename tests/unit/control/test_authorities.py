"""The authorities at work: made when needed, kept over a restart, one after the other without a gap."""

from dataclasses import replace

import pytest
from cryptography import x509
from drawer import Drawer
from fleet_ground import planned

from memstored.control.authorities import Authorities, CanNotSign
from memstored.domain.authorities import DAY
from memstored.domain.errors import InvalidRequest
from memstored.domain.model import EventDraft, Node
from memstored.domain.ports import AUTHORITIES_FILE
from memstored.domain.settings import TlsSettings
from memstored.domain.words import AuthorityId, EventName, SetState
from memstored.runtime.fake import ManualClock
from memstored.store.authorities import Told

SETTINGS = TlsSettings(authority_days=300, certificate_days=90, overlap_days=30)


class Ground:
    """Authorities over a drawer, and a set of two nodes with certificates."""

    def __init__(self, settings: TlsSettings = SETTINGS) -> None:
        self.clock = ManualClock()
        self.settings = settings
        self.drawer = Drawer()
        self.authorities = self.opened()
        self.set = replace(planned(2), tls_enabled=True, opened=True)

    def opened(self) -> Authorities:
        """What a service makes of the drawer when it starts."""
        return Authorities(self.drawer, self.clock, self.settings)

    def renew(self, *numbers: int) -> None:
        """Give the nodes of these numbers, or all, another certificate."""
        nodes = [self._renewed(n) if not numbers or n.number in numbers else n for n in self.set.nodes]
        self.set = self.set.with_nodes(nodes)

    def _renewed(self, node: Node) -> Node:
        issued = self.authorities.issue(node.name, ["127.20.0.1"])
        return replace(node, launched=True, address="127.20.0.1", certificate=issued.certificate)

    async def another(self) -> AuthorityId:
        """Ask for another authority."""
        line = EventDraft(name=EventName.AUTHORITY_RENEW, message="mia made another")
        return await self.authorities.renew(Told(project_id="p" * 32, event=line))

    async def advance(self, days: float = 0.0) -> bool:
        """Let so many days pass, then see to the authorities."""
        self.clock.advance(days * DAY)
        return await self.authorities.advance([self.set])

    @property
    def trusted(self) -> list[str]:
        """The ids of those who are trusted, newest first."""
        assert self.authorities.trust is not None
        return list(self.authorities.trust.trusted)

    @property
    def signer(self) -> str:
        """The id of the one that signs."""
        assert self.authorities.trust is not None
        return self.authorities.trust.signer


async def made() -> Ground:
    """A ground with its first authority, whose nodes have certificates."""
    ground = Ground()
    await ground.authorities.require()
    ground.renew()
    return ground


async def test_the_first_authority_is_made_when_it_is_needed_and_once() -> None:
    """Before that nobody is trusted; whoever asks again finds the same."""
    ground = Ground()
    before = (ground.authorities.trust, ground.authorities.authorities)

    first, again = await ground.authorities.bundle(), await ground.authorities.bundle()

    assert before == (None, "")
    assert first == again
    assert len(ground.drawer.kept) == 1
    assert not await ground.advance()


async def test_a_restarted_service_goes_on_with_the_same_authority() -> None:
    """What it signed before and after is by one and the same."""
    ground = await made()
    signer = ground.signer

    ground.authorities = ground.opened()
    await ground.authorities.load()

    assert ground.signer == signer
    assert ground.authorities.issue("orders-1", ["127.20.0.1"]).certificate.authority == signer


async def test_another_takes_over_step_by_step() -> None:
    """Made known at two thirds of life, trusted by all nodes, signing after the overlap, alone at the end."""
    ground = await made()
    old = ground.signer

    assert not await ground.advance(199)
    assert await ground.advance(1)
    new = ground.trusted[0]
    assert (ground.signer, ground.trusted) == (old, [new, old])

    assert not await ground.advance(31), "the nodes do not trust it yet"
    ground.renew(1)
    assert not await ground.advance()
    ground.renew(2)
    assert await ground.advance()
    assert (ground.signer, ground.trusted) == (new, [new, old])

    ground.renew(1)
    assert not await ground.advance(), "a node still shows what the old one signed"
    ground.renew(2)
    assert await ground.advance()
    assert (ground.signer, ground.trusted) == (new, [new])
    assert not await ground.advance()


async def test_clients_have_the_whole_overlap_to_learn_of_another() -> None:
    """Nodes that know it early do not shorten that."""
    ground = await made()
    await ground.advance(200)
    ground.renew()

    assert not await ground.advance(29.9)
    assert await ground.advance(0.1)


async def test_a_node_of_which_nothing_is_known_is_waited_for() -> None:
    """One that was launched, and whose certificate is not recorded, may show any: nothing is forgotten."""
    ground = await made()
    await ground.advance(200)
    ground.renew()
    known = ground.set
    ground.set = known.with_node(replace(known.nodes[0], certificate=None))

    assert not await ground.advance(31)
    ground.set = known
    assert await ground.advance()


async def test_a_set_on_its_way_out_keeps_nobody_waiting() -> None:
    """It will not be renewed any more."""
    ground = await made()
    await ground.advance(200)
    ground.set = replace(ground.set, status=SetState.TERMINATING)

    assert await ground.advance(31)


async def test_an_expired_authority_is_replaced_whatever_the_nodes_trust() -> None:
    """After the service was away for too long: what it signed is worth nothing any more."""
    ground = await made()

    assert await ground.advance(400)
    assert await ground.advance()
    assert await ground.advance()

    assert len(ground.trusted) == 1
    assert not await ground.advance()


async def test_another_is_made_on_request_and_not_twice() -> None:
    """The id that is answered is that of the new one; while it takes over there is no third."""
    ground = await made()

    new = await ground.another()

    assert ground.trusted[0] == new
    assert ground.signer != new
    with pytest.raises(InvalidRequest) as refusal:
        await ground.another()
    assert refusal.value.code == "authority_taking_over"


async def test_without_an_overlap_it_signs_as_soon_as_all_nodes_trust_it() -> None:
    """For an authority whose key may be known to others."""
    ground = Ground(replace(SETTINGS, overlap_days=0))
    await ground.authorities.require()
    ground.renew()
    new = await ground.another()

    assert not await ground.advance(1)
    ground.renew()
    assert await ground.advance()
    assert ground.signer == new


async def test_age_tells_authorities_apart_whatever_the_clock_does() -> None:
    """One that is made while the clock is behind is the younger one: it does not sign at once."""
    ground = await made()
    old = ground.signer
    kept = ground.drawer.kept[AuthorityId(old)]
    later = replace(kept.authority, created_at=kept.authority.created_at + 10 * DAY)
    ground.drawer.kept[AuthorityId(old)] = replace(kept, authority=later)
    await ground.authorities.load()

    await ground.another()

    assert ground.signer == old
    assert ground.trusted[1] == old


async def test_a_key_that_can_not_be_opened_signs_nothing_and_says_what_to_do() -> None:
    """The authority is trusted still, so that the nodes that are there can be reached."""
    ground = await made()
    ground.drawer.lost.update(ground.drawer.kept)

    reopened = ground.opened()
    await reopened.load()

    assert "BEGIN CERTIFICATE" in reopened.authorities
    with pytest.raises(CanNotSign, match="restore the key file"):
        reopened.issue("orders-1", ["127.20.0.1"])
    with pytest.raises(CanNotSign, match="restore the key file"):
        reopened.door_papers("127.0.0.1")


async def test_a_node_is_given_all_that_are_trusted() -> None:
    """The file holds as many certificates as are recorded as trusted, newest first."""
    ground = await made()
    await ground.another()

    issued = ground.authorities.issue("orders-1", ["127.20.0.1"])

    held = x509.load_pem_x509_certificates(issued.files[AUTHORITIES_FILE])
    assert [f"memstored authority {each}" for each in issued.certificate.trusts] == [
        certificate.subject.rfc4514_string().removeprefix("CN=") for certificate in held
    ]
