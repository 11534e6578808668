"""The certificate authorities of the service at work: they sign for nodes and doors, and take over in time.

What is trusted is held in memory, as the store has it. When one takes over from another is decided by
`domain.authorities`; the certificates that follow from it are each set's own matter (`domain.certificates`).
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import uuid4

import structlog

from memstored.domain.authorities import DAY, Authority, Step, next_move, signer_of, trust_of
from memstored.domain.clock import Clock
from memstored.domain.errors import InvalidRequest
from memstored.domain.facts import Trust
from memstored.domain.model import Certificate, InstanceSet
from memstored.domain.ports import AUTHORITIES_FILE, CERTIFICATE_FILE, KEY_FILE, Papers
from memstored.domain.settings import TlsSettings
from memstored.domain.words import AuthorityId
from memstored.redis.certificates import Leaf, Signer, new_authority
from memstored.runtime.protocol import Files, LaunchFailed
from memstored.store.authorities import AuthorityRepository, Told

__all__ = ["Authorities", "CanNotSign", "Issued"]

log = structlog.get_logger()


class CanNotSign(LaunchFailed):
    """No certificate can be made, so nothing that needs one can be started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A certificate for a node: what is to be recorded of it, and the files that the node needs."""

    certificate: Certificate
    files: Files


class Authorities:
    """The authorities of one service; `load` them before anything else is asked."""

    def __init__(self, repository: AuthorityRepository, clock: Clock, settings: TlsSettings) -> None:
        self._repository = repository
        self._clock = clock
        self._settings = settings
        self._kept: tuple[Authority, ...] = ()
        self._signer: Signer | None = None
        self._one_at_a_time = asyncio.Lock()
        self._stirred = asyncio.Event()

    async def load(self) -> None:
        """Take up what is stored. Raises `StoreTrouble`."""
        kept = await self._repository.load_all()
        self._kept = tuple(one.authority for one in kept)
        self._signer = None
        if kept:
            signing = signer_of(self._kept)
            key = next(one.key for one in kept if one.authority.id == signing.id)
            self._signer = Signer.from_pem(signing.certificate, key) if key is not None else None

    @property
    def authorities(self) -> str:
        """The certificates of all that are trusted now, in PEM, newest first; empty before there is any."""
        trust = self.trust
        known = {a.id: a.certificate for a in self._kept}
        return "".join(known[each] for each in trust.trusted) if trust is not None else ""

    @property
    def trust(self) -> Trust | None:
        """Who signs and who is trusted; None before there is any."""
        return trust_of(self._kept)

    @property
    def taking_over(self) -> bool:
        """Whether one authority is taking over from another."""
        return len(self._kept) > 1

    async def require(self) -> None:
        """Make the first authority, unless there is one. Raises `StoreTrouble`."""
        async with self._one_at_a_time:
            if not self._kept:
                await self._make()

    async def bundle(self) -> str:
        """`authorities`, of which there is one at least from then on. Raises `StoreTrouble`."""
        await self.require()
        return self.authorities

    def issue(self, name: str, addresses: Sequence[str]) -> Issued:
        """A certificate for a node of that name at these addresses (IPv4), and all that goes with it.

        Raises `CanNotSign`.
        """
        trust = self.trust
        assert trust is not None, "there is an authority before there is a node with TLS"
        leaf = self._sign(name, addresses)
        certificate = Certificate(
            fingerprint=leaf.fingerprint,
            authority=trust.signer,
            not_before=leaf.not_before,
            not_after=leaf.not_after,
            trusts=trust.trusted,
        )
        files = {
            CERTIFICATE_FILE: leaf.papers.certificate,
            KEY_FILE: leaf.papers.key,
            AUTHORITIES_FILE: self.authorities.encode(),
        }
        return Issued(certificate=certificate, files=files)

    def door_papers(self, host: str) -> Papers:
        """What a loading door at that address (IPv4) shows, for one load. Raises `CanNotSign`."""
        return self._sign("memstored", [host]).papers

    async def renew(self, told: Told) -> AuthorityId:
        """Make another authority, which takes over in time, with that audit line, and return its id.

        Raises `InvalidRequest` while one is taking over already, and `StoreTrouble`.
        """
        async with self._one_at_a_time:
            if self.taking_over:
                message = "Another authority is taking over already; ask again when the old one is forgotten."
                raise InvalidRequest(message, code="authority_taking_over")
            made = await self._make(told)
        self._stirred.set()
        return made.id

    async def stirred(self) -> None:
        """Return when a new authority was asked for since it was last asked."""
        await self._stirred.wait()
        self._stirred.clear()

    async def advance(self, sets: Iterable[InstanceSet]) -> bool:
        """Do what is to be done about the authorities now, where these are all sets; returns whether it was.

        Raises `StoreTrouble`.
        """
        async with self._one_at_a_time:
            if not self._kept:
                return False
            move = next_move(self._kept, sets, self._clock.wall(), self._settings)
            if move is None:
                return False
            match move.step:
                case Step.MAKE:
                    await self._make()
                case Step.HAND_OVER:
                    await self._repository.retire(move.authority, self._clock.wall())
                case Step.FORGET:
                    await self._repository.remove(move.authority)
            log.info("authorities", step=move.step.value, authority=move.authority)
            await self.load()
            return True

    async def _make(self, told: Told | None = None) -> Authority:
        # Their age tells them apart, whatever the clock did.
        now = max(self._clock.wall(), *(a.created_at + 1 for a in self._kept), 0.0)
        authority_id = AuthorityId(str(uuid4()))
        name = f"memstored authority {authority_id}"
        certificate, key = new_authority(name, now=now, days=self._settings.authority_days)
        made = Authority(
            id=authority_id,
            certificate=certificate,
            created_at=now,
            not_after=now + self._settings.authority_days * DAY,
        )
        await self._repository.add(made, key, told)
        await self.load()
        return made

    def _sign(self, name: str, addresses: Sequence[str]) -> Leaf:
        if self._signer is None:
            raise CanNotSign(
                "The key of the certificate authority can not be opened; restore the key file of the store."
            )
        now, days = self._clock.wall(), self._settings.certificate_days
        return self._signer.leaf(name, addresses, now=now, days=days)
