"""Backups and what uses them; what a set begins with, and how far its schedule is."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the tables of backups, and their columns to the sets."""
    for column in (
        sa.Column("source", sa.JSON, nullable=True),
        sa.Column("backup", sa.String(36), nullable=True),
        sa.Column("schedule_since", sa.Double, nullable=True),
        sa.Column("scheduled_day", sa.String(10), nullable=True),
    ):
        op.add_column("instance_sets", column)
    op.execute("UPDATE instance_sets SET schedule_since = updated_at WHERE backup_schedule IS NOT NULL")
    _create_backups()
    _create_uses()


def _create_backups() -> None:
    op.create_table(
        "backups",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("project_id", sa.String(255), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("set_id", sa.String(36), nullable=False),
        sa.Column("set_name", sa.String(255), nullable=False),
        sa.Column("type", sa.String(16), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("flavor_id", sa.String(255), nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("request_id", sa.String(255), nullable=True),
        sa.Column("completed_at", sa.Double, nullable=True),
        sa.Column("expires_at", sa.Double, nullable=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("used_memory", sa.BigInteger, nullable=False),
        sa.Column("keys", sa.BigInteger, nullable=True),
        sa.Column("checksum", sa.String(64), nullable=True),
        sa.Column("reason", sa.Text, nullable=True),
        sa.Column("node", sa.String(36), nullable=True),
        sa.Column("copy_of", sa.String(36), nullable=True),
        sa.Column("verified_at", sa.Double, nullable=True),
        sa.Column("damage", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_backups"),
        sa.UniqueConstraint("project_id", "name", name="uq_backups_project_id_name"),
    )
    op.create_index("ix_backups_set_id_status", "backups", ["set_id", "status"])
    op.create_index("ix_backups_status", "backups", ["status"])


def _create_uses() -> None:
    op.create_table(
        "backup_uses",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("backup_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("since", sa.Double, nullable=False),
        sa.Column("holder", sa.String(36), nullable=True),
        sa.Column("path", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_backup_uses"),
        sa.ForeignKeyConstraint(
            ["backup_id"], ["backups.id"], name="fk_backup_uses_backup_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_backup_uses_backup_id", "backup_uses", ["backup_id"])
    op.create_index("ix_backup_uses_holder", "backup_uses", ["holder"])
