"""What a set can be ordered as: each engine that is here, with TLS and a user where it has those."""

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Any

from guarded_set import BUILT, GuardedSet, guarded_user
from live_set import LiveSet
from service_process import ServiceProcess

from memstored.domain.engine import capabilities_of
from memstored.runtime.engines import offered, take_inventory

__all__ = ["Combination", "combinations", "one_of_each"]

LOGIN = {"username": "app", "password": "the application's own"}
USER = {"name": LOGIN["username"], "password": hashlib.sha256(LOGIN["password"].encode()).hexdigest()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Combination:
    """An engine, and what its set is to have."""

    version: str
    tls: bool
    user: bool

    def __str__(self) -> str:
        """As it is called among the tests: `7.0.15-tls-user`."""
        return "-".join([self.version, *["tls"] * self.tls, *["user"] * self.user])

    def running(self, service: ServiceProcess, nodes: int, **changes: Any) -> LiveSet:  # noqa: ANN401 - any JSON
        """Such a set that is `Running`; its clients log in by themselves."""
        wanted = {"tlsEnabled": self.tls, **changes}
        if not capabilities_of(self.version).acl:
            return GuardedSet.running(service, self.version, nodes, user=guarded_user(service), **wanted)
        if not self.user:
            return LiveSet.running(service, self.version, nodes, **wanted)
        made = LiveSet.running(service, self.version, nodes, user=USER, **wanted)
        made.login = LOGIN
        return made


def combinations() -> list[Combination]:
    """All that there are on this machine, newest engine first."""
    return [
        Combination(version=engine.version, tls=tls, user=user)
        for engine in offered(asyncio.run(take_inventory((BUILT,))))
        for tls in ([False, True] if engine.tls else [False])
        for user in ([False, True] if capabilities_of(engine.version).acl else [True])
    ]


def one_of_each() -> list[Combination]:
    """The plainest set of each engine, and one that has everything."""
    every = combinations()
    plainest = {one.version: one for one in reversed(every)}
    return [*plainest.values(), *[one for one in every if one.tls and one.user][:1]]
