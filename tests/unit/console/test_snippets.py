"""What programs are told to connect; `tests/browser` tries it against real sets."""

import ast
from dataclasses import replace

import pytest

from memstored.console.snippets import Place, snippets

PLAIN = Place(host="127.20.9.1", port=6380, tls=False, user=None, password=False, old=False)
LOGIN = replace(PLAIN, user="app", password=True)
TLS = replace(LOGIN, tls=True)
OLD = replace(PLAIN, password=True, old=True)


def said(place: Place) -> dict[str, str]:
    """The texts by the words of their addresses."""
    return {one.id: one.text for one in snippets(place)}


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (PLAIN, "redis-cli -h 127.20.9.1 -p 6380"),
        (replace(PLAIN, password=True), "redis-cli -h 127.20.9.1 -p 6380 --askpass"),
        (TLS, "redis-cli -h 127.20.9.1 -p 6380 --tls --cacert ca.pem --user app --askpass"),
        (OLD, "read -rs REDISCLI_AUTH && export REDISCLI_AUTH\nredis-cli -h 127.20.9.1 -p 6380"),
    ],
)
def test_redis_cli_asks_for_the_password(place: Place, words: str) -> None:
    """One as old as an engine without users can not: there the shell does."""
    assert said(place)["redis-cli"] == words


@pytest.mark.parametrize("place", [PLAIN, LOGIN, TLS, OLD])
def test_programs_are_told_exactly_what_there_is(place: Place) -> None:
    """User, password and TLS only where the set has them."""
    for text in (text for name, text in said(place).items() if name != "redis-cli"):
        assert "127.20.9.1" in text
        assert "6380" in text
        assert ("app" in text) is (place.user is not None)
        assert ("REDIS_PASSWORD" in text) is place.password
        assert ("ca.pem" in text) is place.tls


@pytest.mark.parametrize("place", [PLAIN, TLS])
def test_the_python_one_is_python(place: Place) -> None:
    """As far as can be told without running it."""
    ast.parse(said(place)["redis-py"])


def test_an_old_engine_is_not_asked_for_more_than_it_knows() -> None:
    """It has no `HELLO`, with which redis-py begins."""
    assert "protocol=2," in said(OLD)["redis-py"]
    assert "protocol" not in said(LOGIN)["redis-py"]
