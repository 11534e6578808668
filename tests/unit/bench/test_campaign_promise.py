"""The judge of the fault campaign: what it calls broken, and what it lets pass."""

import pytest

from campaign.promise import Promise, Seen, broken
from memstored.cli.tour_load import Losses

FAILOVER = Promise(failovers=1)
PLANNED = Promise(failovers=0, every_write=True)


@pytest.mark.parametrize(
    ("promise", "seen"),
    [
        (FAILOVER, Seen(failovers=["a"])),
        (FAILOVER, Seen(failovers=["a"], losses=Losses(acknowledged=9, confirmed=4, lost=2))),
        (PLANNED, Seen(losses=Losses(acknowledged=9, confirmed=4))),
    ],
    ids=["a failover", "a failover that lost what no replica had", "a planned change"],
)
def test_what_is_promised_passes(promise: Promise, seen: Seen) -> None:
    """A failover may lose what only the dead primary had; nothing else is lost."""
    assert broken(promise, seen) == []


@pytest.mark.parametrize(
    ("promise", "seen", "words"),
    [
        (FAILOVER, Seen(failovers=["a"], losses=Losses(lost=3, lost_confirmed=2)), "2 writes that a replica"),
        (FAILOVER, Seen(failovers=["a"], kept_lost=7), "7 keys that every replica held"),
        (FAILOVER, Seen(failovers=["a"], resumed=False), "no write was accepted"),
        (FAILOVER, Seen(failovers=["a", "b"]), "2 failovers instead of 1: a, b"),
        (FAILOVER, Seen(), "0 failovers instead of 1: none"),
        (PLANNED, Seen(failovers=["a"]), "1 failovers instead of 0: a"),
        (PLANNED, Seen(losses=Losses(acknowledged=9, lost=1)), "1 acknowledged writes are lost"),
        (FAILOVER, Seen(stuck="a is Warning"), "not whole again: a is Warning"),
        (FAILOVER, Seen(failovers=["a"], more=["it was copied"]), "it was copied"),
    ],
)
def test_every_broken_promise_is_named(promise: Promise, seen: Seen, words: str) -> None:
    """Each breach alone is found and said in words."""
    (found,) = broken(promise, seen)

    assert found.startswith(words)
