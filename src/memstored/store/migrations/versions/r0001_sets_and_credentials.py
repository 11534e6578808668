"""Sets with their nodes, lineage, operations and secrets; events; credentials and tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the first tables."""
    _create_sets()
    _create_nodes()
    _create_lineages()
    _create_operations()
    _create_secrets()
    _create_events()
    _create_credentials()
    _create_tokens()


def _create_sets() -> None:
    op.create_table(
        "instance_sets",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("project_id", sa.String(255), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("description", sa.Text, nullable=True),
        sa.Column("replicas", sa.Integer, nullable=False),
        sa.Column("flavor_id", sa.String(255), nullable=False),
        sa.Column("memory", sa.BigInteger, nullable=False),
        sa.Column("recovery_enabled", sa.Boolean, nullable=False),
        sa.Column("tls_enabled", sa.Boolean, nullable=False),
        sa.Column("subnets", sa.JSON, nullable=False),
        sa.Column("security_groups", sa.JSON, nullable=False),
        sa.Column("backup_schedule", sa.JSON, nullable=True),
        sa.Column("user", sa.JSON, nullable=True),
        sa.Column("parameter_group_id", sa.String(255), nullable=False),
        sa.Column("port", sa.Integer, nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("creator", sa.Text, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("updated_at", sa.Double, nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("reason", sa.JSON, nullable=True),
        sa.Column("next_number", sa.Integer, nullable=False),
        sa.Column("vips", sa.JSON, nullable=True),
        sa.Column("opened", sa.Boolean, nullable=False),
        sa.Column("launches", sa.JSON, nullable=False),
        sa.Column("failovers", sa.JSON, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_instance_sets"),
        sa.UniqueConstraint("project_id", "name", name="uq_instance_sets_project_id_name"),
    )
    op.create_index(
        "ix_instance_sets_project_id_created_at_id", "instance_sets", ["project_id", "created_at", "id"]
    )


def _create_nodes() -> None:
    op.create_table(
        "nodes",
        sa.Column("set_id", sa.String(36), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("subnet_id", sa.String(255), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("launched", sa.Boolean, nullable=False),
        sa.Column("address", sa.String(64), nullable=True),
        sa.Column("run_id", sa.String(64), nullable=True),
        sa.Column("whole", sa.Boolean, nullable=False),
        sa.Column("removing", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_nodes"),
        sa.UniqueConstraint("set_id", "number", name="uq_nodes_set_id_number"),
        sa.ForeignKeyConstraint(["set_id"], ["instance_sets.id"], name="fk_nodes_set_id", ondelete="CASCADE"),
    )


def _create_lineages() -> None:
    op.create_table(
        "lineages",
        sa.Column("set_id", sa.String(36), nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("primary", sa.String(36), nullable=False),
        sa.Column("replid", sa.String(64), nullable=False),
        sa.Column("watermark", sa.BigInteger, nullable=False),
        sa.Column("ancestor", sa.String(64), nullable=True),
        sa.Column("fork", sa.BigInteger, nullable=False),
        sa.Column("promotion", sa.JSON, nullable=True),
        sa.PrimaryKeyConstraint("set_id", name="pk_lineages"),
        sa.ForeignKeyConstraint(
            ["set_id"], ["instance_sets.id"], name="fk_lineages_set_id", ondelete="CASCADE"
        ),
    )


def _create_operations() -> None:
    op.create_table(
        "operations",
        sa.Column("set_id", sa.String(36), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("began", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("steps", sa.JSON, nullable=False),
        sa.Column("started_at", sa.Double, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("request_id", sa.String(255), nullable=True),
        sa.Column("node", sa.String(36), nullable=True),
        sa.Column("finished_at", sa.Double, nullable=True),
        sa.Column("error", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_operations"),
        sa.ForeignKeyConstraint(
            ["set_id"], ["instance_sets.id"], name="fk_operations_set_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_operations_set_id_began", "operations", ["set_id", "began"])


def _create_secrets() -> None:
    op.create_table(
        "set_secrets",
        sa.Column("set_id", sa.String(36), nullable=False),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("set_id", name="pk_set_secrets"),
        sa.ForeignKeyConstraint(
            ["set_id"], ["instance_sets.id"], name="fk_set_secrets_set_id", ondelete="CASCADE"
        ),
    )


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("sequence", _SEQUENCE, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("project_id", sa.String(255), nullable=False),
        sa.Column("resource_type", sa.String(32), nullable=False),
        sa.Column("resource_id", sa.String(255), nullable=False),
        sa.Column("resource_name", sa.String(255), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("request_id", sa.String(255), nullable=True),
        sa.Column("cause_id", sa.String(36), nullable=True),
        sa.Column("instance_id", sa.String(36), nullable=True),
        sa.Column("message", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_events"),
        sa.UniqueConstraint("id", name="uq_events_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_project_id_sequence", "events", ["project_id", "sequence"])
    op.create_index("ix_events_resource_id_sequence", "events", ["resource_id", "sequence"])


def _create_credentials() -> None:
    op.create_table(
        "credentials",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("user_name", sa.String(255), nullable=False),
        sa.Column("project_id", sa.String(255), nullable=False),
        sa.Column("project_name", sa.String(255), nullable=False),
        sa.Column("roles", sa.JSON, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_credentials"),
        sa.UniqueConstraint("user_id", "name", name="uq_credentials_user_id_name"),
    )


def _create_tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("credential_id", sa.String(32), nullable=False),
        sa.Column("audit_id", sa.String(32), nullable=False),
        sa.Column("issued_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_tokens"),
        sa.ForeignKeyConstraint(
            ["credential_id"], ["credentials.id"], name="fk_tokens_credential_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_tokens_expires_at", "tokens", ["expires_at"])
    op.create_index("ix_tokens_credential_id", "tokens", ["credential_id"])
