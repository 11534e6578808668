"""`memstored backup verify`: it waits for the end, shows how far it is, and ends as the backup is."""

from collections.abc import Mapping
from typing import Any

import pytest

from memstored.cli.backups import await_verdict
from memstored.cli.errors import Stop


class Caller:
    """Answers as the service does while a backup is being verified, and then with `end`."""

    def __init__(self, looks: int, **end: object) -> None:
        whole = {"name": "nightly", "damage": None, "reason": None, "progress": None, "verifying": False}
        self.rows = [whole | {"verifying": True, "progress": _progress(n)} for n in range(looks)]
        self.rows.append(whole | end)
        self.asked: list[str] = []

    def post(self, path: str, _body: Mapping[str, Any]) -> object:
        """Begin it."""
        self.asked.append(path)
        return {"objectId": "b"}

    def get(self, path: str) -> Mapping[str, Any]:
        """How it is."""
        self.asked.append(path)
        return self.rows.pop(0)


def _progress(number: int) -> Mapping[str, int] | None:
    return {"bytes": 10 * number, "totalBytes": 20, "percent": 50 * number} if number else None


def test_a_whole_backup_is_told_when_it_is_over() -> None:
    """With what was shown on the way; nothing while nothing moves yet."""
    caller, shown, pauses = Caller(3), [], []

    row = await_verdict(caller, "b", lambda *seen: shown.append(seen), pause=pauses.append)

    assert row["name"] == "nightly"
    assert shown == [(10, 20), (20, 20)]
    assert len(pauses) == 3
    assert caller.asked == ["/v1/backups/b/verify", *["/v1/backups/b"] * 4]


def test_a_damaged_backup_ends_with_1_and_what_is_wrong() -> None:
    """So that a script sees it."""
    with pytest.raises(Stop, match=r"nightly is damaged\. The SHA-256 is another one\.") as stop:
        await_verdict(Caller(0, damage="The SHA-256 is another one."), "b", lambda *_: None)

    assert stop.value.code == 1


def test_what_could_not_be_found_out_is_no_verdict() -> None:
    """Another exit code, with the reason."""
    reason = "It could not be verified: no Redis of version 7.2.7 or later is here to load it."
    with pytest.raises(Stop, match=r"could not be verified") as stop:
        await_verdict(Caller(1, reason=reason), "b", lambda *_: None, pause=lambda _: None)

    assert stop.value.code == 4
