"""The ledger's Alembic environment."""
