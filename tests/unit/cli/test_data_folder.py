"""What becomes of a folder that a service is to use, and what is left of it in the end."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from memstored.cli.errors import Stop
from memstored.cli.folder import DataFolder


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the data folder is to be; nothing is there yet."""
    return tmp_path / "data"


@pytest.fixture
def greedy_umask() -> Iterator[None]:
    """A umask that takes reading and writing from the owner, too, for the length of a test."""
    before = os.umask(0o777)
    yield
    os.umask(before)


def claimed(place: Path) -> DataFolder:
    """The folder, claimed and given back."""
    folder = DataFolder(place).claim()
    folder.release()
    return folder


def mode_of(path: Path) -> int:
    """The permission bits."""
    return stat.S_IMODE(path.stat().st_mode)


def test_a_fresh_folder_is_the_owners_alone(place: Path) -> None:
    """Nobody else may look into it."""
    claimed(place)

    assert mode_of(place) == 0o700


def test_a_folder_that_was_there_is_closed_to_others(place: Path) -> None:
    """A folder made beforehand, as by an operator, gets the same mode."""
    place.mkdir(mode=0o755)
    (place / ".gitignore").touch()

    claimed(place)

    assert mode_of(place) == 0o700


def test_secrets_that_can_be_read_by_others_are_closed(place: Path) -> None:
    """As after a copy was put back by hand; what holds no secret is as it was."""
    claimed(place)
    for name in ("secret.key", "credentials.json", "memstored.db", "server.json"):
        (place / name).touch()
        (place / name).chmod(0o644)

    claimed(place)

    modes = {path.name: mode_of(path) for path in place.iterdir()}
    assert {modes[name] for name in ("secret.key", "credentials.json", "memstored.db")} == {0o600}
    assert modes["server.json"] == 0o644


def test_the_folder_of_another_user_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who owns the folder can read all in it: its mode is not touched, and the line says whose it is."""
    place.mkdir(mode=0o755)
    monkeypatch.setattr(os, "geteuid", lambda: place.stat().st_uid + 1)

    with pytest.raises(Stop, match=rf"{place} belongs to another user \(uid \d+\)"):
        DataFolder(place).claim()
    assert mode_of(place) == 0o755


def test_a_folder_that_can_not_be_closed_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file system knows no modes, that is said in one line."""
    place.mkdir(mode=0o755)

    def refuse(_path: Path, _mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "chmod", refuse)

    with pytest.raises(Stop, match=rf"{place} can not be used: Operation not permitted"):
        DataFolder(place).claim()


@pytest.mark.parametrize("name", ["thesis.odt", "lock"])
def test_somebodys_folder_is_not_made_ours(place: Path, name: str) -> None:
    """Other files mean another purpose: nothing in the folder is changed, not even its mode."""
    place.mkdir(mode=0o755)
    (place / name).write_text("mine")

    with pytest.raises(Stop, match=rf"holds files that are not memstored's \(like {name}\)"):
        DataFolder(place).claim()

    assert [path.name for path in place.iterdir()] == [name]
    assert (mode_of(place), (place / name).read_text()) == (0o755, "mine")
    assert not DataFolder(place).is_ours


def test_a_store_put_back_alone_may_be_used(place: Path) -> None:
    """A folder made anew around a saved store and its key is one of ours."""
    place.mkdir()
    for name in ("memstored.db", "secret.key"):
        (place / name).touch()

    assert claimed(place).is_ours


def test_a_folder_in_use_is_refused(place: Path) -> None:
    """One service a folder, whatever was written of the one before."""
    holder = DataFolder(place).claim()
    (place / "server.json").write_text("{}")

    with pytest.raises(Stop, match=r"in use by another memstored \(pid None\)|in use by another memstored;"):
        DataFolder(place).claim()
    holder.release()

    assert claimed(place).is_ours


def test_what_is_written_is_private_whatever_the_umask(place: Path, request: pytest.FixtureRequest) -> None:
    """Neither more nor less than the owner may read and write it, also where a draft was left open to all."""
    place.mkdir()
    folder = DataFolder(place)
    draft = place / "credentials.new"
    draft.touch()
    draft.chmod(0o666)
    request.getfixturevalue("greedy_umask")

    folder.write(folder.credentials_file, {"secret": "s"})

    assert mode_of(folder.credentials_file) == 0o600


def test_only_what_memstored_made_is_removed(place: Path) -> None:
    """What somebody put there stays, and is named; then it is no data folder any more."""
    folder = claimed(place)
    for name in ("memstored.db", "memstored.db-wal", "secret.key", "credentials.json", "server.json"):
        (place / name).touch()
    (folder.runtime / "nodes").mkdir(parents=True)
    (folder.runtime / "addresses.json").touch()
    (place / "notes.txt").write_text("mine")

    left = folder.remove()

    assert left == ["notes.txt"]
    assert [path.name for path in place.iterdir()] == ["notes.txt"]
    assert not folder.is_ours


def test_backups_stay_when_all_else_goes(place: Path) -> None:
    """Whole objects are left and named, drafts and empty folders go; the rest is no data folder any more."""
    folder = claimed(place)
    for name in ("unfinished/draft", "backups/p/1.rdb", "buckets/p/b/empty/x"):
        (folder.objects / name).parent.mkdir(parents=True)
        (folder.objects / name).touch()
    (folder.objects / "buckets/p/b/empty/x").unlink()

    left = folder.remove()

    assert left == ["objects"]
    assert [path.name for path in place.rglob("*")] == ["objects", "backups", "p", "1.rdb"]
    assert not folder.is_ours


def test_without_others_files_the_folder_is_removed(place: Path) -> None:
    """Nothing is left, and doing it again is harmless."""
    folder = claimed(place)

    assert folder.remove() == []
    assert folder.remove() == []
    assert not place.exists()
