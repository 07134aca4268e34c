"""A check's result as the ledger's records."""

from collections.abc import Iterator
from dataclasses import fields

from keyspaces_migration.consistency.epoch import epoch_began
from keyspaces_migration.consistency.kinds import Draw, HistoryStanding
from keyspaces_migration.consistency.results import CheckResult, Mismatch, TableResult
from keyspaces_migration.consistency.units import SweepStart
from keyspaces_migration.ledger.check_records import CheckCoverage, CheckedTable, CheckRun, MismatchRecord
from keyspaces_migration.ledger.checks import CheckLedger
from keyspaces_migration.ledger.repository import Ledger
from keyspaces_migration.ledger.sweeps import SweepLedger, SweepRecord
from keyspaces_migration.lifecycle import EPOCH_BEGUN_BY


def record_check(ledger: Ledger, result: CheckResult, *, dag_id: str, run_id: str, attempt: int) -> bool:
    """Record a check whole, with Airflow's ids of its run and try; whether this call did.

    Raises:
        RunNotRecordedError: The run recorded no configuration.
        LedgerUnreachableError: The ledger does not answer; the check is then not recorded at all.
    """
    recorded = CheckLedger(ledger).record(
        _run(result, dag_id=dag_id, run_id=run_id, attempt=attempt),
        tables=[_table(table) for table in result.tables],
        coverage=[part for table in result.tables for part in _coverage(table)],
        mismatches=[_mismatch(each) for table in result.tables for each in table.mismatches],
    )
    # Afterwards: a part of the ring that is swept again is no loss, and one that is passed over would be.
    SweepLedger(ledger).record(
        [
            SweepRecord(
                dag_id=dag_id,
                run_id=run_id,
                attempt=attempt,
                table_name=table.table,
                from_token=table.sweep.from_token,
                to_token=table.sweep.to_token,
                began_at=table.sweep.began_at,
                is_end=table.sweep.is_end,
                recorded_at=result.finished_at,
            )
            for table in result.tables
            if table.sweep is not None
        ]
    )
    return recorded


def sweeps_go_on(ledger: Ledger, migration: str) -> dict[str, SweepStart]:
    """Return where the sweep of each table goes on; those that are not in it begin a pass.

    A pass that began before the epoch did (`epoch`) is begun anew: what it has seen may have been written over since.

    Raises:
        LedgerUnreachableError, LedgerSignatureError: The ledger does not answer, or is not as it was signed.
    """
    began = epoch_began(each.reached_at for each in ledger.milestones(migration) if each.milestone in EPOCH_BEGUN_BY)
    return {
        table: SweepStart(place=swept.to_token, began_at=swept.began_at)
        for table, swept in SweepLedger(ledger).newest(migration).items()
        if not swept.is_end and (began is None or swept.began_at >= began)
    }


def _run(result: CheckResult, *, dag_id: str, run_id: str, attempt: int) -> CheckRun:
    plan = result.plan
    return CheckRun(
        dag_id=dag_id,
        run_id=run_id,
        attempt=attempt,
        verdict=result.verdict,
        sentence=result.sentence,
        leader=plan.leader,
        seed=plan.seed,
        confidence=plan.confidence,
        max_mismatch_rate=plan.max_mismatch_rate,
        tolerated_mismatch_rate=plan.tolerated_mismatch_rate,
        settle_time_s=plan.settle_time_s,
        history_as_of=plan.history_as_of,
        started_at=result.started_at,
        finished_at=result.finished_at,
    )


def _table(table: TableResult) -> CheckedTable:
    history = table.counts.history
    return CheckedTable(
        table_name=table.table,
        verdict=table.verdict.verdict,
        sentence=table.verdict.sentence,
        row_bound=table.verdict.row_bound,
        window_bound=table.verdict.window_bound,
        partitions=table.counts.partitions,
        history_agrees=history.get(HistoryStanding.AGREES, 0),
        history_older=history.get(HistoryStanding.OLDER, 0),
        history_undated=history.get(HistoryStanding.UNDATED, 0),
        history_wrong=history.get(HistoryStanding.WRONG, 0),
    )


def _keys(table: TableResult) -> CheckCoverage:
    keys = table.counts.keys
    return CheckCoverage(
        table_name=table.table,
        draw=Draw.HISTORY_KEYS,
        population=keys.population,
        wanted=keys.wanted,
        compared=keys.compared,
        mismatched=keys.mismatched,
        could_not_look=keys.could_not_look,
        compared_rows=keys.compared,
        mismatched_rows=keys.mismatched,
        transient_rows=keys.transient,
    )


def _coverage(table: TableResult) -> Iterator[CheckCoverage]:
    yield _keys(table)
    for draw, counts in {Draw.SOURCE_WINDOWS: table.counts.windows, **table.counts.others}.items():
        yield CheckCoverage(
            table_name=table.table,
            draw=draw,
            population=None,
            wanted=counts.wanted,
            compared=counts.compared,
            mismatched=counts.mismatched,
            could_not_look=counts.could_not_look,
            compared_rows=counts.rows,
            mismatched_rows=counts.mismatched_rows,
            transient_rows=counts.transient,
        )


def _mismatch(mismatch: Mismatch) -> MismatchRecord:
    values = {field.name: getattr(mismatch, field.name) for field in fields(mismatch)}
    return MismatchRecord(table_name=values.pop("table"), **values)
