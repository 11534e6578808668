"""What the states mean: the API's words stay, an explanation in the visitor's language is beside them."""

from collections.abc import Mapping

from memstored.console.languages import english
from memstored.domain.words import ApplyStatus, BackupState, SetState

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
    # A backup, and the values of a group on their way to a set.
    BackupState.PENDING: english("It waits for its turn."),
    BackupState.CREATING: english("It is being taken from a replica."),
    BackupState.AVAILABLE: english("It is whole, and can be restored."),
    BackupState.RESTORING: english("A set is beginning with it."),
    BackupState.COPYING: english("It is being copied."),
    BackupState.EXPORTING: english("It is being written to a bucket."),
    BackupState.ERROR: english("It came to nothing."),
    BackupState.DELETING: english("It is being deleted."),
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
    BackupState.AVAILABLE: "good",
    BackupState.ERROR: "bad",
    BackupState.DELETING: "quiet",
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
