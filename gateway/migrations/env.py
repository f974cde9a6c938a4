"""Alembic's entry: the connection is handed over by `gateway.store.migrate`."""

from alembic import context

from gateway.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite cannot alter a column in place
)
with context.begin_transaction():
    context.run_migrations()
