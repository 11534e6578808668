"""What the states mean: the API's words stay, an explanation in the visitor's language is beside them."""

from collections.abc import Mapping

from memstored.console.languages import english
from memstored.domain.words import ApplyStatus, SetState

__all__ = ["meaning", "tone"]

_MEANINGS: Mapping[str, str] = {
    SetState.INIT: english("It was ordered and is about to be made."),
    SetState.PROVISIONING: english("Its nodes are being started."),
    SetState.REPLICATING: english("Its replicas are taking over the data."),
    SetState.RUNNING: english("It serves, and every node is in order."),
    SetState.SCALING_HORIZONTAL: english("The number of its nodes is being changed."),
    SetState.SCALING_VERTICAL: english("The size of its nodes is being changed."),
    SetState.SWITCHING_OVER: english("A replica is taking over from the primary."),
    SetState.RECOVERING: english("A lost node is being replaced."),
    SetState.SCALING_OUT: english("A node is being added."),
    SetState.MODIFYING: english("It serves, and something of it is being changed."),
    SetState.TERMINATING: english("It is being deleted."),
    SetState.TERMINATED: english("It is gone."),
    SetState.WARNING: english("It serves, and something of it needs attention."),
    SetState.FAILED: english("It does not serve."),
    ApplyStatus.PENDING: english("The set's turn has not come yet."),
    ApplyStatus.APPLYING: english("The nodes are getting the values."),
    ApplyStatus.IN_SYNC: english("The nodes run with the values of the group."),
    ApplyStatus.ERROR_SYNC: english(
        "The values could not be brought to it; its nodes have those from before."
    ),
    ApplyStatus.SUSPENDED: english("An earlier set failed, so this one waits."),
}

_TONES: Mapping[str, str] = {
    SetState.RUNNING: "good",
    SetState.WARNING: "warn",
    SetState.RECOVERING: "warn",
    SetState.FAILED: "bad",
    SetState.TERMINATING: "quiet",
    SetState.TERMINATED: "quiet",
    ApplyStatus.IN_SYNC: "good",
    ApplyStatus.ERROR_SYNC: "bad",
    ApplyStatus.SUSPENDED: "warn",
}


def meaning(state: str) -> str:
    """What a state means, in English for `_`; empty for a word that explains itself."""
    return _MEANINGS.get(state, "")


def tone(state: str) -> str:
    """How a state is to look: `good`, `warn`, `bad`, `quiet`, or `busy` for all that passes by itself."""
    return _TONES.get(state, "busy")
