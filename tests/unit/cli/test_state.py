"""The service's own state: copied, put back, and refused where that would do harm."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from memstored.cli.errors import Stop
from memstored.cli.folder import DataFolder
from memstored.cli.state import back_up, restore


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """A data folder with a database that has one row."""
    folder = DataFolder(tmp_path / "data").claim()
    folder.release()
    with closing(_database(folder)) as database, database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE rows (word TEXT)")
        database.execute("INSERT INTO rows VALUES ('before')")
    folder.key_file.write_text("key\n")
    return folder


def _database(folder: DataFolder) -> sqlite3.Connection:
    return sqlite3.connect(folder.path / "memstored.db")


def _words(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as database:
        return [word for (word,) in database.execute("SELECT word FROM rows")]


def test_a_copy_is_made_while_somebody_writes(folder: DataFolder, tmp_path: Path) -> None:
    """What is committed is in it, though it stands in the log still; what is not is not."""
    with closing(_database(folder)) as database:
        database.execute("INSERT INTO rows VALUES ('committed')")
        database.commit()
        database.execute("INSERT INTO rows VALUES ('under way')")
        back_up(folder, tmp_path / "copy")

    copy = tmp_path / "copy"
    assert _words(copy / "memstored.db") == ["before", "committed"]
    assert (copy / "secret.key").read_text() == "key\n"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in copy.iterdir()} == {0o600}


def test_a_copy_is_put_back(folder: DataFolder, tmp_path: Path) -> None:
    """With nothing left of what was there since."""
    back_up(folder, tmp_path / "copy")
    with closing(_database(folder)) as database, database:
        database.execute("INSERT INTO rows VALUES ('since')")
    (folder.path / "memstored.db-wal").write_bytes(b"left over")
    folder.key_file.write_text("another\n")

    restore(folder, tmp_path / "copy")

    assert _words(folder.path / "memstored.db") == ["before"]
    assert folder.key_file.read_text() == "key\n"
    assert not [file for file in folder.path.iterdir() if file.name.endswith(".restored")]


def test_until_it_is_replaced_the_old_state_is_whole(
    folder: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restore that is cut short takes nothing from it, also not what stands in the log alone."""
    back_up(folder, tmp_path / "copy")
    _end_without_closing(folder, "INSERT INTO rows VALUES ('since')")
    monkeypatch.setattr(Path, "replace", _ended)

    with pytest.raises(Stop, match="can not be restored"):
        restore(folder, tmp_path / "copy")

    assert _words(folder.path / "memstored.db") == ["before", "since"]


def test_a_state_comes_in_the_place_of_a_damaged_one(folder: DataFolder, tmp_path: Path) -> None:
    """That is what copies are for; nothing of the old log comes into it."""
    back_up(folder, tmp_path / "copy")
    _end_without_closing(folder, "INSERT INTO rows VALUES ('since')")
    (folder.path / "memstored.db").write_bytes(b"nonsense" * 1000)

    restore(folder, tmp_path / "copy")

    assert _words(folder.path / "memstored.db") == ["before"]


def test_nothing_is_replaced_that_somebody_reads(folder: DataFolder, tmp_path: Path) -> None:
    """As another copy that is being made."""
    back_up(folder, tmp_path / "copy")
    with closing(_database(folder)) as reading:
        reading.execute("BEGIN")
        reading.execute("SELECT * FROM rows").fetchall()
        with pytest.raises(Stop, match="locked"):
            restore(folder, tmp_path / "copy")

    assert _words(folder.path / "memstored.db") == ["before"]


def _end_without_closing(folder: DataFolder, statement: str) -> None:
    """Write, and leave the files as a service does that is killed: the change is in the log alone."""
    names = ("memstored.db", "memstored.db-wal")
    with closing(_database(folder)) as database:
        with database:
            database.execute(statement)
        held = {name: (folder.path / name).read_bytes() for name in names}
    for name, content in held.items():
        (folder.path / name).write_bytes(content)


def _ended(*_: object) -> None:
    raise OSError("killed")


def test_a_state_that_is_put_back_knows_no_controller(folder: DataFolder, tmp_path: Path) -> None:
    """So that it takes over from whoever has the nodes: it was said to be the right one (S7)."""
    with closing(_database(folder)) as database, database:
        database.execute("CREATE TABLE controllers (number INTEGER)")
        database.execute("INSERT INTO controllers VALUES (1)")
    back_up(folder, tmp_path / "copy")

    restore(folder, tmp_path / "copy")

    for file, count in ((folder.path / "memstored.db", 0), (tmp_path / "copy" / "memstored.db", 1)):
        with closing(sqlite3.connect(file)) as database:
            assert database.execute("SELECT COUNT(*) FROM controllers").fetchone() == (count,)


def test_nothing_is_put_under_a_service(folder: DataFolder, tmp_path: Path) -> None:
    """One that runs has the lock."""
    back_up(folder, tmp_path / "copy")
    served = DataFolder(folder.path).hold()

    with pytest.raises(Stop, match="is in use by another memstored"):
        restore(folder, tmp_path / "copy")

    served.release()


def test_a_damaged_copy_is_refused(folder: DataFolder, tmp_path: Path) -> None:
    """The state stays as it is."""
    back_up(folder, tmp_path / "copy")
    (tmp_path / "copy" / "memstored.db").write_bytes(b"nonsense" * 100)

    with pytest.raises(Stop, match="can not be restored"):
        restore(folder, tmp_path / "copy")

    assert _words(folder.path / "memstored.db") == ["before"]


def test_what_is_no_copy_is_refused(folder: DataFolder, tmp_path: Path) -> None:
    """As one that was cut short: the database comes last."""
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "secret.key").touch()

    with pytest.raises(Stop, match="holds no copy"):
        restore(folder, tmp_path / "copy")


def test_nothing_is_copied_over_something(folder: DataFolder, tmp_path: Path) -> None:
    """Nor from what is no data folder."""
    (tmp_path / "copy").mkdir()

    with pytest.raises(Stop, match="can not be copied"):
        back_up(folder, tmp_path / "copy")
    with pytest.raises(Stop, match="is no data folder"):
        back_up(DataFolder(tmp_path / "copy"), tmp_path / "other")
