"""A planned run in a ledger of a benchmark's own, and the load of it."""

import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import snowflake.connector
from cassandra.cluster import Session
from snowflake.connector.cursor import SnowflakeCursor

from keyspaces_migration.backfill import BackfillPlan, History, Loading, Pacing, plan_backfill
from keyspaces_migration.backfill.plan import ROWS_A_SPLIT
from keyspaces_migration.clients import SessionSettings
from keyspaces_migration.config import Migration
from keyspaces_migration.ledger import Keyring, Ledger, RunConfiguration, open_ledger
from keyspaces_migration.ledger.backfills import BackfillLedger
from keyspaces_migration.lifecycle import Stage

KEYRING = Keyring(current="bench", keys={"bench": bytes(range(32))})


def plan_run(  # noqa: PLR0913 # what a run is, all by keyword
    cursor: SnowflakeCursor,
    migration: Migration,
    *,
    ledger: Ledger,
    dag_id: str,
    run_id: str,
    tables: Sequence[str] | None = None,
    rows_a_split: int = ROWS_A_SPLIT,
) -> BackfillPlan:
    """Record a run and its plan, as the first two tasks of `historical_backfill` do before dual writes."""
    now = datetime.now(UTC)
    ledger.record_run(
        RunConfiguration.of(migration, stage=Stage.HISTORICAL_BACKFILL, dag_id=dag_id, run_id=run_id, recorded_at=now)
    )
    return plan_backfill(
        History(cursor, snowflake.connector.Error),
        BackfillLedger(ledger),
        migration,
        dag_id=dag_id,
        run_id=run_id,
        barrier_us=None,
        now=now,
        tables=tables,
        rows_a_split=rows_a_split,
    )


def loading(
    cursor: SnowflakeCursor, session: Session, migration: Migration, *, settings: SessionSettings, ledger_url: str
) -> Loading:
    """What a worker loads with; it has the same name whenever it is started."""
    return Loading(
        history=History(cursor, snowflake.connector.Error),
        settings=settings,
        session=session,
        ledger=BackfillLedger(open_ledger(ledger_url, keyring=KEYRING)),
        migration=migration,
        worker="bench",
        clock=lambda: datetime.now(UTC),
        pacing=Pacing(wait=time.sleep, chance=random.SystemRandom().random),
    )
