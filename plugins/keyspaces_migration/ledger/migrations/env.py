"""Alembic's entry: migrates over the connection, and inside the transaction and lock, that `upgrade` opened."""

from alembic import context

from keyspaces_migration.ledger.schema import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
