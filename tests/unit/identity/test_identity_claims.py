"""Reading what a request for a token claims."""

from typing import Any

import pytest

from memstored.identity.claims import ClaimById, ClaimByName, read_claim
from memstored.identity.errors import Malformed, Unauthenticated


def _body(credential: object, **identity: object) -> dict[str, Any]:
    methods = {"methods": ["application_credential"], "application_credential": credential}
    return {"auth": {"identity": methods | identity}}


def test_by_id() -> None:
    """The id of a credential and its secret are enough."""
    claim = read_claim(_body({"id": "i", "secret": "s"}))

    assert claim == ClaimById(credential_id="i", secret="s")


def test_by_name() -> None:
    """A name needs the user whose credential it names."""
    claim = read_claim(_body({"name": "n", "secret": "s", "user": {"id": "u"}}))

    assert claim == ClaimByName(user_id="u", name="n", secret="s")


def test_an_id_counts_more_than_a_name() -> None:
    """As at Keystone, whoever gives both is taken by the id."""
    claim = read_claim(_body({"id": "i", "name": "n", "secret": "s"}))

    assert claim == ClaimById(credential_id="i", secret="s")


def test_secrets_do_not_show() -> None:
    """A claim that ends in a log or a traceback does not give its secret away."""
    assert "hush" not in repr(read_claim(_body({"id": "i", "secret": "hush"})))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (None, "an object in request body"),
        ([], "an object in request body"),
        ({}, "auth in request body"),
        ({"auth": "x"}, "auth in request body"),
        ({"auth": {}}, "identity in auth"),
        ({"auth": {"identity": {}}}, "methods in identity"),
        (_body({}, methods=[]), "methods in identity"),
        (_body({}, methods="application_credential"), "methods in identity"),
        (_body(None), "application_credential in identity"),
        (_body({"id": "i"}), "secret in application_credential"),
        (_body({"id": "i", "secret": 7}), "secret in application_credential"),
        (_body({"id": "i", "secret": "\ud800"}), "secret in application_credential"),
        (_body({"id": "a\0", "secret": "s"}), "id in application_credential"),
        (_body({"secret": "s"}), "id or name in application_credential"),
        (_body({"name": "n", "secret": "s"}), "user in application_credential"),
        (_body({"name": "n", "secret": "s", "user": {}}), "id in user"),
        (_body({"name": None, "secret": "s", "user": {"id": "u"}}), "name in application_credential"),
    ],
)
def test_what_is_malformed_is_named(body: object, expected: str) -> None:
    """The message says what is expected and where, in Keystone's words."""
    with pytest.raises(Malformed) as refused:
        read_claim(body)

    assert refused.value.message.startswith(f"Expecting to find {expected}. The server could not comply")
    assert (refused.value.body()["error"]["code"], refused.value.title) == (400, "Bad Request")


@pytest.mark.parametrize("methods", [["password"], ["application_credential", "totp"]])
def test_other_methods_are_not_supported(methods: list[str]) -> None:
    """There are no passwords here."""
    with pytest.raises(Unauthenticated, match="unsupported method"):
        read_claim(_body({"id": "i", "secret": "s"}, methods=methods))


def test_a_scope_can_not_be_asked_for() -> None:
    """A credential brings its project with it; a client that asks for another must learn it."""
    body = _body({"id": "i", "secret": "s"})
    body["auth"]["scope"] = {"project": {"id": "p"}}

    with pytest.raises(Unauthenticated, match="cannot request a scope"):
        read_claim(body)
