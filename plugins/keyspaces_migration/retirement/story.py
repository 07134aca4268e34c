"""What a migration was, from the ledger: its stages, loads, checks, letters, approvals and changes of the flag."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from keyspaces_migration.backfill.spending import Spending
from keyspaces_migration.consistency.kinds import Verdict
from keyspaces_migration.ledger import ApprovalRecord, Ledger
from keyspaces_migration.ledger.backfill_records import TableProgress
from keyspaces_migration.ledger.backfills import BackfillLedger
from keyspaces_migration.ledger.check_records import CheckRun
from keyspaces_migration.ledger.checks import CheckLedger
from keyspaces_migration.ledger.errors import PlanNotRecordedError
from keyspaces_migration.ledger.flags import FlagChange, FlagLedger
from keyspaces_migration.ledger.letter_records import LetterCounts
from keyspaces_migration.ledger.letters import LetterLedger
from keyspaces_migration.ledger.plan_records import LoadPlan
from keyspaces_migration.ledger.records import MilestoneReached, RunConfiguration
from keyspaces_migration.lifecycle import Milestone, Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class StageStory:
    """The runs of one stage.

    Attributes:
        runs: How many there were, those that failed or were dry among them.
        first_at: When the first was started.
        by: Who started them; empty where only schedules did, or Airflow did not know.
        reached: When a run of it reached a milestone, and how long after its start; of the newest such run.
    """

    stage: Stage
    runs: int
    first_at: datetime
    by: tuple[str, ...]
    reached: tuple[Milestone, datetime, timedelta] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadStory:
    """A run of the historical backfill that loaded something.

    Attributes:
        tables: How far each table came.
        plan: What was allowed; None where none was recorded.
        spent_usd: Estimated from the write units that finished splits consumed; None without a plan.
    """

    run_id: str
    tables: tuple[TableProgress, ...]
    plan: LoadPlan | None
    spent_usd: float | None

    @property
    def rows_written(self) -> int:
        """Of all tables."""
        return sum(table.counts.written for table in self.tables)

    @property
    def write_units(self) -> int:
        """Consumed by finished splits, of all tables."""
        return sum(table.usage.write_units for table in self.tables)

    @property
    def took(self) -> timedelta | None:
        """From the first claim of any split to the last that was finished; None before one is."""
        began = [each.first_claimed_at for each in self.tables if each.first_claimed_at is not None]
        ended = [each.last_finished_at for each in self.tables if each.last_finished_at is not None]
        return max(ended) - min(began) if began and ended else None

    @property
    def rows_per_s(self) -> float | None:
        """Of all tables together; None before a split is finished."""
        return self.rows_written / self.took.total_seconds() if self.took else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """All of it.

    Attributes:
        milestones: In the order in which they were reached.
        stages: In the order of their first runs.
        verdicts: How many checks ended so.
        letters: Of dual writes.
    """

    milestones: tuple[MilestoneReached, ...]
    stages: tuple[StageStory, ...]
    loads: tuple[LoadStory, ...]
    checks: tuple[CheckRun, ...]
    letters: LetterCounts
    approvals: tuple[ApprovalRecord, ...]
    flag: tuple[FlagChange, ...]

    @property
    def verdicts(self) -> Mapping[Verdict, int]:
        """How many checks ended with each verdict."""
        return Counter(check.verdict for check in self.checks)


def read_story(ledger: Ledger, migration: str, *, now: datetime) -> Story:
    """Return what the ledger has of a migration, all of one moment. Errors are the ledger's.

    Args:
        ledger: Of the migration.
        migration: Its name.
        now: The clock: until then capacity that a load has is paid for.
    """
    with ledger.one_state():
        runs, milestones = ledger.runs(migration), ledger.milestones(migration)
        return Story(
            milestones=milestones,
            stages=tuple(_stages(runs, milestones)),
            loads=tuple(_loads(ledger, runs, now=now)),
            checks=CheckLedger(ledger).runs(migration),
            letters=LetterLedger(ledger).counts(migration),
            approvals=ledger.approvals(migration),
            flag=FlagLedger(ledger).changes(migration),
        )


def _stages(runs: Sequence[RunConfiguration], milestones: Sequence[MilestoneReached]) -> list[StageStory]:
    found: dict[Stage, StageStory] = {}
    started = {(run.dag_id, run.run_id): run for run in runs}
    for run in runs:
        before = found.get(run.stage)
        people = (before.by if before else ()) + ((run.recorded_by,) if run.recorded_by else ())
        found[run.stage] = StageStory(
            stage=run.stage,
            runs=(before.runs if before else 0) + 1,
            first_at=before.first_at if before else run.recorded_at,
            by=tuple(dict.fromkeys(people)),
            reached=None,
        )
    for each in milestones:
        run = started[each.dag_id, each.run_id]
        reached = (each.milestone, each.reached_at, each.reached_at - run.recorded_at)
        found[run.stage] = replace(found[run.stage], reached=reached)
    return list(found.values())


def _loads(ledger: Ledger, runs: Sequence[RunConfiguration], *, now: datetime) -> list[LoadStory]:
    backfills, found = BackfillLedger(ledger), []
    for run in runs:
        if run.stage is not Stage.HISTORICAL_BACKFILL:
            continue
        where: dict[str, Any] = {"dag_id": run.dag_id, "run_id": run.run_id}
        if not (tables := backfills.progress(**where)):
            continue
        try:
            plan = backfills.plan(**where)
        except PlanNotRecordedError:
            plan = None
        spent = None if plan is None else Spending(backfills, plan).spent_usd(now=now)
        found.append(LoadStory(run_id=run.run_id, tables=tables, plan=plan, spent_usd=spent))
    return found
