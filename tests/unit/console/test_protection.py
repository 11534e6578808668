"""Which forms are taken: those of our own pages."""

import pytest
from starlette.datastructures import Headers

from memstored.console.protection import form_token, require_own_form, require_own_page
from memstored.domain.errors import Forbidden

PUBLIC = "https://redis.example.org"


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "127.0.0.1:8700", "origin": "http://127.0.0.1:8700", "sec-fetch-site": "same-origin"},
        {"host": "127.0.0.1:8700", "origin": "https://127.0.0.1:8700"},
        {"host": "127.0.0.1:8700", "origin": PUBLIC, "sec-fetch-site": "same-origin"},
        {"host": "127.0.0.1:8700", "sec-fetch-site": "none"},
        {"host": "127.0.0.1:8700"},
    ],
)
def test_forms_of_our_pages_are_taken(headers: dict[str, str]) -> None:
    """At the address the browser used, at the public one, and of browsers that tell nothing."""
    require_own_page(Headers(headers), PUBLIC)


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "127.0.0.1:8700", "origin": "http://evil.example"},
        {"host": "127.0.0.1:8700", "origin": "http://127.0.0.1:9999"},
        {"host": "127.0.0.1:8700", "origin": "null"},
        {"host": "127.0.0.1:8700", "origin": ""},
        {"host": "127.0.0.1:8700", "origin": f"{PUBLIC}.evil.example"},
        {"host": "127.0.0.1:8700", "sec-fetch-site": "cross-site"},
        {"host": "127.0.0.1:8700", "origin": "http://127.0.0.1:8700", "sec-fetch-site": "same-site"},
    ],
)
def test_forms_of_other_pages_are_refused(headers: dict[str, str]) -> None:
    """Another site, another port, a sandboxed frame, and a neighbour at the same site."""
    with pytest.raises(Forbidden) as refused:
        require_own_page(Headers(headers), PUBLIC)

    assert refused.value.code == "foreign_page"


def test_a_form_is_bound_to_its_visitor() -> None:
    """The token of one session is nothing to another."""
    require_own_form("session", form_token("session"))

    for key, given in [
        ("other", form_token("session")),
        ("session", None),
        ("session", ""),
        ("session", "한"),
        (None, form_token("session")),
        ("", form_token("")),
    ]:
        with pytest.raises(Forbidden):
            require_own_form(key, given)
