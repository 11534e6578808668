"""Sessions kept at hand, so that knowing a caller costs no look into the store.

A revoked token must not come back from a look-up that began before it was revoked. So a look-up asks for
a `ticket` first, and what it found is kept only while no session was dropped since.
"""

from collections import OrderedDict

from memstored.domain.credentials import Session

__all__ = ["SessionCache"]


class SessionCache:
    """The `capacity` sessions used last, by the hash of their token."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._dropped = 0

    def get(self, token_hash: str) -> Session | None:
        """The session, if it is at hand; whether it has expired is for the caller to judge."""
        session = self._sessions.get(token_hash)
        if session is not None:
            self._sessions.move_to_end(token_hash)
        return session

    def ticket(self) -> int:
        """A number that `keep` takes, to tell whether a session was dropped in between."""
        return self._dropped

    def keep(self, session: Session, ticket: int) -> None:
        """Keep a session at hand that was looked up after `ticket` was given."""
        if ticket != self._dropped:
            return
        self._sessions[session.token.hash] = session
        self._sessions.move_to_end(session.token.hash)
        if len(self._sessions) > self._capacity:
            self._sessions.popitem(last=False)

    def drop(self, token_hash: str) -> None:
        """Forget one session."""
        self._dropped += 1
        self._sessions.pop(token_hash, None)

    def drop_credential(self, credential_id: str) -> None:
        """Forget every session of a credential."""
        self._dropped += 1
        kept = {h: s for h, s in self._sessions.items() if s.credential.id != credential_id}
        self._sessions = OrderedDict(kept)
