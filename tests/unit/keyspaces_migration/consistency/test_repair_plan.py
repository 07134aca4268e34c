"""The plan of a repair: which recorded mismatches it takes, what it leaves out and says so, and when it is refused."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
import yaml

from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.consistency.kinds import Draw, MismatchKind, Store, Verdict
from keyspaces_migration.consistency.repair_plan import (
    RepairPlanChangedError,
    RepairRefusedError,
    plan_repair,
    require_same_plan,
)
from keyspaces_migration.consistency.repair_report import plan_report, result_report
from keyspaces_migration.ledger import Ledger, LedgerSignatureError, RunConfiguration, open_ledger, schema
from keyspaces_migration.ledger.check_records import CheckCoverage, MismatchRecord
from keyspaces_migration.ledger.checks import CheckLedger
from keyspaces_migration.ledger.repair_records import RepairedRow, RepairOutcome, RepairPlan
from keyspaces_migration.ledger.repairs import RepairLedger
from keyspaces_migration.lifecycle import Stage
from tests.checks import a_check
from tests.keyring import KEYRING

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
CHECK_DAG, REPAIR_DAG = "flights.consistency_check", "flights.repair"
FLIGHTS = Path(__file__).parents[4] / "dags/migrations/flights.yaml"


@pytest.fixture
def migration(tmp_path: Path) -> Migration:
    return a_migration(tmp_path, enabled=True)


def a_migration(folder: Path, *, enabled: bool) -> Migration:
    content = yaml.safe_load(FLIGHTS.read_text(encoding="utf-8"))
    content["consistency"]["repair"] = {"enabled": enabled, "max_rows": 5}
    file = folder / "flights.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return load_migration(file)


@pytest.fixture
def ledger(tmp_path: Path, migration: Migration) -> Ledger:
    opened = open_ledger(f"sqlite:///{tmp_path}/ledger.db", keyring=KEYRING)
    for stage, run_id in ((Stage.CONSISTENCY_CHECK, "one"), (Stage.CONSISTENCY_CHECK, "two"), (Stage.REPAIR, "r")):
        dag_id = f"flights.{stage.value}"
        opened.record_run(RunConfiguration.of(migration, stage=stage, dag_id=dag_id, run_id=run_id, recorded_at=NOW))
    return opened


def plane(number: int, *, draw: Draw = Draw.HISTORY_KEYS, store: Store = Store.TARGET) -> MismatchRecord:
    return MismatchRecord(
        table_name="planes",
        kind=MismatchKind.VALUE_DIFFERS if store is Store.TARGET else MismatchKind.MISSING_IN_HISTORY,
        store=store,
        draw=draw,
        key={"tailnum": f"N{number}"},
        columns=("model",),
        values=None,
        seen_at=NOW,
        confirmed_at=NOW,
    )


def record(ledger: Ledger, run_id: str, *mismatches: MismatchRecord, counted: int | None = None) -> None:
    check = a_check(dag_id=CHECK_DAG, run_id=run_id, verdict=Verdict.FAIL, started_at=NOW, finished_at=NOW)
    by_key = [each for each in mismatches if each.draw is Draw.HISTORY_KEYS and each.store is Store.TARGET]
    coverage = CheckCoverage(
        table_name="planes",
        draw=Draw.HISTORY_KEYS,
        population=100,
        wanted=100,
        compared=100,
        mismatched=0,
        could_not_look=0,
        compared_rows=100,
        mismatched_rows=len(by_key) if counted is None else counted,
        transient_rows=0,
    )
    assert CheckLedger(ledger).record(check, tables=[], coverage=[coverage], mismatches=mismatches)


@pytest.fixture
def plan(ledger: Ledger, migration: Migration) -> Callable[..., RepairPlan]:
    def planned(**changes: Any) -> RepairPlan:
        given = {"check_run_id": None, "max_rows": None, "dry_run": False, "migration": migration} | changes
        return plan_repair(ledger, dag_id=REPAIR_DAG, run_id="r", now=NOW, **given)

    return planned


def tails(plan: RepairPlan) -> list[str]:
    return [row.key["tailnum"] for row in plan.rows]


def test_the_newest_check_is_taken_unless_another_is_named(ledger: Ledger, plan: Callable[..., RepairPlan]) -> None:
    record(ledger, "one", plane(1))
    record(ledger, "two", plane(2))
    assert tails(plan()) == ["N2"]
    assert tails(plan(check_run_id="one")) == ["N1"]
    with pytest.raises(RepairRefusedError, match="no record of a check of run three"):
        plan(check_run_id="three")


def test_only_the_followers_rows_are_planned_and_each_once(ledger: Ledger, plan: Callable[..., RepairPlan]) -> None:
    record(ledger, "one", plane(1), plane(2, store=Store.HISTORY), plane(1, draw=Draw.SOURCE_WINDOWS))
    assert tails(plan()) == ["N1"]


def test_rows_beyond_the_cap_and_rows_that_were_not_recorded_are_counted(
    ledger: Ledger, plan: Callable[..., RepairPlan]
) -> None:
    record(ledger, "one", *map(plane, range(8)), counted=1_000)
    made = plan()
    assert (len(made.rows), made.max_rows, made.over_cap, made.not_listed) == (5, 5, 3, 992)
    fewer = plan(max_rows=2)
    assert (tails(fewer), fewer.over_cap) == (["N0", "N1"], 6)
    page = plan_report(
        fewer,
        [RepairedRow(table="planes", key=row.key, outcome=RepairOutcome.WRITTEN) for row in fewer.rows],
        dry_run=True,
    )
    assert "6 more rows are beyond the cap of 2" in page
    assert "Up to 992 rows were counted" in page
    assert "nothing is written" in page
    assert '`{"tailnum": "N1"}`' in page


@pytest.mark.parametrize("asked", [0, 6])
def test_a_run_can_only_lower_the_cap(ledger: Ledger, plan: Callable[..., RepairPlan], asked: int) -> None:
    record(ledger, "one", plane(1))
    with pytest.raises(RepairRefusedError, match="allowed is 1 to 5"):
        plan(max_rows=asked)


def test_a_file_that_does_not_allow_repairs_allows_a_dry_run_alone(
    ledger: Ledger, plan: Callable[..., RepairPlan], tmp_path: Path
) -> None:
    record(ledger, "one", plane(1))
    off = a_migration(tmp_path, enabled=False)
    assert tails(plan(migration=off, dry_run=True)) == ["N1"]
    with pytest.raises(RepairRefusedError, match=r"consistency\.repair\.enabled of migration flights is false"):
        plan(migration=off)


def test_without_a_check_there_is_no_plan(plan: Callable[..., RepairPlan]) -> None:
    with pytest.raises(RepairRefusedError, match="no record of a check of migration flights"):
        plan()


def test_a_recorded_plan_comes_back_as_it_was_and_is_the_same_made_anew(
    ledger: Ledger, migration: Migration, plan: Callable[..., RepairPlan]
) -> None:
    record(ledger, "one", plane(1), plane(2))
    recorded = RepairLedger(ledger).record_plan(plan())
    assert recorded == plan()
    # A newer check changes nothing about the plan that was approved.
    record(ledger, "two", plane(9))
    require_same_plan(ledger, recorded, migration=migration)
    with pytest.raises(RepairPlanChangedError, match="Nothing was written"):
        require_same_plan(ledger, replace(recorded, rows=recorded.rows[:1]), migration=migration)


def test_a_plan_on_a_check_that_somebody_changed_is_refused(
    ledger: Ledger, migration: Migration, plan: Callable[..., RepairPlan]
) -> None:
    record(ledger, "one", plane(1))
    recorded = RepairLedger(ledger).record_plan(plan())
    with ledger.database.writing() as connection:
        connection.execute(sa.update(schema.mismatches).values(key='{"tailnum": "N2"}'))
    with pytest.raises(LedgerSignatureError, match="mismatches"):
        require_same_plan(ledger, recorded, migration=migration)


def test_the_result_names_what_is_not_in_line_first_and_why(ledger: Ledger, plan: Callable[..., RepairPlan]) -> None:
    record(ledger, "one", plane(1), plane(2))
    good = RepairedRow(table="planes", key={"tailnum": "N1"}, outcome=RepairOutcome.REPAIRED, cells=1)
    parked = RepairedRow(table="planes", key={"tailnum": "N2"}, outcome=RepairOutcome.PARKED, reason="a|b")
    page = result_report(plan(), [good, parked])
    assert "1 of 2 rows are the same in both stores now" in page
    assert page.index("N2") < page.index("N1")
    assert "a\\|b" in page
