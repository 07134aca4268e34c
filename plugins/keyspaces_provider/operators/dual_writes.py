"""The start of dual writes as tasks."""

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator

from keyspaces_migration.lifecycle import Milestone
from keyspaces_provider.dual_write_tables import require_ready_tables
from keyspaces_provider.flag import FlagNotReadyError, change_flag, flag_writer, require_flag, writers_of
from keyspaces_provider.hooks.cassandra import CassandraHook
from keyspaces_provider.hooks.keyspaces import KeyspacesHook
from keyspaces_provider.operators.run import ActsInRun, OfRun
from keyspaces_provider.run import MigrationRun, recorded_run

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow.sdk import Context
    from cassandra.cluster import Session

    from keyspaces_migration.dual_write.flag import FlagState


class RecordModeOperator(ActsInRun):
    """Makes the control tables on the source, then tells every writer to record the keys that it touches."""

    def execute(self, context: "Context") -> dict[str, Any]:
        """Create what is missing, and put RECORD in force where it is not.

        Where an earlier run has got as far as DUAL and not to its end, this one goes on with that run's barrier.

        Raises:
            ConfigurationChangedError: the migration file has changed since the run began; nothing was done.
            TablesNotReadyError: a table of the target can't take dual writes; nothing was done.
            FlagNotReadyError: dual writes are on already, or were.
            FlagWriteError: the flag was not changed.
            StoreError: source or target can't be reached.
            AwsRequestError: AWS can't be asked about the tables; nothing was done.
        """
        from keyspaces_migration.dual_write.control_tables import create_control_tables
        from keyspaces_migration.dual_write.flag import FlagState, WriteMode
        from keyspaces_migration.ledger.flags import FlagLedger

        run = self.unchanged_run(context)
        require_ready_tables(run.migration)
        with CassandraHook(run.migration.connections.source).session() as session:
            create_control_tables(session, replication=_replication(session, run.migration.source.keyspace))
        writer = flag_writer(run.migration)
        found = writer.current()
        if found is not None and _goes_on(run, found):
            self.log.info(
                "The flag is in %s by an earlier run, version %d: going on from there", found.mode, found.version
            )
            return {"mode": found.mode.value, "version": found.version}
        if found is not None and found.mode.needs_barrier:
            raise FlagNotReadyError(
                f"The flag is in {found.mode} (version {found.version}): dual writes are on, and their barrier "
                "stays. A new barrier is for a migration of another name and target: docs/guides/dual-writes.md, "
                '"Beginning again".'
            )
        changes = [each.state for each in FlagLedger(run.ledger).changes(run.migration.name)]
        if found not in changes and any(each.mode.needs_barrier for each in changes):
            raise FlagNotReadyError(
                f"The flag is in {'no mode' if found is None else found.mode}, and dual writes were on before: what "
                "the source alone has got since, deletes too, is recorded nowhere. A new barrier is for a migration of "
                'another name and target: docs/guides/dual-writes.md, "Beginning again".'
            )
        state = found
        if state is None or state.mode is not WriteMode.RECORD:
            state = FlagState(mode=WriteMode.RECORD, version=writer.next_version())
            change_flag(run, writer, state, expected_version=None if found is None else found.version)
        self.log.info("The flag is in %s, version %d", state.mode, state.version)
        return {"mode": state.mode.value, "version": state.version}


