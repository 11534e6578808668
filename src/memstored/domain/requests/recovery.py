"""Switching high availability on and off (API.md 2.8)."""

from dataclasses import replace

from memstored.domain.model import InstanceSet
from memstored.domain.requests.change import Call, Change, event, refused
from memstored.domain.requests.gate import check_state
from memstored.domain.words import EventName, SetState

__all__ = ["set_recovery"]

FEWEST_NODES = 2
"""High availability needs somebody to take over."""


def set_recovery(instance_set: InstanceSet, call: Call, *, enabled: bool) -> Change:
    """Switch high availability; the same value again changes nothing."""
    check_state(instance_set, (SetState.RUNNING,))
    if instance_set.recovery_enabled == enabled:
        return Change(after=instance_set)
    if enabled and instance_set.replicas < FEWEST_NODES:
        raise refused("enabled", "too_few_nodes", "High availability needs two nodes; add a replica first.")
    message = f"High availability is {'on' if enabled else 'off'} now."
    after = replace(instance_set, recovery_enabled=enabled, updated_at=call.at)
    return Change(after=after, events=(event(EventName.RECOVERY_UPDATE, call, message),))
