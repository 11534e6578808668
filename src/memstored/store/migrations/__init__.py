"""The schema's history, one file a step in `versions`, and the way from any of them to the newest.

Alembic is driven from here, without `alembic.ini` and without touching the logging. A new step is made
by hand after its forerunner; `tests/unit/store/test_migrations.py` compares the outcome with `tables`.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from memstored.store.errors import SchemaTooNew

__all__ = ["pending", "upgrade"]


def pending(connection: Connection) -> bool:
    """Whether the schema is behind. Raises `SchemaTooNew` when it is ahead. Changes nothing."""
    script = ScriptDirectory.from_config(_config())
    present = set(MigrationContext.configure(connection).get_current_heads())
    unknown = present - {step.revision for step in script.walk_revisions()}
    if unknown:
        raise SchemaTooNew(
            f"A newer memstored wrote this database (schema {', '.join(sorted(unknown))}); "
            "start that version, or a newer one. Nothing was changed."
        )
    return present != set(script.get_heads())


def upgrade(connection: Connection) -> None:
    """Bring the schema forward to the newest, all within the connection's transaction."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    folder = str(Path(__file__).parent)
    config.set_main_option("script_location", folder.replace("%", "%%"))
    return config
