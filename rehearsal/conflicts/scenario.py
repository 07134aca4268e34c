"""A whole backfill beside writers, in one of the two orders, with the product's own steps."""

from __future__ import annotations

import random
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from keyspaces_migration.backfill import LoggedDeletes, Pacing, load_splits, plan_backfill, verify_counts
from keyspaces_migration.backfill.loading import Loading
from keyspaces_migration.config.tables import LoadOrder
from keyspaces_migration.dual_write.barrier import fix_barrier, read_source_clock, stamps_settle_in
from keyspaces_migration.dual_write.clock import system_now_us
from keyspaces_migration.dual_write.control_tables import create_control_tables
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.dual_write.recopy import recopy_table
from keyspaces_migration.dual_write.registry import WriterRecord, list_writers, missing_writers
from keyspaces_migration.dual_write.store import Store, StoreName, Stores
from keyspaces_migration.ledger import RunConfiguration
from keyspaces_migration.lifecycle import Stage
from rehearsal.conflicts.comparison import compare
from rehearsal.conflicts.table import (
    CREATE,
    ROWS_A_PARTITION,
    TABLE,
    WITH_CLIENT_TIMESTAMPS,
    HistoryTable,
    fill,
    migration,
    read,
    shape_of,
)
from rehearsal.conflicts.writers import Flag, ForgetfulStore, Writers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from cassandra.cluster import Session

    from keyspaces_migration.backfill import History
    from keyspaces_migration.clients import SessionSettings
    from keyspaces_migration.ledger.backfills import BackfillLedger
    from keyspaces_migration.ledger.repository import Ledger
    from rehearsal.conflicts.comparison import Differences

_REPLICATION = "replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
_ARRIVAL_S = 60.0


