"""The tables. A column is named after the field of the record it keeps, so `store.rows` needs no list.

Times are seconds since 1970 (UTC). Lists and small records are JSON. A change here needs a migration in
`store/migrations/versions`; a test compares the two.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeEngine

__all__ = [
    "authorities",
    "backup_uses",
    "backups",
    "controllers",
    "credentials",
    "events",
    "instance_sets",
    "lineages",
    "metadata",
    "nodes",
    "operations",
    "parameter_group_versions",
    "parameter_groups",
    "password_keys",
    "set_secrets",
    "tokens",
    "webhooks",
]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Kind = type[TypeEngine[Any]] | TypeEngine[Any]

_JSON = JSON(none_as_null=True)
_SEQUENCE = BigInteger().with_variant(Integer, "sqlite")
"""A number that the database counts up; SQLite does that only for this spelling."""


def _must(name: str, kind: Kind) -> Column[Any]:
    return Column(name, kind, nullable=False)


def _may(name: str, kind: Kind) -> Column[Any]:
    return Column(name, kind, nullable=True)


def _set_id(*, primary_key: bool = False) -> Column[str]:
    owner = ForeignKey("instance_sets.id", ondelete="CASCADE")
    return Column("set_id", String(36), owner, primary_key=primary_key, nullable=False)


instance_sets = Table(
    "instance_sets",
    metadata,
    Column("id", String(36), primary_key=True),
    _must("project_id", String(255)),
    _must("name", String(255)),
    _may("description", Text),
    _must("replicas", Integer),
    _must("flavor_id", String(255)),
    _must("memory", BigInteger),
    _must("recovery_enabled", Boolean),
    _must("tls_enabled", Boolean),
    _must("subnets", _JSON),
    _must("security_groups", _JSON),
    _may("backup_schedule", _JSON),
    _may("user", _JSON),
    _must("parameter_group_id", String(255)),
    _must("port", Integer),
    _must("version", String(32)),
    _must("creator", Text),
    _must("created_at", Double),
    _must("updated_at", Double),
    _must("status", String(32)),
    _may("reason", _JSON),
    _must("next_number", Integer),
    _may("vips", _JSON),
    _must("opened", Boolean),
    _must("launches", _JSON),
    _must("failovers", _JSON),
    _may("source", _JSON),
    _may("backup", String(36)),
    _may("schedule_since", Double),
    _may("scheduled_day", String(10)),
    _may("configuration", _JSON),
    _must("revision", BigInteger),
    UniqueConstraint("project_id", "name"),
    Index(None, "project_id", "created_at", "id"),
)

nodes = Table(
    "nodes",
    metadata,
    _set_id(),
    Column("id", String(36), primary_key=True),
    _must("number", Integer),
    _must("name", String(255)),
    _must("subnet_id", String(255)),
    _must("role", String(16)),
    _must("status", String(32)),
    _must("created_at", Double),
    _must("launched", Boolean),
    _may("address", String(64)),
    _may("run_id", String(64)),
    _must("whole", Boolean),
    _must("removing", Boolean),
    _may("certificate", _JSON),
    UniqueConstraint("set_id", "number"),
)

lineages = Table(
    "lineages",
    metadata,
    _set_id(primary_key=True),
    _must("epoch", BigInteger),
    _must("primary", String(36)),
    _must("replid", String(64)),
    _must("watermark", BigInteger),
    _may("ancestor", String(64)),
    _must("fork", BigInteger),
    _may("promotion", _JSON),
)

operations = Table(
    "operations",
    metadata,
    _set_id(),
    Column("id", String(36), primary_key=True),
    # The revision of the set that the operation began with: their order, whatever the clock did.
    _must("began", BigInteger),
    _must("kind", String(32)),
    _must("state", String(16)),
    _must("steps", _JSON),
    _must("started_at", Double),
    _must("actor", Text),
    _may("request_id", String(255)),
    _may("node", String(36)),
    _may("finished_at", Double),
    _may("error", Text),
    Index(None, "set_id", "began"),
)

set_secrets = Table(
    "set_secrets",
    metadata,
    _set_id(primary_key=True),
    _must("sealed", Text),
)

controllers = Table(
    "controllers",
    metadata,
    # The last one is at work, or was; those before it are the users that it may find on nodes.
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    _must("nonce", String(16)),
)

backups = Table(
    "backups",
    metadata,
    Column("id", String(36), primary_key=True),
    _must("project_id", String(255)),
    _must("name", String(255)),
    # No foreign key: a backup outlives its set.
    _must("set_id", String(36)),
    _must("set_name", String(255)),
    _must("type", String(16)),
    _must("status", String(16)),
    _must("version", String(32)),
    _must("flavor_id", String(255)),
    _must("key", Text),
    _must("created_at", Double),
    _must("actor", Text),
    _may("request_id", String(255)),
    _may("completed_at", Double),
    _may("expires_at", Double),
    _must("size", BigInteger),
    _must("used_memory", BigInteger),
    _may("keys", BigInteger),
    _may("checksum", String(64)),
    _may("reason", Text),
    _may("node", String(36)),
    _may("copy_of", String(36)),
    _may("verified_at", Double),
    _may("damage", Text),
    UniqueConstraint("project_id", "name"),
    Index(None, "set_id", "status"),
    Index(None, "status"),
)

backup_uses = Table(
    "backup_uses",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("backup_id", String(36), ForeignKey("backups.id", ondelete="CASCADE"), nullable=False),
    _must("kind", String(16)),
    _must("since", Double),
    _may("holder", String(36)),
    _may("path", Text),
    Index(None, "backup_id"),
    Index(None, "holder"),
)

parameter_groups = Table(
    "parameter_groups",
    metadata,
    Column("id", String(36), primary_key=True),
    _must("project_id", String(255)),
    _must("name", String(255)),
    _may("description", Text),
    _must("family", String(16)),
    _must("base_id", String(255)),
    # The number of its present version.
    _must("version", Integer),
    _must("created_at", Double),
    _must("updated_at", Double),
    UniqueConstraint("project_id", "name"),
)

parameter_group_versions = Table(
    "parameter_group_versions",
    metadata,
    Column("group_id", String(36), ForeignKey("parameter_groups.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    # What differs from the family's defaults, as rows of name and value.
    _must("settings", _JSON),
    _must("created_at", Double),
)

authorities = Table(
    "authorities",
    metadata,
    Column("id", String(36), primary_key=True),
    # PEM; the private key is sealed.
    _must("certificate", Text),
    _must("sealed_key", Text),
    _must("created_at", Double),
    _must("not_after", Double),
    # When another one began to sign in its place; it is trusted still, until it is removed.
    _may("retired_at", Double),
)

password_keys = Table(
    "password_keys",
    metadata,
    Column("id", String(36), primary_key=True),
    # SubjectPublicKeyInfo, PEM; the private key is sealed.
    _must("public_key", Text),
    _must("sealed_key", Text),
    _must("created_at", Double),
    _may("retired_at", Double),
)

events = Table(
    "events",
    metadata,
    # The order in which events were written, whatever the clock did.
    Column("sequence", _SEQUENCE, primary_key=True, autoincrement=True),
    Column("id", String(36), unique=True, nullable=False),
    _must("name", String(64)),
    _must("time", Double),
    _must("actor", Text),
    _must("project_id", String(255)),
    _must("resource_type", String(32)),
    _must("resource_id", String(255)),
    _must("resource_name", String(255)),
    _must("outcome", String(16)),
    _may("request_id", String(255)),
    _may("cause_id", String(36)),
    _may("instance_id", String(36)),
    _must("message", Text),
    Index(None, "project_id", "sequence"),
    Index(None, "resource_id", "sequence"),
    # There are ever more of them, and a name may be of few or none.
    Index(None, "project_id", "name", "sequence"),
    Index(None, "resource_id", "name", "sequence"),
    sqlite_autoincrement=True,
)

credentials = Table(
    "credentials",
    metadata,
    Column("id", String(32), primary_key=True),
    _must("name", String(255)),
    _must("secret_hash", String(64)),
    _must("user_id", String(64)),
    _must("user_name", String(255)),
    _must("project_id", String(255)),
    _must("project_name", String(255)),
    _must("roles", _JSON),
    _must("created_at", Double),
    _may("expires_at", Double),
    UniqueConstraint("user_id", "name"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("credential_id", String(32), ForeignKey("credentials.id", ondelete="CASCADE"), nullable=False),
    _must("audit_id", String(32)),
    _must("issued_at", Double),
    Column("expires_at", Double, nullable=False, index=True),
    Index(None, "credential_id"),
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("project_id", String(255), primary_key=True),
    _must("id", String(36)),
    _must("url", Text),
    _must("event_names", _JSON),
    # The sequence of the last event that is done with, and of the last one that is being sent.
    _must("position", BigInteger),
    _may("sending", BigInteger),
    _may("failing", _JSON),
    _may("disabled", _JSON),
    _may("delivered_at", Double),
    _must("created_at", Double),
    _must("updated_at", Double),
    # What messages are signed with, sealed.
    _must("sealed", Text),
    _must("revision", BigInteger),
)
