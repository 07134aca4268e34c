"""One worker of a backfill in a Spark executor: claims splits by lease, like an Airflow worker, and tells of each."""

import logging
import random
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import snowflake.connector

from keyspaces_migration.backfill import History, LoadedSplit, Loading, Pacing, current_barrier_us, each_split
from keyspaces_migration.clients import default_credentials, open_session
from keyspaces_migration.config import Migration
from keyspaces_migration.entrypoints.history_secret import history_cursor
from keyspaces_migration.entrypoints.spark_secrets import SecretsPlace, SparkSecrets
from keyspaces_migration.entrypoints.store_secrets import target_settings
from keyspaces_migration.ledger import Ledger
from keyspaces_migration.ledger.backfills import BackfillLedger

SLOT = "slot"
"""The column of a worker's number: one row a worker."""
_COUNTS = ("rows_read", "written", "expired", "dead")
LOADED = pa.schema(
    [
        ("worker", pa.string()),
        ("table_name", pa.string()),
        ("split", pa.int32()),
        *((name, pa.int64()) for name in _COUNTS),
        ("began_s", pa.float64()),
        ("ended_s", pa.float64()),
    ]
)
"""What a worker tells of each split that it loaded; moments in seconds since 1970."""
LOADED_DDL = ", ".join(
    [
        "worker string, table_name string, split int",
        *(f"{name} long" for name in _COUNTS),
        "began_s double, ended_s double",
    ]
)
"""The same for Spark."""


@dataclass(frozen=True, kw_only=True)
class SparkJob:
    """What each executor is given. It holds no secret: it is part of Spark's plan.

    Attributes:
        application: Spark's id of this submission. Another one never has it, so that two of a run that meet share the
            splits, as any workers do, and don't take them from each other.
        lease: How long a split is a worker's after it was last heard of.
    """

    dag_id: str
    run_id: str
    application: str
    secrets: SecretsPlace
    lease: timedelta

    def worker(self, slot: int) -> str:
        """Return a worker's name: the same when Spark tries its task again, which then has its split back at once."""
        return f"{self.dag_id}/{self.run_id}/{self.application}/{slot}"

    def load(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Load for each slot in `batches` until every split of the run is done: the function of `mapInArrow`.

        Raises:
            SecretError, SecretUnreadError: A secret can't be used, or be read.
            HistoryUnreachableError, StoreError, LedgerError: What the worker needs can't be reached.
            BackfillError: See `keyspaces_migration.backfill.each_split`.
        """
        logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(message)s", level=logging.INFO)
        for noisy in ("cassandra", "snowflake", "botocore"):
            logging.getLogger(noisy).setLevel(logging.WARNING)
        for batch in batches:
            for slot in batch.column(SLOT).to_pylist():
                yield from self._load_as(self.worker(slot))

    def _load_as(self, worker: str) -> Iterator[pa.RecordBatch]:
        secrets = self.secrets.read()
        ledger = secrets.ledger.open()
        migration = run_migration(ledger, dag_id=self.dag_id, run_id=self.run_id)
        with ExitStack() as stack:
            loading = self._loading(worker, secrets, migration, stack)
            loading = replace(loading, barrier_now=lambda: current_barrier_us(ledger, migration.name))
            barrier_us = current_barrier_us(ledger, migration.name)
            for loaded in each_split(loading, dag_id=self.dag_id, run_id=self.run_id, barrier_us=barrier_us):
                yield _row(worker, loaded)

    def _loading(self, worker: str, secrets: SparkSecrets, migration: Migration, stack: ExitStack) -> Loading:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        credentials, region = default_credentials(), migration.target.region
        settings = target_settings(secrets.target, region=region, folder=folder, credentials=credentials)
        session = stack.enter_context(open_session(settings))
        cursor = stack.enter_context(history_cursor(secrets.history, folder=folder))
        return Loading(
            history=History(cursor, snowflake.connector.Error),
            settings=settings,
            session=session,
            ledger=BackfillLedger(secrets.ledger.open()),
            migration=migration,
            worker=worker,
            clock=lambda: datetime.now(UTC),
            pacing=Pacing(wait=time.sleep, chance=random.SystemRandom().random),
            lease=self.lease,
            progress=logging.getLogger(__name__).info,
        )


def run_migration(ledger: Ledger, *, dag_id: str, run_id: str) -> Migration:
    """Return the migration file as the run's first task recorded it.

    Raises:
        RunNotRecordedError: There is no such run.
    """
    recorded = ledger.run_configuration(dag_id=dag_id, run_id=run_id)
    return Migration.from_canonical_json(recorded.canonical_json)


def _row(worker: str, loaded: LoadedSplit) -> pa.RecordBatch:
    row = {
        "worker": worker,
        "table_name": loaded.claimed.table.table_name,
        "split": loaded.claimed.split.number,
        **asdict(loaded.counts),
        "began_s": loaded.began.timestamp(),
        "ended_s": loaded.ended.timestamp(),
    }
    return pa.RecordBatch.from_pylist([row], schema=LOADED)
