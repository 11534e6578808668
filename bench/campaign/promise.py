"""What a fault may cost, and whether it cost more. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from memstored.cli.tour_load import Losses


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What is promised under one fault. `failovers` that it calls for, in all sets together; whether
    `every_write` stays that was acknowledged, or only those that a replica had confirmed.
    """

    failovers: int = 1
    every_write: bool = False


NOTHING = Losses()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a trial has shown. `resumed`: writes were accepted again; `kept_lost`: keys that all replicas
    held; `failovers`: the names of the sets that failed over; `stuck`: what did not end; `more`: what the
    fault itself found wrong.
    """

    resumed: bool = True
    losses: Losses = NOTHING
    kept_lost: int = 0
    failovers: Sequence[str] = ()
    stuck: str | None = None
    more: Sequence[str] = field(default=())


def broken(promise: Promise, seen: Seen) -> list[str]:
    """The promises that were not kept, in words; empty when all is well."""
    if seen.stuck is not None:
        return [f"not whole again: {seen.stuck}", *seen.more]
    found = list(seen.more)
    if not seen.resumed:
        found.append("no write was accepted any more")
    if seen.losses.lost_confirmed:
        found.append(f"{seen.losses.lost_confirmed} writes that a replica had confirmed are lost")
    if promise.every_write and seen.losses.lost:
        found.append(f"{seen.losses.lost} acknowledged writes are lost, and nothing had died")
    if seen.kept_lost:
        found.append(f"{seen.kept_lost} keys that every replica held are lost")
    if len(seen.failovers) != promise.failovers:
        names = ", ".join(sorted(seen.failovers)) or "none"
        found.append(f"{len(seen.failovers)} failovers instead of {promise.failovers}: {names}")
    return found