class WritersSensor(BaseSensorOperator):
    """Waits until every registered writer, and at least so many, has arrived at the state of the flag.

    Args:
        ledger_conn_id: Airflow connection of the ledger.
        at_least: How many writers must be registered; a number, or what a template makes one.
    """

    template_fields = ("at_least",)

    def __init__(self, *, ledger_conn_id: str, at_least: int | str = 1, **kwargs: Any) -> None:  # noqa: ANN401 - BaseSensorOperator's own
        super().__init__(mode="reschedule", **kwargs)
        self.ledger_conn_id = ledger_conn_id
        self.at_least = at_least

    def poke(self, context: "Context") -> bool:
        """Look once, and log who is missing and why."""
        from keyspaces_migration.dual_write.registry import missing_writers

        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        wanted = require_flag(flag_writer(run.migration))
        writers = writers_of(run.migration)
        missing = [str(each) for each in missing_writers(writers, wanted)]
        missing += [
            f"{each.writer_id} reads {each.target_read_percent} % on the target; wanted {wanted.target_read_percent}"
            for each in writers
            if each.target_read_percent != wanted.target_read_percent
        ]
        for line in missing:
            self.log.info("Waiting for %s", line)
        enough = len(writers) >= int(self.at_least)
        if not enough:
            self.log.info(
                "%d of at least %s writers are registered: start the application's others", len(writers), self.at_least
            )
        return enough and not missing


