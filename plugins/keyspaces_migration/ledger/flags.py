"""Barriers and changes of the flag in the ledger."""

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from keyspaces_migration.dual_write.flag import FlagState
from keyspaces_migration.ledger.chains import BARRIERS, FLAG_CHANGES
from keyspaces_migration.ledger.repository import Ledger
from keyspaces_migration.ledger.runs import recorded_run


@dataclass(frozen=True, kw_only=True)
class FlagChange:
    """A change of the flag as a run was about to make it."""

    state: FlagState
    dag_id: str
    run_id: str
    requested_at: datetime


class FlagLedger:
    """Each call is one transaction; nothing recorded is changed. Errors are the ledger's."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._chains = ledger.chains

    def fix_barrier(self, barrier_us: int, *, dag_id: str, run_id: str, now: datetime) -> int:
        """Record a run's barrier and return it: the first that was recorded, where the run has one already.

        An older barrier than could be fixed now is still right: writers have recorded their keys since before it.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
        """
        values: dict[str, Any] = {"dag_id": dag_id, "run_id": run_id, "barrier_us": barrier_us, "fixed_at": now}
        with self._ledger.writing() as connection:
            run = recorded_run(connection, self._chains, dag_id=dag_id, run_id=run_id)
            self._chains.append(connection, BARRIERS, values, run=run, key=("dag_id", "run_id"))
            recorded = self._chains.read(connection, BARRIERS, run.migration)
        (found,) = [int(row["barrier_us"]) for row in recorded if (row["dag_id"], row["run_id"]) == (dag_id, run_id)]
        return found

    def barrier_us(self, migration: str) -> int | None:
        """The newest barrier of a migration; None where none was fixed."""
        with self._ledger.reading() as connection:
            recorded = self._chains.read(connection, BARRIERS, migration)
        return int(recorded[-1]["barrier_us"]) if recorded else None

    def record_change(self, state: FlagState, *, dag_id: str, run_id: str, now: datetime) -> None:
        """Record a change of the flag that is about to be made.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
        """
        values = {**asdict(state), "dag_id": dag_id, "run_id": run_id, "requested_at": now}
        with self._ledger.writing() as connection:
            run = recorded_run(connection, self._chains, dag_id=dag_id, run_id=run_id)
            self._chains.append(connection, FLAG_CHANGES, values, run=run)

    def changes(self, migration: str) -> tuple[FlagChange, ...]:
        """The changes of a migration's flag that runs were about to make, in the order of recording."""
        with self._ledger.reading() as connection:
            recorded = self._chains.read(connection, FLAG_CHANGES, migration)
        return tuple(
            FlagChange(
                state=FlagState(**{field.name: row[field.name] for field in fields(FlagState)}),
                dag_id=row["dag_id"],
                run_id=row["run_id"],
                requested_at=row["requested_at"],
            )
            for row in recorded
        )
