"""Whom clients are to trust, and a change of that (API.md 6)."""

from dataclasses import dataclass

import structlog

from memstored.domain.words import AuthorityId
from memstored.identity.protocol import Caller
from memstored.service.ports import Authorities

__all__ = ["AuthorityService"]

_log = structlog.stdlib.get_logger("memstored.authorities")


@dataclass(frozen=True, slots=True)
class AuthorityService:
    """The use cases of certificate authorities; there is one set of them for all projects."""

    authorities: Authorities

    async def bundle(self) -> str:
        """The certificates of all that are trusted now, in PEM, newest first."""
        return await self.authorities.bundle()

    async def renew(self, caller: Caller) -> AuthorityId:
        """Make another authority; for administrators. Raises `InvalidRequest` while one takes over."""
        made = await self.authorities.renew()
        _log.info("authority made", id=made, by=caller.user_name)
        return made
