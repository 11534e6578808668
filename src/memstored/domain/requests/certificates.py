"""Renewing the certificates of a set's nodes on request (API.md 6)."""

from dataclasses import replace

from memstored.domain.certificates import RENEWAL_STEPS, marked_outdated
from memstored.domain.model import InstanceSet
from memstored.domain.requests.change import Call, Change, begun, event, refused
from memstored.domain.requests.gate import PATH_FIELD, check_state
from memstored.domain.words import EventName, OperationKind, SetState

__all__ = ["renew_certificates"]


def renew_certificates(instance_set: InstanceSet, call: Call) -> Change:
    """Have every node get another certificate while the set stays `Running`."""
    if not instance_set.tls_enabled:
        message = "This set has no TLS, so there are no certificates to renew."
        raise refused(PATH_FIELD, "tls_off", message)
    check_state(instance_set, (SetState.RUNNING,))
    after = replace(
        instance_set.with_nodes(map(marked_outdated, instance_set.nodes)),
        operation=begun(instance_set, call, OperationKind.RENEW_CERTIFICATES, RENEWAL_STEPS),
        updated_at=call.at,
    )
    message = f"{call.actor} asked for new certificates."
    return Change(after=after, events=(event(EventName.CERTIFICATES_RENEW, call, message),))
