"""Who everybody is on the nodes of these tests."""

from memstored.domain.controllers import Controller, Controllers
from memstored.domain.engine import capabilities_of
from memstored.domain.ports import FENCE, TENANTS, Identity

CONTROL = Identity(user="memstored-control", secret="control secret of the tests")
REPLICATION = Identity(user="memstored-replication", secret="replication secret of the tests")
CONTROLLERS = Controllers(own=Controller(number=1_790_000_000, nonce="5f0c21ab"), since=1_790_000_000)
"""The controller that opens links."""
PASSWORD = "password of the tenants"
"""What an engine without users asks of everyone once tenants are let in."""


def joining(version: str) -> Identity:
    """As whom a replica follows a primary that lets no tenants in yet."""
    return REPLICATION if capabilities_of(version).acl else Identity(user=FENCE, secret=CONTROL.secret)


def serving(version: str) -> Identity:
    """As whom a replica follows a primary that was admitted."""
    return REPLICATION if capabilities_of(version).acl else Identity(user=TENANTS, secret=PASSWORD)