class DualModeOperator(ActsInRun):
    """Fixes the barrier, keeps it in the ledger, and switches dual writes on with it; the source leads.

    Args:
        migration_file: Path of the migration file, as the worker sees it: it must be as the run recorded it.
        ledger_conn_id: Airflow connection of the ledger.
        at_least: How many writers must be registered; a number, or what a template makes one.
    """

    template_fields = ("at_least",)

    def __init__(self, *, at_least: int | str = 1, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.at_least = at_least

    def execute(self, context: "Context") -> dict[str, Any]:
        """Fix the barrier and put DUAL_SOURCE_LEADS in force.

        Waits as long as the writers' clocks are apart, so that no dual write is stamped before what came before RECORD.
        Run again after it has changed the flag, it changes nothing more.

        Raises:
            ConfigurationChangedError: the migration file has changed since the run began; nothing was done.
            BarrierRefusedError: a writer is missing, there are too few, or clocks are too far apart.
            FlagWriteError: the flag was not changed.
        """
        from keyspaces_migration.dual_write.barrier import fix_barrier, read_source_clock, stamps_settle_in
        from keyspaces_migration.dual_write.flag import FlagState, WriteMode
        from keyspaces_migration.dual_write.registry import list_writers
        from keyspaces_migration.ledger.flags import FlagLedger

        run = self.unchanged_run(context)
        writer = flag_writer(run.migration)
        recording = require_flag(writer)
        if _goes_on(run, recording):
            self.log.info(
                "The flag is in %s by an earlier try, version %d: going on from there",
                recording.mode,
                recording.version,
            )
            return {"barrier_us": str(recording.barrier_us), "version": recording.version}
        with CassandraHook(run.migration.connections.source).session() as session:
            writers, clock = list_writers(session, run.migration.name), read_source_clock(session)
            least = int(self.at_least)
            fix_barrier(writers, recording, clock, expected_writers=least)  # all must be there before the wait
            self._wait_out(stamps_settle_in(writers, clock))
            writers = list_writers(session, run.migration.name)
            fixed = fix_barrier(writers, recording, read_source_clock(session), expected_writers=least)
        barrier_us = FlagLedger(run.ledger).fix_barrier(
            fixed, dag_id=run.dag_id, run_id=run.run_id, now=datetime.now(UTC)
        )
        dual = FlagState(mode=WriteMode.DUAL_SOURCE_LEADS, barrier_us=barrier_us, version=writer.next_version())
        change_flag(run, writer, dual, expected_version=recording.version)
        self.log.info("Dual writes are on above barrier %d, flag version %d", barrier_us, dual.version)
        return {"barrier_us": str(barrier_us), "version": dual.version}

    def _wait_out(self, apart: "timedelta") -> None:
        self.log.info("The writers' clocks are up to %.1f s apart: waiting for so long", apart.total_seconds())
        time.sleep(apart.total_seconds())


class RecopyOperator(ActsInRun):
    """Brings the keys of one table that were touched in RECORD to the target. Run again, it does the same again.

    Args:
        migration_file: Path of the migration file, as the worker sees it: it must be as the run recorded it.
        ledger_conn_id: Airflow connection of the ledger.
        table: The table.
    """

    def __init__(self, *, table: str, **kwargs: Any) -> None:  # noqa: ANN401 - BaseOperator's own
        super().__init__(**kwargs)
        self.table = table

    def execute(self, context: "Context") -> dict[str, Any]:
        """Recopy.

        Raises:
            ConfigurationChangedError: the migration file has changed since the run began; nothing was done.
            RecopyRefusedError: the barrier is too old.
            FlagNotReadyError: the flag has no barrier.
        """
        from dataclasses import asdict

        from keyspaces_migration.dual_write.barrier import read_source_clock, stamps_settle_in
        from keyspaces_migration.dual_write.clock import system_now_us
        from keyspaces_migration.dual_write.recopy import recopy_table
        from keyspaces_migration.dual_write.registry import list_writers
        from keyspaces_migration.dual_write.shape import TableShape
        from keyspaces_migration.dual_write.store import Store, StoreName, Stores

        run = self.unchanged_run(context)
        migration, barrier_us = run.migration, _barrier_in_force(run)
        shape = TableShape.from_migration(self.table, migration.tables[self.table])
        with (
            CassandraHook(migration.connections.source).session() as source,
            KeyspacesHook(migration.connections.target).session() as target,
        ):
            if any(map(shape.multi_cell, shape.columns)):
                # A collection is recopied at the newest time that was recorded of its row: no later write may be older.
                writers = list_writers(source, migration.name)
                time.sleep(stamps_settle_in(writers, read_source_clock(source)).total_seconds())
            counts = recopy_table(
                Stores(
                    source=Store(name=StoreName.SOURCE, session=source, keyspace=migration.source.keyspace),
                    target=Store(name=StoreName.TARGET, session=target, keyspace=migration.target.keyspace),
                ),
                shape,
                migration=migration.name,
                barrier_us=barrier_us,
                now_us=system_now_us(),
            )
        self.log.info("Recopied %s: %s", self.table, counts)
        return asdict(counts)


class DualWritesStartedOperator(OfRun):
    """Records that dual writes are on, once every recorded key is on the target."""

    def execute(self, context: "Context") -> dict[str, Any]:
        """Reach the milestone, if the flag still holds this migration's barrier.

        Raises:
            FlagNotReadyError: it does not.
        """
        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        barrier_us = _barrier_in_force(run)
        run.reach(Milestone.DUAL_WRITES_STARTED)
        return {"barrier_us": str(barrier_us)}


def _goes_on(run: MigrationRun, found: "FlagState") -> bool:
    """Whether the flag is where an earlier try has brought it, above the ledger's barrier, short of the milestone."""
    from keyspaces_migration.dual_write.flag import WriteMode
    from keyspaces_migration.ledger.flags import FlagLedger
    from keyspaces_migration.lifecycle import standing

    if found.mode is not WriteMode.DUAL_SOURCE_LEADS or found.target_read_percent:
        return False
    name = run.migration.name
    reached = standing(each.milestone for each in run.ledger.milestones(name))
    return FlagLedger(run.ledger).barrier_us(name) == found.barrier_us and Milestone.DUAL_WRITES_STARTED not in reached


def _barrier_in_force(run: MigrationRun) -> int:
    from keyspaces_migration.ledger.flags import FlagLedger

    state = require_flag(flag_writer(run.migration))
    recorded = FlagLedger(run.ledger).barrier_us(run.migration.name)
    if recorded is None or state.barrier_us != recorded or not state.mode.is_dual:
        raise FlagNotReadyError(
            f"The flag is in {state.mode} with barrier {state.barrier_us}, and the ledger's barrier is {recorded}. "
            "They must be one, in a dual mode: find out who changed the flag."
        )
    return recorded


def _replication(session: "Session", keyspace: str) -> dict[str, str | int]:
    """What the migrated keyspace has: recorded keys must survive what the data survive."""
    statement = session.prepare("SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?")
    row = session.execute(statement.bind((keyspace,))).one()
    if row is None:
        raise FlagNotReadyError(f"The source has no keyspace {keyspace}.")
    return dict(row.replication)
