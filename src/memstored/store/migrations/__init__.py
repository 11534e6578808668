"""The schema's history, one file a step in `versions`, and the way from any of them to the newest.

Alembic is driven from here, without `alembic.ini` and without touching the logging. A new step is made
by hand after its forerunner; `tests/unit/store/test_store_migrations.py` compares the outcome with `tables`.

Alembic takes a tenth of a start to import, so a schema that is the newest already is known without it.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, column, inspect, select, table

from memstored.store.errors import SchemaTooNew

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["pending", "upgrade"]

_FOLDER = Path(__file__).parent
_STEP = re.compile(r"r(\d+)_\w+")
_VERSION = table("alembic_version", column("version_num"))


def pending(connection: Connection) -> bool:
    """Whether the schema is behind. Raises `SchemaTooNew` when it is ahead. Changes nothing."""
    known, present = _known(), _present(connection)
    unknown = present - known
    if unknown:
        raise SchemaTooNew(
            f"A newer memstored wrote this database (schema {', '.join(sorted(unknown))}); "
            "start that version, or a newer one. Nothing was changed."
        )
    return present != {max(known)}


def upgrade(connection: Connection) -> None:
    """Bring the schema forward to the newest, all within the connection's transaction."""
    from alembic import command  # noqa: PLC0415 - see the head of the file

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _known() -> frozenset[str]:
    """Every revision there is: a step's file is named after its number, in the order they are taken."""
    steps = (_STEP.fullmatch(file.stem) for file in (_FOLDER / "versions").iterdir() if file.suffix == ".py")
    return frozenset(step.group(1) for step in steps if step)


def _present(connection: Connection) -> frozenset[str]:
    if not inspect(connection).has_table(_VERSION.name):
        return frozenset()
    return frozenset(connection.execute(select(_VERSION.c.version_num)).scalars())


def _config() -> "Config":
    from alembic.config import Config  # noqa: PLC0415 - see the head of the file

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    return config
