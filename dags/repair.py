"""Writes rows of the follower that a check found out of line, from the leader; off unless the file allows it.

`plan` takes the mismatches of a recorded check, looks at each row as it stands now, and reports what would be written,
what would be parked, and why. A dry run, which every run is unless you switch **dry_run** off, ends there. The plan is
then shown to the approvers at `approve_1` …, who type the migration's name; `repair` verifies by itself that this very
plan was approved.

`repair` reads each row twice in both stores, with the settle time between, and leaves alone what is the same by then
and what changed. It writes cell by cell, never at the time of the repair: at the leader's own timestamp, or one that
just beats what the follower has, but none older than 47 hours. So whatever an application writes meanwhile wins. A
collection that is not frozen, and a row that is nothing but its key, have no timestamp that CQL tells: such rows are
parked. No run repairs more than `consistency.repair.max_rows`.

`check_again` looks once more, after the settle time, and is red unless every planned row is the same in both stores.
"""

from pathlib import Path

from airflow.sdk import DAG, Param

from keyspaces_provider.operators.approval import approval_gates
from keyspaces_provider.operators.backfill import DRY_RUN
from keyspaces_provider.operators.repair import (
    CheckAgainOperator,
    PlanRepairOperator,
    RepairApprovalNeededOperator,
    RepairOperator,
    repair_subject,
)
from keyspaces_provider.operators.run import RecordRunOperator
from keyspaces_provider.stages import LoadedMigration, Stage, stage_dag, valid_migrations


def _params(most_rows: int) -> dict[str, Param]:
    return {
        DRY_RUN: Param(
            default=True,
            type="boolean",
            title="Dry run",
            description="Stop after the plan and its report: nothing is written. Switch it off to repair.",
        ),
        "check_run_id": Param(
            default=None,
            type=["null", "string"],
            title="Check",
            description="Run id of the consistency check whose mismatches are repaired. Empty: the newest.",
        ),
        "max_rows": Param(
            default=None,
            type=["null", "integer"],
            minimum=1,
            maximum=most_rows,
            title="Most rows",
            description=f"The most rows that this run repairs. Empty: {most_rows:,}, as the migration file says.",
        ),
    }


def repair(loaded: LoadedMigration) -> DAG:
    """The DAG `<migration>.repair`."""
    migration = loaded.migration
    ledger = migration.connections.ledger
    with stage_dag(
        migration,
        stage=Stage.REPAIR,
        summary="Rows of the follower that a check found out of line, written from the leader after an approval",
        doc_md=__doc__ or "",
        params=_params(migration.consistency.repair.max_rows),
    ) as dag:
        record = RecordRunOperator(
            task_id="record_run", stage=Stage.REPAIR, migration_file=str(loaded.path), ledger_conn_id=ledger
        )
        plan = PlanRepairOperator(
            task_id="plan",
            ledger_conn_id=ledger,
            check_run_id="{{ params.check_run_id }}",
            max_rows="{{ params.max_rows }}",
        )
        needed = RepairApprovalNeededOperator(task_id="approval_needed", ledger_conn_id=ledger)
        gates = approval_gates(migration, ledger_conn_id=ledger, subject=repair_subject(migration))
        # No retries: it writes, and whoever clears it should have looked why it failed.
        write = RepairOperator(task_id="repair", migration_file=str(loaded.path), ledger_conn_id=ledger)
        # Nor here: they would ask again in the hope of a better answer.
        again = CheckAgainOperator(task_id="check_again", ledger_conn_id=ledger)
        record >> plan >> needed >> gates >> write >> again
    return dag


DAGS = [repair(loaded) for loaded in valid_migrations(Path(__file__).parent / "migrations", stage=Stage.REPAIR)]
