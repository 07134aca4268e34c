"""The ledger's records of consistency checks, as they go in and come out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from keyspaces_migration.consistency.kinds import Draw, Leader, MismatchKind, Store, Verdict


@dataclass(frozen=True, kw_only=True)
class CheckRun:
    """A finished check. A task that is run again checks again, and leaves another record with its own `attempt`.

    Attributes:
        dag_id: Airflow's id of the DAG.
        run_id: Airflow's id of the DAG run, which has recorded its configuration.
        attempt: Airflow's try number, from 1.
        verdict: Over all tables.
        sentence: For a person.
        leader: Whose rows were right.
        seed: Of all draws.
        confidence: Of each table's bounds.
        max_mismatch_rate: What a pass rules out.
        tolerated_mismatch_rate: What is no failure.
        settle_time_s: How long a difference had to last.
        history_as_of: The history's watermark; None where none was known.
        started_at: With a time zone, as all moments.
        finished_at: When the last table was judged; the age of a check counts from here.
    """

    dag_id: str
    run_id: str
    attempt: int
    verdict: Verdict
    sentence: str
    leader: Leader
    seed: int
    confidence: float
    max_mismatch_rate: float
    tolerated_mismatch_rate: float
    settle_time_s: float
    history_as_of: datetime | None
    started_at: datetime
    finished_at: datetime


@dataclass(frozen=True, kw_only=True)
class CheckedTable:
    """A table's verdict; bounds and counts as in `consistency.results`."""

    table_name: str
    verdict: Verdict
    sentence: str
    row_bound: float | None
    window_bound: float | None
    partitions: int
    history_agrees: int
    history_older: int
    history_undated: int
    history_wrong: int


@dataclass(frozen=True, kw_only=True)
class CheckCoverage:
    """What one draw on one table looked at, counted in the draw's own unit: rows by key, or windows.

    Attributes:
        table_name: The table.
        draw: The draw.
        population: How many units there were to draw from; None where nobody counted.
        wanted: Units asked for.
        compared: Units of which both stores gave a clear answer.
        mismatched: Those of them with a confirmed mismatch.
        could_not_look: Units that should have been compared and were not.
        compared_rows: Rows in the units compared.
        mismatched_rows: Rows of them with a confirmed mismatch.
        transient_rows: Rows that differed at first and no longer after settling.
    """

    table_name: str
    draw: Draw
    population: int | None
    wanted: int
    compared: int
    mismatched: int
    could_not_look: int
    compared_rows: int
    mismatched_rows: int
    transient_rows: int


@dataclass(frozen=True, kw_only=True)
class MismatchRecord:
    """A confirmed mismatch; key and values are JSON by column, values None where they were redacted."""

    table_name: str
    kind: MismatchKind
    store: Store
    draw: Draw
    key: Mapping[str, Any]
    columns: tuple[str, ...]
    values: Mapping[str, Any] | None = field(repr=False)
    seen_at: datetime
    confirmed_at: datetime
