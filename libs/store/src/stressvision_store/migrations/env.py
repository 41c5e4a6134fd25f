"""Alembic, told where the tables are. Runs on the connection that `stressvision_store.schema` hands it."""

from alembic import context

from stressvision_store.schema import METADATA, is_ours

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    include_name=is_ours,
    compare_server_default=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
