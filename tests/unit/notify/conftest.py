"""Receivers that take what comes, certificates, and little time."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from outbound import Papers

from memstored.notify import sender as sending
from receiver import Receiver, receiving


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Takes everything."""
    with receiving() as here:
        yield here


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> float:
    """An attempt takes half a second at most."""
    monkeypatch.setattr(sending, "DEADLINE", 0.5)
    return 0.5


@pytest.fixture
def papers(tmp_path: Path) -> Papers:
    """Made anew."""
    return Papers(tmp_path)
