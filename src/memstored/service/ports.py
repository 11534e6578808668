"""What the use cases need of the control loop, which is their neighbour; put together in `cli`."""

from typing import Protocol

from memstored.domain.backup import Progress
from memstored.domain.facts import SetFacts
from memstored.domain.webhook import WebhookSurvey
from memstored.domain.words import AuthorityId, BackupId, SetId
from memstored.store.authorities import Told

__all__ = ["Authorities", "Control", "Keeper", "KeyMaker", "Notifier", "Sequence"]


class Control(Protocol):
    """Makes true what is written, and knows what was last seen."""

    def wake(self, set_id: SetId) -> None:
        """A set was written: look at it soon, from what is stored now."""
        ...

    def facts(self, set_id: SetId) -> SetFacts:
        """What is seen of a set now, without asking a node; empty when it is not watched (yet)."""
        ...

    async def used_memory(self, set_id: SetId) -> int | None:
        """The bytes that the primary of a set uses, asked now; None when it can not be asked."""
        ...


class Sequence(Protocol):
    """Brings the values of parameter groups to their sets, one set after the other."""

    def wake(self) -> None:
        """A group, or the group of a set, was written: look at the sets that are behind soon."""
        ...


class Authorities(Protocol):
    """Signs what nodes show over TLS."""

    async def bundle(self) -> str:
        """The certificates of all authorities that are trusted now, in PEM, newest first."""
        ...

    async def renew(self, told: Told) -> AuthorityId:
        """Make another authority, which takes over in time, with that audit line.

        Raises `InvalidRequest` while one takes over.
        """
        ...


class Keeper(Protocol):
    """Makes, copies, exports, verifies and deletes backups, as it finds them written."""

    def wake(self) -> None:
        """A backup, a use of one, or a deletion was written: look at them soon."""
        ...

    def progress(self, backup_id: BackupId) -> Progress | None:
        """How far the making or using of a backup is; None when nothing is moved for it now."""
        ...


class KeyMaker(Protocol):
    """Makes the keys that passwords are encrypted with."""

    async def made(self) -> None:
        """Return once there is a key: at once, but for the first moments of a new service."""
        ...


class Notifier(Protocol):
    """Sends the events of projects to their webhooks."""

    def wake(self, project_id: str) -> None:
        """A project's webhook was written: look at it now."""
        ...

    def survey(self) -> WebhookSurvey:
        """What there is to say of all webhooks, as they were last seen; nothing is asked of the store."""
        ...
