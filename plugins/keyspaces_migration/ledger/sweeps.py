"""How far the sweeps of consistency checks are, in the ledger: one record a check and table."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from keyspaces_migration.ledger.chains import SWEEPS
from keyspaces_migration.ledger.repository import Ledger
from keyspaces_migration.ledger.runs import recorded_run


@dataclass(frozen=True, kw_only=True)
class SweepRecord:
    """A part of the token ring that a check compared in both stores.

    Attributes:
        dag_id: Airflow's id of the DAG.
        run_id: Airflow's id of the DAG run.
        attempt: Airflow's try number, from 1.
        table_name: The table.
        from_token: Excluded: where the check began.
        to_token: Included: where the next one goes on.
        began_at: When the pass over the whole ring began that this is a part of.
        is_end: Whether the pass ended with it.
        recorded_at: When.
    """

    dag_id: str
    run_id: str
    attempt: int
    table_name: str
    from_token: int
    to_token: int
    began_at: datetime
    is_end: bool
    recorded_at: datetime


class SweepLedger:
    """Each call is one transaction; nothing recorded is changed, and all is signed. Errors are the ledger's."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._chains = ledger.chains

    def record(self, sweeps: Sequence[SweepRecord]) -> None:
        """Record what one check swept; once an attempt and table.

        Raises:
            RunNotRecordedError: The run recorded no configuration.
        """
        key = ("dag_id", "run_id", "attempt", "table_name")
        with self._ledger.writing() as connection:
            for sweep in sweeps:
                run = recorded_run(connection, self._chains, dag_id=sweep.dag_id, run_id=sweep.run_id)
                self._chains.append(connection, SWEEPS, asdict(sweep), run=run, key=key)

    def newest(self, migration: str) -> dict[str, SweepRecord]:
        """The newest record of each table: where its sweep goes on."""
        return {sweep.table_name: sweep for sweep in self._all(migration)}

    def completed(self, migration: str) -> dict[str, SweepRecord]:
        """The newest record of each table with which a pass over the whole ring ended; none where none has yet."""
        return {sweep.table_name: sweep for sweep in self._all(migration) if sweep.is_end}

    def _all(self, migration: str) -> tuple[SweepRecord, ...]:
        names = SweepRecord.__dataclass_fields__
        with self._ledger.reading() as connection:
            rows = self._chains.read(connection, SWEEPS, migration)
        return tuple(SweepRecord(**{name: row[name] for name in names}) for row in rows)
