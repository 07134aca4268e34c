"""Where a migration stands, read from the ledger alone: what the status page shows."""
