"""The certificate authorities of the service, and how one takes over from another without a gap.

Pure. `control.authorities` asks `next_move` and carries it out. The order: a new authority is made known, and
every node trusts it, long before it signs anything, so that nobody meets a certificate that he can not
verify. Then all certificates are signed anew (`domain.certificates`), and only when nobody shows one of the
old authority any more is that one forgotten.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from memstored.domain.facts import Trust
from memstored.domain.model import InstanceSet, Node
from memstored.domain.settings import TlsSettings
from memstored.domain.words import AuthorityId

__all__ = ["DAY", "Authority", "Move", "Step", "next_move", "renewal_due", "signer_of", "trust_of"]

DAY = 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """One certificate authority. `certificate` is in PEM; its private key is kept sealed, elsewhere.

    Times are seconds since 1970. `retired_at`: when another one began to sign in its place; it is trusted
    still, until it is forgotten.
    """

    id: AuthorityId
    certificate: str
    created_at: float
    not_after: float
    retired_at: float | None = None


class Step(StrEnum):
    """What is to be done about the authorities."""

    MAKE = "make another"
    HAND_OVER = "let the new one sign"
    FORGET = "forget the old one"


@dataclass(frozen=True, slots=True)
class Move:
    """One step, and the authority that it is about: the old one."""

    step: Step
    authority: AuthorityId


def renewal_due(not_before: float, not_after: float) -> float:
    """When something that holds from then to then is to be renewed: at two thirds of its life."""
    return not_before + (not_after - not_before) * 2 / 3


def signer_of(authorities: Sequence[Authority]) -> Authority:
    """The one that signs: the oldest that is not retired. There must be one."""
    return min((a for a in authorities if a.retired_at is None), key=_age)


def trust_of(authorities: Sequence[Authority]) -> Trust | None:
    """Who signs and who is trusted; None before there is any authority."""
    if not authorities:
        return None
    newest_first = sorted(authorities, key=_age, reverse=True)
    return Trust(signer=signer_of(authorities).id, trusted=tuple(a.id for a in newest_first))


def next_move(
    authorities: Sequence[Authority], sets: Iterable[InstanceSet], now: float, settings: TlsSettings
) -> Move | None:
    """What is to be done now (seconds since 1970); `sets` are all sets of the service."""
    nodes = [
        n for s in sets if s.tls_enabled and not s.deleting for n in s.nodes if n.launched and not n.lost
    ]
    signer = signer_of(authorities)
    coming = [a for a in authorities if a.retired_at is None and a is not signer]
    retired = [a for a in authorities if a.retired_at is not None]
    idle = next((old for old in retired if _forgettable(old, nodes, now)), None)
    if idle is not None:
        return Move(Step.FORGET, idle.id)
    if coming:
        ready = _known(min(coming, key=_age), signer, nodes, now, settings)
        return Move(Step.HAND_OVER, signer.id) if ready else None
    due = now >= renewal_due(signer.created_at, signer.not_after)
    return Move(Step.MAKE, signer.id) if due else None


def _age(authority: Authority) -> tuple[float, str]:
    return (authority.created_at, authority.id)


def _forgettable(old: Authority, nodes: Iterable[Node], now: float) -> bool:
    """Whether nobody shows a certificate of a retired authority any more.

    A node of which it is not known what it shows may. What an expired one signed is worth nothing.
    """
    shown = (n.certificate.authority if n.certificate else old.id for n in nodes)
    return old.id not in shown or now >= old.not_after


def _known(
    coming: Authority, signer: Authority, nodes: Iterable[Node], now: float, settings: TlsSettings
) -> bool:
    """Whether all nodes trust a new authority, and clients had the time to learn of it."""
    trusted = all(n.certificate is not None and coming.id in n.certificate.trusts for n in nodes)
    announced = now >= min(coming.created_at + settings.overlap_days * DAY, signer.not_after)
    return announced and (trusted or now >= signer.not_after)
