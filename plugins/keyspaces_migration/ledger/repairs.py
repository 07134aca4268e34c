"""Repairs in the ledger: signed plans, and signed results."""

from datetime import datetime
from typing import Any

from keyspaces_migration.ledger.chains import REPAIR_PLANS, REPAIR_RESULTS
from keyspaces_migration.ledger.errors import PlanNotRecordedError
from keyspaces_migration.ledger.repair_records import RepairPlan, RepairResult, RepairStep, rows_from_json
from keyspaces_migration.ledger.repository import Ledger
from keyspaces_migration.ledger.runs import recorded_run


class RepairLedger:
    """Reads and writes repairs, each call in one transaction; nothing recorded is changed. Errors are the ledger's."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._chains = ledger.chains

    def record_plan(self, plan: RepairPlan) -> RepairPlan:
        """Record what a run may repair; once a run.

        Returns:
            The plan as recorded, which a retry finds as it was recorded first.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
        """
        where = {"dag_id": plan.dag_id, "run_id": plan.run_id}
        values: dict[str, Any] = {**where, "digest": plan.digest, "facts": plan.to_json()}
        values["planned_at"] = plan.planned_at
        with self._ledger.writing() as connection:
            run = recorded_run(connection, self._chains, **where)
            self._chains.append(connection, REPAIR_PLANS, values, run=run, key=("dag_id", "run_id"))
        return self.plan(**where)

    def plan(self, *, dag_id: str, run_id: str) -> RepairPlan:
        """What a run may repair.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
            PlanNotRecordedError: It recorded no plan, as a dry run.
        """
        with self._ledger.reading() as connection:
            run = recorded_run(connection, self._chains, dag_id=dag_id, run_id=run_id)
            for row in self._chains.read(connection, REPAIR_PLANS, run.migration):
                if (row["dag_id"], row["run_id"]) == (dag_id, run_id):
                    return RepairPlan.from_json(row["facts"], planned_at=row["planned_at"])
        raise PlanNotRecordedError(
            f"Run {run_id} of {dag_id} has recorded no plan, so nothing may be repaired: it was a dry run, or its task "
            "plan did not end. Start a new run, with dry_run off"
        )

    def record_result(self, result: RepairResult) -> bool:
        """Record what a task did or saw; whether this call did. An attempt of a task is recorded once.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
        """
        where = {"dag_id": result.dag_id, "run_id": result.run_id}
        values: dict[str, Any] = {**where, "step": result.step, "attempt": result.attempt}
        values |= {"outcomes": result.rows_json(), "finished_at": result.finished_at}
        with self._ledger.writing() as connection:
            run = recorded_run(connection, self._chains, **where)
            key = ("dag_id", "run_id", "step", "attempt")
            return self._chains.append(connection, REPAIR_RESULTS, values, run=run, key=key)

    def repaired_at(self, migration: str) -> datetime | None:
        """When the newest task ended that wrote; None where nothing was repaired."""
        with self._ledger.reading() as connection:
            rows = self._chains.read(connection, REPAIR_RESULTS, migration)
        wrote = [row["finished_at"] for row in rows if row["step"] == RepairStep.REPAIR]
        return max(wrote, default=None)

    def results(self, *, dag_id: str, run_id: str) -> tuple[RepairResult, ...]:
        """What the tasks of a run did and saw, in the order of recording.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
        """
        with self._ledger.reading() as connection:
            run = recorded_run(connection, self._chains, dag_id=dag_id, run_id=run_id)
            return tuple(
                RepairResult(
                    dag_id=dag_id,
                    run_id=run_id,
                    step=RepairStep(row["step"]),
                    attempt=row["attempt"],
                    rows=rows_from_json(row["outcomes"]),
                    finished_at=row["finished_at"],
                )
                for row in self._chains.read(connection, REPAIR_RESULTS, run.migration)
                if (row["dag_id"], row["run_id"]) == (dag_id, run_id)
            )
