"""What the identity service refuses, in Keystone's words and shape, as one tree.

    IdentityFault          `status`, `title` and a message; `body()` is what goes over the wire
    ├── Malformed          400  the request is not of the form that Keystone expects
    ├── Unauthenticated    401  the credential or the token that vouches for the caller is not valid
    ├── NotPermitted       403  the caller may not look at or end another user's token
    └── TokenNotFound      404  the token asked about is unknown, expired or revoked

Only for the paths under `/identity` (API.md 8); everything else answers by `domain.errors`.
"""

from typing import Any

__all__ = ["IdentityFault", "Malformed", "NotPermitted", "TokenNotFound", "Unauthenticated"]


class IdentityFault(Exception):
    """A refusal in Keystone's shape."""

    status: int
    title: str

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def body(self) -> dict[str, Any]:
        """The answer's body."""
        return {"error": {"code": self.status, "message": self.message, "title": self.title}}


class Malformed(IdentityFault):
    """Something that Keystone expects is not there: `wanted` is looked for in `place`."""

    status = 400
    title = "Bad Request"

    def __init__(self, wanted: str, place: str) -> None:
        super().__init__(
            f"Expecting to find {wanted} in {place}. The server could not comply with the request since it "
            "is either malformed or otherwise incorrect. The client is assumed to be in error."
        )


class Unauthenticated(IdentityFault):
    """The same words whatever was wrong, so that nobody learns which part of a guess was right."""

    status = 401
    title = "Unauthorized"

    def __init__(self, message: str = "The request you have made requires authentication.") -> None:
        super().__init__(message)


class NotPermitted(IdentityFault):
    """The caller's roles do not allow the action, named as in Keystone's policies."""

    status = 403
    title = "Forbidden"

    def __init__(self, action: str) -> None:
        super().__init__(f"You are not authorized to perform the requested action: {action}.")


class TokenNotFound(IdentityFault):
    """There is no such token, or no longer."""

    status = 404
    title = "Not Found"

    def __init__(self) -> None:
        super().__init__("Could not find token.")
