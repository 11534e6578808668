"""Whom clients are to trust, and a change of that (API.md 6).

All projects share the authorities, so only the operator's role, admin, changes them.
"""

from dataclasses import dataclass

import structlog

from memstored.domain.clock import Clock
from memstored.domain.requests.change import event
from memstored.domain.words import AuthorityId, EventName
from memstored.identity.protocol import Caller
from memstored.service.calls import call_of, project_of
from memstored.service.ports import Authorities
from memstored.store.authorities import Told

__all__ = ["AuthorityService"]

_log = structlog.stdlib.get_logger("memstored.authorities")


@dataclass(frozen=True, slots=True)
class AuthorityService:
    """The use cases of certificate authorities; all projects share them."""

    authorities: Authorities
    clock: Clock

    async def bundle(self) -> str:
        """The certificates of all that are trusted now, in PEM, newest first."""
        return await self.authorities.bundle()

    async def renew(self, caller: Caller) -> AuthorityId:
        """Make another authority; for administrators. Raises `InvalidRequest` while one takes over."""
        message = f"{caller.user_name} made another certificate authority, which every project is to trust."
        line = event(EventName.AUTHORITY_RENEW, call_of(caller, self.clock), message)
        made = await self.authorities.renew(Told(project_id=project_of(caller), event=line))
        _log.info("authority made", id=made, by=caller.user_name)
        return made
