"""What may run when: one operation at a time, and only in the states that a request allows (API.md 2.9)."""

from collections.abc import Collection

from memstored.domain.errors import Detail
from memstored.domain.model import InstanceSet
from memstored.domain.requests.change import refusal
from memstored.domain.words import OperationState, SetState

__all__ = ["PATH_FIELD", "check_members", "check_state", "hindrance"]

PATH_FIELD = "instanceSetId"
"""Where a fault of the set itself is said to be: the id in the path."""

HEALING = frozenset({SetState.RECOVERING, SetState.SCALING_OUT})


def check_state(instance_set: InstanceSet, allowed: Collection[SetState]) -> None:
    """Raise `InvalidRequest` unless a new operation may begin now in one of these states."""
    found = hindrance(instance_set, allowed)
    if found is not None:
        raise refusal([found])


def check_members(instance_set: InstanceSet, allowed: Collection[SetState]) -> None:
    """As `check_state`, for what adds, removes or promotes a node: not while a backup is made (API.md 4)."""
    check_state(instance_set, allowed)
    if instance_set.backup is not None:
        message = f"A backup of the set is being made ({instance_set.backup}). Ask again when it is done."
        raise refusal([Detail(PATH_FIELD, "backup_under_way", message)])


def hindrance(instance_set: InstanceSet, allowed: Collection[SetState]) -> Detail | None:
    """Why no new operation may begin now; None: it may."""
    status, operation = instance_set.status, instance_set.operation
    if status in HEALING:
        message = f"The set is {status.value}: a lost node is being replaced. Ask again when it is Running."
        return Detail(PATH_FIELD, "set_healing", message)
    if operation is not None and operation.state is OperationState.RUNNING:
        message = (
            f"The operation {operation.kind.value} ({operation.id}) is under way. Ask again when it is done."
        )
        return Detail(PATH_FIELD, "set_busy", message)
    if status not in allowed:
        states = " or ".join(sorted(state.value for state in allowed))
        message = f"This needs a set that is {states}; it is {status.value}."
        return Detail(PATH_FIELD, "wrong_state", message)
    return None
