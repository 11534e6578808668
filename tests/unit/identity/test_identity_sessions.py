"""Sessions kept at hand."""

from shelf import NOW

from memstored.domain.credentials import Credential, Session, Token
from memstored.identity.sessions import SessionCache


def _session(token_hash: str, credential_id: str = "c") -> Session:
    return Session(
        token=Token(
            hash=token_hash, credential_id=credential_id, audit_id="a", issued_at=NOW, expires_at=NOW + 1
        ),
        credential=Credential(
            id=credential_id,
            name="n",
            secret_hash="h",
            user_id="u",
            user_name="n",
            project_id="p",
            project_name="p",
            roles=("member",),
            created_at=NOW,
        ),
    )


def _cache(*hashes: str, capacity: int = 9) -> SessionCache:
    cache = SessionCache(capacity)
    for token_hash in hashes:
        cache.keep(_session(token_hash), cache.ticket())
    return cache


def test_what_is_kept_is_at_hand() -> None:
    """A session is found by its token's hash, and only by that."""
    cache = _cache("one")

    assert cache.get("one") == _session("one")
    assert cache.get("two") is None


def test_the_one_unused_longest_goes_first() -> None:
    """There is room for so many; using a session keeps it."""
    cache = _cache("one", "two", capacity=2)
    cache.get("one")

    cache.keep(_session("three"), cache.ticket())

    assert [cache.get(h) is not None for h in ("one", "two", "three")] == [True, False, True]


def test_a_dropped_session_is_gone() -> None:
    """One session is forgotten, the others stay."""
    cache = _cache("one", "two")

    cache.drop("one")

    assert cache.get("one") is None
    assert cache.get("two") is not None


def test_a_credential_takes_its_sessions_along() -> None:
    """All sessions of a credential are forgotten, those of others stay."""
    cache = _cache("one", "two")
    cache.keep(_session("three", "other"), cache.ticket())

    cache.drop_credential("c")

    assert [cache.get(h) is not None for h in ("one", "two", "three")] == [False, False, True]


def test_a_look_up_that_was_overtaken_keeps_nothing() -> None:
    """What was read before something was dropped may be what was dropped."""
    cache = _cache()
    ticket = cache.ticket()

    cache.drop("one")
    cache.keep(_session("one"), ticket)

    assert cache.get("one") is None
