"""Events by name."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add indexes that find them: there are ever more events, and a name may be of few or none."""
    op.create_index("ix_events_project_id_name_sequence", "events", ["project_id", "name", "sequence"])
    op.create_index("ix_events_resource_id_name_sequence", "events", ["resource_id", "name", "sequence"])
