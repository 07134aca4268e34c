"""The ledger's records of repairs: what was planned and approved, and what has become of each row."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from keyspaces_migration.approval import facts_digest
from keyspaces_migration.consistency.kinds import Leader, MismatchKind


class RepairOutcome(StrEnum):
    """What has become of a row.

    Attributes:
        WRITTEN: Its differing cells were sent to the follower; nobody has looked yet whether they took.
        REPAIRED: It was written, and is the same in both stores.
        IN_LINE: It is the same in both stores, and this run has not written it.
        PARKED: The replay rule has no timestamp for it; nothing was written.
        STILL_DIFFERENT: It was written, and differs at two looks between which the leader's row stayed as it is.
        CHANGED_MEANWHILE: The leader's row changed between two looks; it was left alone.
        COULD_NOT_LOOK: A store did not answer; nothing was written.
        NOT_WRITTEN: The follower refused the write, or its answer got lost.
    """

    WRITTEN = "written"
    REPAIRED = "repaired"
    IN_LINE = "in_line"
    PARKED = "parked"
    STILL_DIFFERENT = "still_different"
    CHANGED_MEANWHILE = "changed_meanwhile"
    COULD_NOT_LOOK = "could_not_look"
    NOT_WRITTEN = "not_written"

    @property
    def is_good(self) -> bool:
        """Whether both stores hold the same."""
        return self in {RepairOutcome.REPAIRED, RepairOutcome.IN_LINE}


class RepairStep(StrEnum):
    """Which task recorded a result."""

    REPAIR = "repair"
    CHECK_AGAIN = "check_again"


@dataclass(frozen=True, kw_only=True)
class PlannedRepair:
    """A row, or a partition's static columns, of the follower that a check found out of line.

    Attributes:
        table: Where.
        kind: What the check found.
        key: As the check recorded it: JSON by column; the partition key alone where static columns are meant.
        columns: Those that differed; empty where the whole row is too many or too few.
    """

    table: str
    kind: MismatchKind
    key: Mapping[str, Any]
    columns: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RepairPlan:
    """What a run is to repair; its digest is what an approval is given for.

    Attributes:
        configuration: Digest of the migration file.
        check_dag_id: Of the check that found the rows.
        check_run_id: The same.
        check_attempt: The same.
        leader: Whose rows are right; the other store is written.
        rows: What is repaired, at most the cap, in the order of the check's record.
        max_rows: The cap of this run.
        over_cap: Recorded rows of the follower that are beyond the cap.
        not_listed: Rows that the check counted as different and did not record by key; at most, as windows may overlap.
        planned_at: Not part of the digest.
    """

    migration: str
    configuration: str
    dag_id: str
    run_id: str
    check_dag_id: str
    check_run_id: str
    check_attempt: int
    leader: Leader
    rows: tuple[PlannedRepair, ...]
    max_rows: int
    over_cap: int
    not_listed: int
    planned_at: datetime

    def facts(self) -> dict[str, Any]:
        """All that was planned, as JSON."""
        content = {"act": "repair", **asdict(self)}
        del content["planned_at"]
        return {**content, "rows": [{**row, "columns": list(row["columns"])} for row in content["rows"]]}

    def to_json(self) -> str:
        """The text that is recorded."""
        return json.dumps(self.facts(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str, *, planned_at: datetime) -> Self:
        """Read back what `to_json` wrote."""
        content: dict[str, Any] = json.loads(text)
        del content["act"]
        rows = tuple(
            PlannedRepair(**{**row, "kind": MismatchKind(row["kind"]), "columns": tuple(row["columns"])})
            for row in content.pop("rows")
        )
        return cls(**{**content, "leader": Leader(content["leader"])}, rows=rows, planned_at=planned_at)

    @property
    def digest(self) -> str:
        """SHA-256 of what was planned, in hexadecimal."""
        return facts_digest(self.facts())


@dataclass(frozen=True, kw_only=True)
class RepairedRow:
    """What has become of a planned row.

    Attributes:
        table: Where.
        key: As planned.
        outcome: What.
        reason: Why, where it is not good; empty elsewhere. It holds no value of a column that is not of the key.
        cells: Cells of the follower that were set or deleted; a deleted row counts as one.
    """

    table: str
    key: Mapping[str, Any]
    outcome: RepairOutcome
    reason: str = ""
    cells: int = 0


@dataclass(frozen=True, kw_only=True)
class RepairResult:
    """What a task of a repair did or saw.

    Attributes:
        step: Which task.
        attempt: Airflow's try number, from 1.
        rows: In the order of the plan.
        finished_at: With a time zone.
    """

    dag_id: str
    run_id: str
    step: RepairStep
    attempt: int
    rows: tuple[RepairedRow, ...]
    finished_at: datetime

    @property
    def counts(self) -> dict[RepairOutcome, int]:
        """Rows by outcome; outcomes that did not occur are left out."""
        return dict(Counter(row.outcome for row in self.rows))

    def rows_json(self) -> str:
        """The rows as the text that is recorded."""
        return json.dumps([asdict(row) for row in self.rows], separators=(",", ":"), ensure_ascii=False)


def rows_from_json(text: str) -> tuple[RepairedRow, ...]:
    """Read back what `RepairResult.rows_json` wrote."""
    return tuple(RepairedRow(**{**row, "outcome": RepairOutcome(row["outcome"])}) for row in json.loads(text))
