"""A check's result as the ledger's records."""

from dataclasses import fields

from keyspaces_migration.consistency.kinds import Draw, HistoryStanding
from keyspaces_migration.consistency.results import CheckResult, Mismatch, TableResult
from keyspaces_migration.ledger.check_records import CheckCoverage, CheckedTable, CheckRun, MismatchRecord
from keyspaces_migration.ledger.checks import CheckLedger
from keyspaces_migration.ledger.repository import Ledger


def record_check(ledger: Ledger, result: CheckResult, *, dag_id: str, run_id: str, attempt: int) -> bool:
    """Record a check whole, with Airflow's ids of its run and try; whether this call did.

    Raises:
        RunNotRecordedError: The run recorded no configuration.
        LedgerUnreachableError: The ledger does not answer; the check is then not recorded at all.
    """
    return CheckLedger(ledger).record(
        _run(result, dag_id=dag_id, run_id=run_id, attempt=attempt),
        tables=[_table(table) for table in result.tables],
        coverage=[part for table in result.tables for part in (_keys(table), _windows(table))],
        mismatches=[_mismatch(each) for table in result.tables for each in table.mismatches],
    )


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


def _windows(table: TableResult) -> CheckCoverage:
    windows = table.counts.windows
    return CheckCoverage(
        table_name=table.table,
        draw=Draw.SOURCE_WINDOWS,
        population=None,
        wanted=windows.wanted,
        compared=windows.compared,
        mismatched=windows.mismatched,
        could_not_look=windows.could_not_look,
        compared_rows=windows.rows,
        mismatched_rows=windows.mismatched_rows,
        transient_rows=windows.transient,
    )


def _mismatch(mismatch: Mismatch) -> MismatchRecord:
    values = {field.name: getattr(mismatch, field.name) for field in fields(mismatch)}
    return MismatchRecord(table_name=values.pop("table"), **values)