@dataclass
class Conflicts:
    """The world of one run.

    Attributes:
        name: Keyspace on both sides, and the migration's name.
        history: On Snowflake, or what stands in for it.
        clocks_s: Of each writer: how far its clock is ahead.
        phase_s: How long the writers go on in each phase in which nothing else happens.
        forgetful: Whether deletes of rows that the target does not have yet are forgotten by it.
    """

    name: str
    order: LoadOrder
    source: Session
    target: Session
    target_settings: SessionSettings
    history: History
    ledger: Ledger
    backfills: BackfillLedger
    folder: Path
    rows: int
    clocks_s: Sequence[float]
    phase_s: float
    rows_a_split: int
    progress: Callable[[str], None]
    flag: Flag = field(default_factory=Flag)

    def __post_init__(self) -> None:
        self.migration = migration(keyspace=self.name, order=self.order.value, history_table=self.name.upper())
        self.shape = shape_of(self.migration)
        self.stores = Stores(
            source=Store(name=StoreName.SOURCE, session=self.source, keyspace=self.name),
            target=ForgetfulStore(session=self.target, keyspace=self.name, shape=self.shape),
        )

    def run(self) -> Differences:
        """Migrate, let the writers end, and compare both stores.

        Raises:
            RuntimeError: The load's own counts don't agree, or writers don't arrive.
        """
        self._create()
        fill(self.source, self.name, self.rows)
        history = HistoryTable(self.history.cursor, self.name.upper())  # type: ignore[arg-type] # the connector's own
        with self._writers() as writers:
            if self.order is LoadOrder.HISTORY_FIRST:
                history.follow(read(self.source, self.name))
                self._load("snapshot", barrier_us=None)
            self._go_on("SOURCE_ONLY")
            barrier_us = self._start_dual_writes(history)
            self._load("barrier", barrier_us=barrier_us)
            self._go_on("after the load")
            writers.check()
        self.progress(f"{self.order}: the writers made {dict(sorted(writers.done.items()))}")
        found = compare(read(self.source, self.name), read(self.target, self.name))
        self.progress(f"{self.order}: {found}")
        return found

    def _create(self) -> None:
        self.source.execute(f"CREATE KEYSPACE {self.name} WITH {_REPLICATION}")
        self.source.execute(CREATE.format(self.name))
        create_control_tables(self.source, replication={"class": "SimpleStrategy", "replication_factor": 1})
        self.target.execute(f"CREATE KEYSPACE {self.name} WITH replication = {{'class': 'SingleRegionStrategy'}}")
        self.target.execute(CREATE.format(self.name) + WITH_CLIENT_TIMESTAMPS)

    @contextmanager
    def _writers(self) -> Iterator[Writers]:
        with Writers(
            stores=self.stores,
            shape=self.shape,
            flag=self.flag,
            migration=self.migration.name,
            folder=self.folder,
            clocks_s=self.clocks_s,
            partitions=self.rows // ROWS_A_PARTITION,
        ) as writers:
            yield writers

    def _go_on(self, phase: str) -> None:
        self.progress(f"{self.order}: writers alone, {phase}")
        time.sleep(self.phase_s)

    def _start_dual_writes(self, history: HistoryTable) -> int:
        """As the stage start_dual_writes does: see keyspaces_provider/operators/dual_writes.py.

        The history stands still from the start of RECORD on, which is the least that a load may be planned with.
        """
        recording = FlagState(mode=WriteMode.RECORD, version=2)
        self._switch(recording)
        history.follow(read(self.source, self.name))
        self._go_on("RECORD")
        clock = read_source_clock(self.source)
        fix_barrier(self._listed(), recording, clock)
        time.sleep(stamps_settle_in(self._listed(), clock).total_seconds())
        barrier_us = fix_barrier(self._listed(), recording, read_source_clock(self.source))
        self._switch(FlagState(mode=WriteMode.DUAL_SOURCE_LEADS, barrier_us=barrier_us, version=3))
        time.sleep(stamps_settle_in(self._listed(), read_source_clock(self.source)).total_seconds())
        counts = recopy_table(
            self.stores, self.shape, migration=self.migration.name, barrier_us=barrier_us, now_us=system_now_us()
        )
        self.progress(f"{self.order}: recopied {counts}")
        return barrier_us

    def _switch(self, state: FlagState) -> None:
        self.flag.state = state
        deadline = time.monotonic() + _ARRIVAL_S
        while missing := missing_writers(self._listed(), state):
            if time.monotonic() > deadline:
                raise RuntimeError(f"not all writers are in {state.mode}: {'; '.join(map(str, missing))}")
            time.sleep(0.1)

    def _listed(self) -> tuple[WriterRecord, ...]:
        return list_writers(self.source, self.migration.name)

    def _load(self, run_id: str, *, barrier_us: int | None) -> None:
        dag_id, now = f"{self.name}.historical_backfill", datetime.now(UTC)
        self.ledger.record_run(
            RunConfiguration.of(
                self.migration, stage=Stage.HISTORICAL_BACKFILL, dag_id=dag_id, run_id=run_id, recorded_at=now
            )
        )
        run = {"dag_id": dag_id, "run_id": run_id}
        plan = plan_backfill(
            self.history,
            self.backfills,
            self.migration,
            dag_id=dag_id,
            run_id=run_id,
            barrier_us=barrier_us,
            now=now,
            rows_a_split=self.rows_a_split,
        )
        self.progress(f"{self.order}: loading {plan.rows} rows, {plan.tables[0].mode}")
        deletes = None if barrier_us is None else self._deletes(barrier_us)
        load_splits(self._loading(deletes), **run, barrier_us=barrier_us, table=TABLE)
        verified = verify_counts(self.target, self.backfills, self.migration, **run, deletes=deletes)
        self.progress(f"{self.order}: {verified.summary()}")
        if not verified.agrees:
            raise RuntimeError(f"the counts of {run_id} do not agree: {verified.summary()}")

    def _deletes(self, barrier_us: int) -> LoggedDeletes:
        return LoggedDeletes(
            source=self.source,
            target=self.target,
            migration=self.migration,
            barrier_us=barrier_us,
            pacing=_pacing(),
            clock=lambda: datetime.now(UTC),
        )

    def _loading(self, deletes: LoggedDeletes | None) -> Loading:
        return Loading(
            history=self.history,
            settings=self.target_settings,
            session=self.target,
            ledger=self.backfills,
            migration=self.migration,
            worker="conflicts",
            clock=lambda: datetime.now(UTC),
            pacing=_pacing(),
            deletes=deletes,
        )


def _pacing() -> Pacing:
    return Pacing(wait=time.sleep, chance=random.SystemRandom().random)
