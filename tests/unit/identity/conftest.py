"""An issuer over a registry in memory."""

import pytest
from shelf import NOW, PUBLIC_URL, Counted, Shelf

from clocks import StillClock
from memstored.identity.embedded import EmbeddedIssuer


@pytest.fixture
def shelf() -> Shelf:
    """The registry."""
    return Shelf()


@pytest.fixture
def still() -> StillClock:
    """A clock that stands still."""
    return StillClock(NOW)


@pytest.fixture
def issuer(shelf: Shelf, still: StillClock) -> EmbeddedIssuer:
    """The issuer, without chance."""
    return EmbeddedIssuer(shelf, still, public_url=f"{PUBLIC_URL}/", random=Counted())
