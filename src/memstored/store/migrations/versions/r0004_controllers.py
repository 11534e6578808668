"""Controllers: one start of the service after the other, so that only the last of them acts."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add their table, empty: whoever has the nodes gives way to the first in it."""
    op.create_table(
        "controllers",
        sa.Column("number", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("nonce", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_controllers"),
    )
