"""A run of a migration in a ledger of a test's own."""

from datetime import UTC, datetime
from pathlib import Path

from keyspaces_migration.config import Migration
from keyspaces_migration.ledger import RunConfiguration, open_ledger
from keyspaces_migration.lifecycle import Stage
from keyspaces_provider.run import MigrationRun
from tests.keyring import KEYRING


def a_recorded_run(migration: Migration, *, ledger: Path, stage: Stage = Stage.PROVISION) -> MigrationRun:
    """The run `run-1` of a stage, recorded."""
    opened, dag_id = open_ledger(f"sqlite:///{ledger}", keyring=KEYRING), f"{migration.name}.{stage.value}"
    opened.record_run(
        RunConfiguration(
            migration=migration.name,
            stage=stage,
            dag_id=dag_id,
            run_id="run-1",
            digest=migration.digest,
            canonical_json=migration.canonical_json(),
            recorded_at=datetime(2026, 11, 26, tzinfo=UTC),
        )
    )
    return MigrationRun(migration=migration, stage=stage, ledger=opened, dag_id=dag_id, run_id="run-1")
