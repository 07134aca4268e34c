"""Barriers and changes of the flag in the ledger."""

from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from keyspaces_migration.dual_write.flag import FlagState
from keyspaces_migration.ledger import schema
from keyspaces_migration.ledger.database import insert_once
from keyspaces_migration.ledger.repository import Ledger
from keyspaces_migration.ledger.revision import require_current_schema

_runs, _barriers = schema.run_configurations.c, schema.barriers.c


class FlagLedger:
    """Each call is one transaction; nothing recorded is changed. Errors are the ledger's."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._database = ledger.database

    def fix_barrier(self, barrier_us: int, *, dag_id: str, run_id: str, now: datetime) -> int:
        """Record a run's barrier and return it: the first that was recorded, where the run has one already.

        An older barrier than could be fixed now is still right: writers have recorded their keys since before it.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
        """
        self._ledger.run_configuration(dag_id=dag_id, run_id=run_id)
        values = {"dag_id": dag_id, "run_id": run_id, "barrier_us": barrier_us, "fixed_at": now}
        query = sa.select(_barriers.barrier_us).where(_barriers.dag_id == dag_id, _barriers.run_id == run_id)
        with self._database.writing() as connection:
            require_current_schema(connection, where=self._database.address)
            insert_once(connection, schema.barriers, values, key=("dag_id", "run_id"))
            found: int = connection.execute(query).scalar_one()
        return found

    def barrier_us(self, migration: str) -> int | None:
        """The newest barrier of a migration; None where none was fixed."""
        query = sa.select(_barriers.barrier_us).join_from(schema.barriers, schema.run_configurations)
        query = query.where(_runs.migration == migration).order_by(_barriers.id.desc()).limit(1)
        with self._database.reading() as connection:
            require_current_schema(connection, where=self._database.address)
            return connection.scalar(query)

    def record_change(self, state: FlagState, *, dag_id: str, run_id: str, now: datetime) -> None:
        """Record a change of the flag that is about to be made.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
        """
        self._ledger.run_configuration(dag_id=dag_id, run_id=run_id)
        values = {**asdict(state), "dag_id": dag_id, "run_id": run_id, "requested_at": now}
        with self._database.writing() as connection:
            require_current_schema(connection, where=self._database.address)
            connection.execute(sa.insert(schema.flag_changes), values)
