"""What a browser keeps for us: the session, its language, and who it is before signing in.

None has a `Path`: a browser then takes the folder of the page that sets it, which is the console's own, at
whatever address a proxy shows it. So they are set by pages that lie directly in it (`sign-in`, `language`).
"""

from datetime import datetime

from starlette.responses import Response

__all__ = ["LANGUAGE", "SESSION", "VISITOR", "forget", "keep"]

SESSION = "memstored_session"
"""The token of the API: there is no other session than that."""

VISITOR = "memstored_visitor"
"""A random text, which the forms of visitors that are not signed in are bound to."""

LANGUAGE = "memstored_language"


def keep(
    response: Response, name: str, value: str, *, secure: bool, expires: datetime | int | None = None
) -> None:
    """Have the browser keep it until then, or for so many seconds; None: until it is closed."""
    response.set_cookie(
        name, value, expires=expires, path=None, secure=secure, httponly=True, samesite="strict"
    )


def forget(response: Response, name: str, *, secure: bool) -> None:
    """Have the browser drop it."""
    keep(response, name, "", secure=secure, expires=0)
