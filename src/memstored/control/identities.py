"""Who a set's nodes are to each other, which an engine without users makes depend on how far the set is."""

from memstored.domain.engine import capabilities_of
from memstored.domain.model import InstanceSet
from memstored.domain.ports import FENCE, TENANTS, Identity
from memstored.store.sets import Identities

__all__ = ["replication_of"]


def replication_of(instance_set: InstanceSet, identities: Identities) -> Identity:
    """The identity by which the set's replicas follow.

    Without users it is the password that the primary takes: the fence's until tenants are let in, then theirs
    (H19).
    """
    if capabilities_of(instance_set.version).acl:
        return identities.replication
    if not instance_set.opened:
        return Identity(user=FENCE, secret=identities.control.secret)
    assert identities.password is not None, "a set without users on its engine has a password"
    return Identity(user=TENANTS, secret=identities.password)
