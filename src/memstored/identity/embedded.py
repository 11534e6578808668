"""The embedded issuer: application credentials are exchanged for tokens, as at Keystone (API.md 8).

Secrets and tokens are random and are kept only as SHA-256: with 256 bits of randomness there is nothing
to guess that a slower hash would protect. `api` calls `issue`, `show` and `revoke` for the identity paths
and `caller` for every other request; `service` and `cli` the rest.
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from memstored.domain.clock import Clock
from memstored.domain.credentials import Credential, Session, Token
from memstored.domain.errors import Conflict, Detail, InvalidRequest, NotFound
from memstored.identity import keystone
from memstored.identity.claims import Claim, ClaimById, read_claim
from memstored.identity.errors import NotPermitted, TokenNotFound, Unauthenticated
from memstored.identity.protocol import Caller, RoleName
from memstored.identity.registry import Registry
from memstored.identity.sessions import SessionCache

__all__ = ["TOKEN_LIFETIME", "EmbeddedIssuer", "IssuedToken", "NewCredential"]

TOKEN_LIFETIME = 12 * 3600
"""Seconds that a token is valid, or less when its credential expires before."""

_SECRET_BYTES = 32
_ID_BYTES = 16
_SESSIONS_AT_HAND = 10_000
_NO_SECRET = "0" * 64
"""What a secret is compared with when there is no such credential: no secret has this hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A fresh token, for `X-Subject-Token`, and the body that describes it."""

    token: str = field(repr=False)
    body: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCredential:
    """A fresh credential with its secret, which is shown this once and kept nowhere."""

    credential: Credential
    secret: str = field(repr=False)


class EmbeddedIssuer:
    """Issues tokens and tells who they belong to.

    `public_url` is where this service is reached, without a path; `random` gives that many random bytes.
    """

    def __init__(
        self,
        registry: Registry,
        clock: Clock,
        *,
        public_url: str,
        random: Callable[[int], bytes] = secrets.token_bytes,
        sessions_at_hand: int = _SESSIONS_AT_HAND,
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._public_url = public_url.rstrip("/")
        self._random = random
        self._sessions = SessionCache(sessions_at_hand)

    async def issue(self, body: object) -> IssuedToken:
        """Exchange a credential for a token; `body` is the request's JSON.

        Raises `Malformed`, and `Unauthenticated` in the same words whatever was wrong.
        """
        claim = read_claim(body)
        now = self._clock.wall()
        credential = await self._claimed(claim)
        if not _holds(credential, claim.secret) or credential is None or not credential.valid_at(now):
            raise Unauthenticated
        text = self._text(_SECRET_BYTES)
        session = Session(token=self._token(text, credential, now), credential=credential)
        if not await self._registry.add_token(session.token):
            raise Unauthenticated
        return IssuedToken(token=text, body=keystone.token_document(session, self._public_url))

    async def caller(self, token: str) -> Caller | None:
        """The caller behind a token; None when it is unknown, revoked or expired."""
        session = await self._session(token)
        return None if session is None else _caller(session)

    async def show(self, subject: str | None, *, asked_by: str | None) -> dict[str, Any]:
        """Describe the token `subject` (X-Subject-Token) to the holder of `asked_by` (X-Auth-Token).

        Raises `Unauthenticated`, `TokenNotFound`, and `NotPermitted` for another user's token.
        """
        session = await self._seen_by(asked_by, subject, "identity:validate_token")
        return keystone.token_document(session, self._public_url)

    async def revoke(self, subject: str | None, *, asked_by: str | None) -> None:
        """End the token `subject` at once. Raises as `show` does."""
        session = await self._seen_by(asked_by, subject, "identity:revoke_token")
        try:
            await self._registry.revoke(session.token.hash)
        finally:
            self._sessions.drop(session.token.hash)

    def version(self) -> dict[str, Any]:
        """Keystone's version document."""
        return keystone.version_document(self._public_url)

    async def create_credential(
        self,
        name: str,
        project_id: str,
        roles: Iterable[str],
        *,
        project_name: str | None = None,
        user_id: str | None = None,
        user_name: str | None = None,
        expires_at: float | None = None,
    ) -> NewCredential:
        """Make a credential; without `user_id` for a new user, named like it unless `user_name` says.

        Raises `InvalidRequest`, and `Conflict` when the user has a credential of that name.
        """
        held = tuple(sorted(set(roles)))
        _require_valid(name, project_id, held)
        secret = self._text(_SECRET_BYTES)
        credential = Credential(
            id=self._id(),
            name=name,
            secret_hash=_hash(secret),
            user_id=user_id or self._id(),
            user_name=user_name or name,
            project_id=project_id,
            project_name=project_name or project_id,
            roles=held,
            created_at=self._clock.wall(),
            expires_at=expires_at,
        )
        if not await self._registry.add(credential):
            raise Conflict(f"This user has a credential named {name}; choose another name.")
        return NewCredential(credential=credential, secret=secret)

    async def credentials(self) -> Sequence[Credential]:
        """Every credential, the oldest first."""
        return await self._registry.all()

    async def delete_credential(self, credential_id: str) -> Credential:
        """Delete a credential, and return what it was; its tokens end at once.

        Raises `NotFound`, and `InvalidRequest` for the last administrator's: nobody could make another.
        """
        try:
            removed = await self._registry.remove(credential_id, self._require_another_administrator)
        finally:
            self._sessions.drop_credential(credential_id)
        if removed is None:
            raise NotFound("There is no such credential.", code="credential_unknown")
        return removed

    async def bootstrap(self) -> NewCredential | None:
        """Make the first administrator, in a project of its own; None when there is any credential."""
        if await self._registry.all():
            return None
        return await self.create_credential("admin", self._id(), [RoleName.ADMIN], project_name="admin")

    def _require_another_administrator(self, doomed: Credential, others: Sequence[Credential]) -> None:
        """Raise `InvalidRequest` unless somebody is left who can make credentials, or this one could not."""
        now = self._clock.wall()
        if _administers(doomed, now) and not any(_administers(it, now) for it in others):
            raise InvalidRequest("Make another administrator first; this is the last one.", code="last_admin")

    async def _claimed(self, claim: Claim) -> Credential | None:
        if isinstance(claim, ClaimById):
            return await self._registry.credential(claim.credential_id)
        return await self._registry.named(claim.user_id, claim.name)

    async def _session(self, token: str) -> Session | None:
        token_hash = _hash(token)
        session = self._sessions.get(token_hash) or await self._looked_up(token_hash)
        if session is None or not session.token.valid_at(self._clock.wall()):
            return None
        return session

    async def _looked_up(self, token_hash: str) -> Session | None:
        ticket = self._sessions.ticket()
        session = await self._registry.session(token_hash)
        if session is not None:
            self._sessions.keep(session, ticket)
        return session

    async def _seen_by(self, asked_by: str | None, subject: str | None, action: str) -> Session:
        """The session of `subject`, for its own user and for administrators, as Keystone's policy has it."""
        asking = await self._session(asked_by) if asked_by else None
        if asking is None:
            raise Unauthenticated
        session = await self._session(subject) if subject else None
        if session is None:
            raise TokenNotFound
        own = session.credential.user_id == asking.credential.user_id
        if not own and RoleName.ADMIN not in asking.credential.roles:
            raise NotPermitted(action)
        return session

    def _token(self, text: str, credential: Credential, now: float) -> Token:
        """The record of a token, in whole seconds as at Keystone; it ends with its credential."""
        issued_at = float(int(now))
        ends = (issued_at + TOKEN_LIFETIME, credential.expires_at)
        return Token(
            hash=_hash(text),
            credential_id=credential.id,
            audit_id=self._text(_ID_BYTES),
            issued_at=issued_at,
            expires_at=min(end for end in ends if end is not None),
        )

    def _text(self, size: int) -> str:
        return urlsafe_b64encode(self._random(size)).decode().rstrip("=")

    def _id(self) -> str:
        return self._random(_ID_BYTES).hex()


def _caller(session: Session) -> Caller:
    credential = session.credential
    return Caller(
        user_id=credential.user_id,
        user_name=credential.user_name,
        project_id=credential.project_id,
        roles=frozenset(credential.roles),
        expires_at=session.token.expires_at,
    )


def _administers(credential: Credential, now: float) -> bool:
    return RoleName.ADMIN in credential.roles and credential.valid_at(now)


def _holds(credential: Credential | None, secret: str) -> bool:
    """Whether it is the credential's secret; takes as long when there is no credential."""
    expected = credential.secret_hash if credential else _NO_SECRET
    return hmac.compare_digest(_hash(secret), expected)


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _require_valid(name: str, project_id: str, roles: Sequence[str]) -> None:
    faults = [
        Detail(field, "required", f"Give the credential's {field}.")
        for field, value in (("name", name), ("projectId", project_id), ("roles", roles))
        if not value
    ]
    known = ", ".join(RoleName)
    faults += [
        Detail("roles", "unknown_role", f"There is no role {role}; there are {known}.")
        for role in roles
        if role not in set(RoleName)
    ]
    if faults:
        raise InvalidRequest("Correct the credential's fields.", details=faults)
