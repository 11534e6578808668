"""Names and ids that follow from others, so that a repeated decision names the same thing."""

from uuid import UUID, uuid5

from memstored.domain.words import NodeId, SetId

__all__ = ["node_id", "node_name", "operation_id"]


def node_id(set_id: SetId, number: int) -> NodeId:
    """The id of a set's node of that number; numbers are never reused, so neither are ids (S2)."""
    return NodeId(str(uuid5(UUID(set_id), f"node-{number}")))


def node_name(set_name: str, number: int) -> str:
    """The API's `instanceName`: `{set}-1`, `-2` and so on (API.md 2.4)."""
    return f"{set_name}-{number}"


def operation_id(set_id: SetId, revision: int) -> str:
    """The id of the operation that began with the change made from that revision of the set."""
    return str(uuid5(UUID(set_id), f"operation-{revision}"))
