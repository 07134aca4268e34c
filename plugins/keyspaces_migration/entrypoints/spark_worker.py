"""One worker of a backfill in a Spark executor: claims splits by lease, like an Airflow worker, and tells of each."""

import logging
import random
import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import snowflake.connector
from botocore.exceptions import BotoCoreError
from fsspec.core import url_to_fs

from keyspaces_migration.backfill import (
    History,
    LoadedSplit,
    Loading,
    LoggedDeletes,
    Pacing,
    Storage,
    current_barrier_us,
    each_split,
    require_planned,
)
from keyspaces_migration.clients import default_credentials, open_session
from keyspaces_migration.config import Migration
from keyspaces_migration.entrypoints.history_secret import history_cursor
from keyspaces_migration.entrypoints.spark_secrets import SecretsPlace, SparkSecrets
from keyspaces_migration.entrypoints.store_secrets import source_settings, target_settings
from keyspaces_migration.ledger.backfills import BackfillLedger

_PACING = Pacing(wait=time.sleep, chance=random.SystemRandom().random)
_CONNECTION = re.compile("://[^/@]*@")
"""The id of an Airflow connection in an address of object storage."""
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
        secrets, run = self.secrets.read(), {"dag_id": self.dag_id, "run_id": self.run_id}
        ledger = secrets.ledger.open()
        recorded = ledger.run_configuration(**run)
        migration = Migration.from_canonical_json(recorded.canonical_json)
        barrier_us, unload = current_barrier_us(ledger, migration.name), migration.backfill.unload
        with ExitStack() as stack:
            stores = self._stores(secrets, migration, barrier_us, stack)
            loading = Loading(
                **stores,
                ledger=BackfillLedger(ledger),
                migration=migration,
                worker=worker,
                clock=_now,
                pacing=_PACING,
                lease=self.lease,
                barrier_now=lambda: current_barrier_us(ledger, migration.name),
                progress=logging.getLogger(__name__).info,
                plan=require_planned(BackfillLedger(ledger), **run),
                unloaded=None if unload is None else unloaded_storage(unload.path),
            )
            for loaded in each_split(loading, **run, barrier_us=barrier_us):
                yield _row(worker, loaded)

    def _stores(
        self, secrets: SparkSecrets, migration: Migration, barrier_us: int | None, stack: ExitStack
    ) -> dict[str, Any]:
        """Open what is read and written, as arguments of `Loading`."""
        folder = Path(stack.enter_context(TemporaryDirectory()))
        credentials, region = default_credentials(), migration.target.region
        settings = target_settings(secrets.target, region=region, folder=folder, credentials=credentials)
        session, deletes = stack.enter_context(open_session(settings)), None
        if barrier_us is not None:
            source = source_settings(secrets.source_after_barrier(), folder=folder)
            deletes = LoggedDeletes(
                source=stack.enter_context(open_session(source)),
                target=session,
                migration=migration,
                barrier_us=barrier_us,
                pacing=_PACING,
                clock=_now,
            )
        cursor = stack.enter_context(history_cursor(secrets.history, folder=folder))
        history = History(cursor, snowflake.connector.Error)
        return {"history": history, "settings": settings, "session": session, "deletes": deletes}


def unloaded_storage(path: str) -> Storage:
    """Return the place of unloaded histories, with this process's own credentials: Airflow's connections end there."""
    found, root = url_to_fs(_CONNECTION.sub("://", path))
    return Storage(files=found, root=root, errors=(OSError, BotoCoreError))


def _now() -> datetime:
    return datetime.now(UTC)


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
