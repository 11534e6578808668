"""Who looks at nodes and meddles with them beside the service, where engines have users.

The service takes such a name for one of its own users, but for no controller's: it neither counts it among
the tenants nor deletes it.
"""

from contextlib import suppress

import redis

from memstored.domain.ports import Identity
from memstored.redis.acl import acting_rules

__all__ = ["OBSERVER", "let_observe"]

OBSERVER = Identity(user="memstored-tests", secret="observer secret of the tests")


def let_observe(control: redis.Redis) -> bool:
    """Have the set's control user make the observer; false while a script keeps the node from it."""
    with suppress(redis.exceptions.BusyLoadingError, redis.exceptions.ResponseError):
        control.execute_command("ACL", "SETUSER", *acting_rules(OBSERVER))
        return True
    return False
