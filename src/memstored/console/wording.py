"""The API's words for operations, their steps and the reasons of a failover check, as sentences for people.

A word that nobody wrote a sentence for is shown as it is.
"""

from collections.abc import Mapping

from memstored.console.languages import english
from memstored.domain.facts import Life
from memstored.domain.succession import Unfit
from memstored.domain.words import OperationKind

__all__ = ["ROLES", "hindrance", "kind", "step", "trouble"]

_KINDS: Mapping[str, str] = {
    OperationKind.CREATE: english("Creating the set"),
    OperationKind.ADD_REPLICA: english("Adding a replica"),
    OperationKind.DELETE_NODE: english("Removing a node"),
    OperationKind.PROMOTE: english("Promoting a replica"),
    OperationKind.MODIFY: english("Changing the security groups"),
    OperationKind.APPLY_PARAMETERS: english("Applying parameters"),
    OperationKind.RENEW_CERTIFICATES: english("Renewing certificates"),
    OperationKind.DELETE: english("Deleting the set"),
    OperationKind.FAILOVER: english("Failover"),
    OperationKind.HEAL: english("Replacing a lost node"),
}

_STEPS: Mapping[str, str] = {
    "provision": english("Start nodes"),
    "load": english("Load the saved data"),
    "replicate": english("Copy the data"),
    "open": english("Let clients in"),
    "withdraw": english("Take it out of use"),
    "remove": english("Remove what is left"),
    "stop_writes": english("Hold writes back"),
    "catch_up": english("Bring the replica up to date"),
    "promote": english("Promote the replica"),
    "move_address": english("Move the address"),
    "apply": english("Apply the change"),
    "fence": english("Make sure the old primary is gone"),
    "compare": english("Find the replica that has most"),
    "restore": english("Restore the number of nodes"),
    "replicas": english("Change the replicas"),
    "primary": english("Change the primary"),
    "replace_replicas": english("Replace the replicas"),
    "replace_primary": english("Replace the primary"),
    "renew_replicas": english("Renew those of the replicas"),
    "renew_primary": english("Renew that of the primary"),
}

_HINDRANCES: Mapping[str, str] = {
    "ha_off": english("High availability is off, so nothing takes over by itself."),
    "set_terminating": english("The set is being deleted."),
    "no_replica_fit": english("No replica is fit to take over."),
    Unfit.GONE: english("It has ended."),
    Unfit.UNREACHABLE: english("It does not answer."),
    Unfit.RESTARTED: english("It was restarted, and is empty."),
    Unfit.LOADING: english("It is still loading its copy."),
    Unfit.EMPTIED: english("A copy that failed has emptied it."),
    Unfit.NEVER_WHOLE: english("It has not finished its first copy."),
    Unfit.FOREIGN: english("It holds another history."),
    Unfit.IS_MASTER: english("It is not a replica."),
}

ROLES = (english("primary"), english("replica"))
"""What a node is to its set, as templates say it by `_`."""

_TROUBLES: Mapping[str, str] = {
    Life.BUSY: english("busy with a command"),
    Life.LOADING: english("loading its copy"),
    Life.SILENT: english("does not answer"),
}


def kind(word: str) -> str:
    """What an operation of that kind does, in English for `_`."""
    return _KINDS.get(word, word)


def step(word: str) -> str:
    """What is done in a step of an operation, in English for `_`."""
    return _STEPS.get(word, word)


def hindrance(word: str) -> str:
    """Why a set could not fail over, or a replica not take over, in English for `_`."""
    return _HINDRANCES.get(word, word)


def trouble(word: str) -> str:
    """What is seen of a node that does not just serve, in English for `_`."""
    return _TROUBLES.get(word, word)
