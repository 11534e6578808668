"""The service's own state, copied while it runs, and put back while it does not.

It is the database and the key that opens the secrets in it. What the nodes hold is in their memory and in
backups of sets; where the nodes are is in the folder `runtime`, which stays where it is.
"""

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from memstored.cli.errors import Stop
from memstored.cli.folder import DataFolder

__all__ = ["app", "back_up", "restore"]

app = typer.Typer(help="The service's own state.", no_args_is_help=True)

DataDir = Annotated[Path, typer.Option("--data-dir", help="The data folder of the service.")]
FILES = ("memstored.db", "secret.key", "credentials.json")
"""What a copy holds; the last one only where it was not moved away."""
LEFTOVERS = ("memstored.db-wal", "memstored.db-shm", "memstored.db-journal")
"""What belongs to the database that is replaced, and would be taken for the new one's."""


@app.command("backup")
def backup_command(
    to: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder that is not there yet.")],
    data_dir: DataDir = Path("data"),
) -> None:
    """Copy database and key into a new folder (0700).

    Also while the service runs. Keep the copy as a secret.
    """
    back_up(DataFolder(data_dir), to)
    typer.echo(f"Copied the state of {data_dir} to {to}.")


@app.command("restore")
def restore_command(
    source: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder that `state backup` made.")],
    data_dir: DataDir = Path("data"),
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put a copy in the place of a data folder's state.

    The service must be stopped.
    """
    if not yes:
        typer.confirm(f"Replace the state of {data_dir} by that of {source}?", abort=True)
    restore(DataFolder(data_dir), source)
    typer.echo(f"Restored {source} into {data_dir}; start the service.")


def back_up(folder: DataFolder, to: Path) -> None:
    """Copy what must be together; raises `Stop`. A copy that was cut short has no database."""
    if not folder.is_ours:
        raise Stop(f"{folder.path} is no data folder of memstored.")
    try:
        to.mkdir(mode=0o700)
        for name in FILES[1:]:
            if (folder.path / name).exists():
                _copy(folder.path / name, to / name)
        _copy_database(folder.path / FILES[0], to / FILES[0])
        _sync(to)
    except (OSError, sqlite3.Error) as fault:
        raise Stop(f"The state of {folder.path} can not be copied to {to}: {fault}.") from None


def _copy_database(source: Path, to: Path) -> None:
    """One state of it, by SQLite's own means: a change that comes meanwhile is in it whole, or not at all."""
    draft = to.with_suffix(".new")
    draft.touch(mode=0o600)
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as present,
        closing(sqlite3.connect(draft)) as copy,
    ):
        present.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
    _require_sound(draft)
    draft.replace(to)


def _require_sound(database: Path) -> None:
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise Stop(f"{database} is damaged: {verdict}.")


def restore(folder: DataFolder, source: Path) -> None:
    """Put a copy back; raises `Stop` when a service has the folder, or the copy is not whole.

    Cut short it leaves the old database or the new one, each with all that it held; then do it again.
    """
    if not all((source / name).is_file() for name in FILES[:2]):
        raise Stop(f"{source} holds no copy that `memstored state backup` made.")
    folder.claim()
    try:
        _require_sound(source / FILES[0])
        for name in FILES:
            if (source / name).exists():
                _copy(source / name, folder.path / f"{name}.restored")
        _forget_controllers(folder.path / f"{FILES[0]}.restored")
        _settle(folder.path / FILES[0])
        for name in LEFTOVERS:
            (folder.path / name).unlink(missing_ok=True)
        _sync(folder.path)
        for name in FILES:
            if (folder.path / f"{name}.restored").exists():
                (folder.path / f"{name}.restored").replace(folder.path / name)
        _sync(folder.path)
    except (OSError, sqlite3.Error) as fault:
        raise Stop(f"{source} can not be restored into {folder.path}: {fault}.") from None
    finally:
        folder.release()


def _forget_controllers(database: Path) -> None:
    """Let the next start take over from anybody: whoever restores a state says that it is the right one (S7).

    A copy of an older memstored has none.
    """
    with closing(sqlite3.connect(database)) as connection, connection:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'controllers'").fetchone():
            connection.execute("DELETE FROM controllers")


def _settle(database: Path) -> None:
    """Bring into the database what only the log beside it has: that goes first, and was committed."""
    if not database.exists():
        return
    try:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        return  # it is damaged, and with it what the log has


def _copy(source: Path, to: Path) -> None:
    to.touch(mode=0o600)
    shutil.copyfile(source, to)
    _sync(to)


def _sync(place: Path) -> None:
    """Have a file, or which files are in a folder, on the disk."""
    descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
