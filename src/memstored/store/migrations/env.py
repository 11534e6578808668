"""What Alembic runs to reach the database: it uses the connection, and the transaction, it is given."""

from alembic import context

from memstored.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
