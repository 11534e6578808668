"""Parameter groups, the authorities that sign certificates, the keys that passwords are encrypted with."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add their tables, and their columns to sets and nodes."""
    op.add_column("instance_sets", sa.Column("configuration", sa.JSON, nullable=True))
    op.add_column("nodes", sa.Column("certificate", sa.JSON, nullable=True))
    _create_groups()
    op.create_table(
        "authorities",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("certificate", sa.Text, nullable=False),
        sa.Column("sealed_key", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("not_after", sa.Double, nullable=False),
        sa.Column("retired_at", sa.Double, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_authorities"),
    )
    op.create_table(
        "password_keys",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("public_key", sa.Text, nullable=False),
        sa.Column("sealed_key", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("retired_at", sa.Double, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_password_keys"),
    )


def _create_groups() -> None:
    op.create_table(
        "parameter_groups",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("project_id", sa.String(255), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("description", sa.Text, nullable=True),
        sa.Column("family", sa.String(16), nullable=False),
        sa.Column("base_id", sa.String(255), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("updated_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_parameter_groups"),
        sa.UniqueConstraint("project_id", "name", name="uq_parameter_groups_project_id_name"),
    )
    op.create_table(
        "parameter_group_versions",
        sa.Column("group_id", sa.String(36), nullable=False),
        sa.Column("version", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("settings", sa.JSON, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("group_id", "version", name="pk_parameter_group_versions"),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["parameter_groups.id"],
            name="fk_parameter_group_versions_group_id",
            ondelete="CASCADE",
        ),
    )
