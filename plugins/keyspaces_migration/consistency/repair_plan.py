"""From a recorded check to the plan of its repair."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from keyspaces_migration.consistency.errors import ConsistencyError
from keyspaces_migration.ledger.checks import CheckLedger
from keyspaces_migration.ledger.repair_records import PlannedRepair, RepairPlan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from keyspaces_migration.config import Migration
    from keyspaces_migration.consistency.kinds import Draw
    from keyspaces_migration.ledger.check_records import CheckCoverage, CheckRun, MismatchRecord
    from keyspaces_migration.ledger.repository import Ledger


class RepairRefusedError(ConsistencyError):
    """There is nothing that could be planned: the file does not allow repairs, or there is no such check."""


class RepairPlanChangedError(ConsistencyError):
    """What the ledger says now does not make the plan that was recorded: nothing may be written by it."""


def plan_repair(  # noqa: PLR0913 # all but the first by keyword
    ledger: Ledger,
    *,
    migration: Migration,
    dag_id: str,
    run_id: str,
    check_run_id: str | None,
    max_rows: int | None,
    dry_run: bool,
    now: datetime,
) -> RepairPlan:
    """Plan the repair of what a check found at the follower.

    Args:
        ledger: Has the check.
        migration: The file as the run recorded it.
        dag_id: Of the run that is to repair.
        run_id: Of the same.
        check_run_id: Airflow's id of the check's run; None: the newest check.
        max_rows: The cap of this run; None: the file's. It can only be lowered.
        dry_run: Whether nothing is to be written, so that the file need not allow it.
        now: The clock, with a time zone.

    Raises:
        RepairRefusedError: The file does not allow repairs, the cap is beyond the file's, or there is no such check.
        LedgerSignatureError: A record of the check is not as it was signed.
    """
    cap = _cap(migration, max_rows, dry_run=dry_run)
    check = _check(CheckLedger(ledger).runs(migration.name), migration=migration.name, run_id=check_run_id)
    return _plan(ledger, check, migration=migration, dag_id=dag_id, run_id=run_id, cap=cap, now=now)


def require_same_plan(ledger: Ledger, plan: RepairPlan, *, migration: Migration) -> None:
    """Make a recorded plan anew from the check it names, and refuse it if it is not the same.

    Raises:
        RepairPlanChangedError: It is not.
        RepairRefusedError: The check is gone.
    """
    runs = [each for each in CheckLedger(ledger).runs(migration.name) if each.attempt == plan.check_attempt]
    check = _check(runs, migration=migration.name, run_id=plan.check_run_id)
    again = _plan(
        ledger,
        check,
        migration=migration,
        dag_id=plan.dag_id,
        run_id=plan.run_id,
        cap=_cap(migration, plan.max_rows, dry_run=False),
        now=plan.planned_at,
    )
    if again.digest != plan.digest:
        raise RepairPlanChangedError(
            f"Run {plan.run_id} of {plan.dag_id} recorded a plan with digest {plan.digest}, and the check "
            f"{plan.check_run_id} makes one with digest {again.digest} now. Nothing was written. Start a new run"
        )


def _cap(migration: Migration, asked: int | None, *, dry_run: bool) -> int:
    allowed = migration.consistency.repair
    if not allowed.enabled and not dry_run:
        raise RepairRefusedError(
            f"Repairs are off: consistency.repair.enabled of migration {migration.name} is false. To repair, set it to "
            "true in the migration file and start a new run. A dry run needs no such permission"
        )
    if asked is not None and not 1 <= asked <= allowed.max_rows:
        raise RepairRefusedError(
            f"max_rows is {asked}; allowed is 1 to {allowed.max_rows}, the consistency.repair.max_rows of migration "
            f"{migration.name}"
        )
    return allowed.max_rows if asked is None else asked


def _check(runs: Sequence[CheckRun], *, migration: str, run_id: str | None) -> CheckRun:
    found = [run for run in runs if run_id in {None, run.run_id}]
    if not found:
        which = "a check" if run_id is None else f"a check of run {run_id}"
        raise RepairRefusedError(
            f"The ledger has no record of {which} of migration {migration}: run {migration}.consistency_check, or give "
            "check_run_id as the ledger has it"
        )
    return found[-1]


def _plan(  # noqa: PLR0913 # all but two by keyword
    ledger: Ledger, check: CheckRun, *, migration: Migration, dag_id: str, run_id: str, cap: int, now: datetime
) -> RepairPlan:
    checks, of_run = CheckLedger(ledger), {"dag_id": check.dag_id, "run_id": check.run_id}
    recorded = checks.mismatches(**of_run, attempt=check.attempt)
    found = [each for each in recorded if each.store is check.leader.follower]
    rows = _rows(found)
    return RepairPlan(
        migration=migration.name,
        configuration=migration.digest,
        dag_id=dag_id,
        run_id=run_id,
        check_dag_id=check.dag_id,
        check_run_id=check.run_id,
        check_attempt=check.attempt,
        leader=check.leader,
        rows=rows[:cap],
        max_rows=cap,
        over_cap=max(0, len(rows) - cap),
        not_listed=_not_listed(found, checks.coverage(**of_run, attempt=check.attempt), migration=migration),
        planned_at=now,
    )


def _rows(found: Sequence[MismatchRecord]) -> tuple[PlannedRepair, ...]:
    """Each row once: two draws may have found it."""
    unique: dict[tuple[str, str], PlannedRepair] = {}
    for each in found:
        row = PlannedRepair(table=each.table_name, kind=each.kind, key=each.key, columns=each.columns)
        unique.setdefault((each.table_name, json.dumps(each.key, sort_keys=True)), row)
    return tuple(unique.values())


def _not_listed(found: Sequence[MismatchRecord], coverage: Sequence[CheckCoverage], *, migration: Migration) -> int:
    """Rows that were counted as different and have no record of their own; static columns are not counted as rows."""
    listed: Counter[tuple[str, Draw]] = Counter()
    for each in found:
        schema = migration.tables[each.table_name].schema_
        listed[each.table_name, each.draw] += len(each.key) == len(schema.primary_key)
    return sum(max(0, part.mismatched_rows - listed[part.table_name, part.draw]) for part in coverage)
