"""Whether a form was sent by one of our own pages.

Two proofs are asked for. The browser's word: `Origin` is ours and `Sec-Fetch-Site` says the same. And a
token in the form that no other site can know: an HMAC by the visitor's own cookie. Pure.
"""

import hmac
from hashlib import sha256
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from memstored.console.languages import english
from memstored.domain.errors import Forbidden

__all__ = ["FIELD", "form_token", "require_own_form", "require_own_page"]

FIELD = "form_token"
"""The hidden field of every form."""

_PURPOSE = b"memstored console form"
_ELSEWHERE = english(
    "This form was sent by another site, so nothing was done. Open the page here and send its form."
)
_STALE = english(
    "This form is of an earlier session, so nothing was done. Go back, load the page again, and send it anew."
)


def form_token(key: str) -> str:
    """The token of forms for who has this cookie: the session's, or a visitor's before signing in."""
    return hmac.new(key.encode(), _PURPOSE, sha256).hexdigest()


def require_own_page(headers: Headers, public_origin: str) -> None:
    """Raise `Forbidden` unless the browser says that one of our pages sent this.

    `public_origin` is where visitors find us behind a proxy, which may tell us another `Host`.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site in ("cross-site", "same-site"):
        raise Forbidden(_ELSEWHERE, code="foreign_page")
    if origin is not None and origin != public_origin and urlsplit(origin).netloc != headers.get("host"):
        raise Forbidden(_ELSEWHERE, code="foreign_page")


def require_own_form(key: str | None, given: str | None) -> None:
    """Raise `Forbidden` unless this is the token of a form that we made for who has this cookie."""
    if not key or not given or not hmac.compare_digest(form_token(key).encode(), given.encode()):
        raise Forbidden(_STALE, code="stale_form")
