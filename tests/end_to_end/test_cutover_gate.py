"""The cutover on real Airflow, while a cell of the target is wrong, and in the hands of people who can't wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from keyspaces_migration.consistency.kinds import MismatchKind, Store
from keyspaces_migration.ledger import open_ledger
from keyspaces_migration.ledger.checks import CheckLedger
from rehearsal.damage import COLUMN, TABLE
from rehearsal.data import source as sample_source
from rehearsal.servers.airflow import ledger_keyring
from tests.end_to_end.cutover_run import GATE
from tests.end_to_end.obstacles import CHECK

if TYPE_CHECKING:
    from rehearsal.world import World
    from tests.end_to_end.conftest import Rehearsed

ATTACKS = {
    "forged XCom and a gate marked successful": "has no answer (marking it successful is none)",
    "the acting task cleared": "has no answer (marking it successful is none)",
    "approved without the typed confirmation": "lacks the typed confirmation",
}


def test_a_wrong_cell_of_the_target_fails_the_check(rehearsed: Rehearsed) -> None:
    spoilt = rehearsed.spoilt
    assert spoilt.verdict["verdict"] == "fail"
    assert spoilt.check_states["check"] == "success"
    assert spoilt.check_states["verdict"] == "failed"


def test_the_mismatch_is_recorded_with_its_key_its_column_and_the_store_at_fault(
    world: World, rehearsed: Rehearsed
) -> None:
    keyring = ledger_keyring(world.home)
    ledger = CheckLedger(open_ledger(f"sqlite:///{world.home}/ledger/ledger.db", keyring=keyring))
    found = ledger.mismatches(dag_id=CHECK, run_id=rehearsed.spoilt.check_run_id, attempt=1)
    assert {(each.table_name, each.store, each.kind, each.columns, each.key["flight"]) for each in found} == {
        (TABLE, Store.TARGET, MismatchKind.VALUE_DIFFERS, (COLUMN,), rehearsed.spoilt.damage.changed["flight"]),
        (TABLE, Store.TARGET, MismatchKind.UNEXPECTED_IN_TARGET, (), rehearsed.spoilt.damage.extra["flight"]),
    }


def test_the_repair_writes_what_was_approved_and_looks_again(world: World, rehearsed: Rehearsed) -> None:
    assert rehearsed.result["repaired"] == {"repaired": 2}
    plan = rehearsed.returned("repair", "plan")
    # What is not listed is told at most, as windows may overlap.
    assert (plan["rows"], plan["over_cap"], plan["dry_run"]) == (2, 0, False)
    with sample_source.opened(world.source.host, world.source.port) as source, world.target.session() as target:
        for key in (rehearsed.spoilt.damage.changed, rehearsed.spoilt.damage.extra):
            where = " AND ".join(f"{name} = %s" for name in key)
            statement = f"SELECT {COLUMN} FROM flights.{TABLE} WHERE {where}"
            values = tuple(key.values())
            assert target.execute(statement, values).one() == source.execute(statement, values).one()


def test_the_cutover_waits_at_its_sensor_and_says_that_the_check_failed(rehearsed: Rehearsed) -> None:
    assert rehearsed.spoilt.sensor_state == "up_for_reschedule"
    assert "Not ready: checks: unmet; observed: fail" in rehearsed.spoilt.sensor_log


@pytest.mark.parametrize(
    ("task_id", "says"),
    [
        ("evidence", "Not ready, so nothing was done: checks: unmet"),
        (GATE, "has kept no evidence to approve"),
        ("raise_to_10", "Not ready, so nothing was done: checks: unmet"),
    ],
)
def test_marking_the_tasks_before_it_successful_gets_no_task_past_a_failed_check(
    rehearsed: Rehearsed, task_id: str, says: str
) -> None:
    attempt = rehearsed.spoilt.forced[task_id]
    assert attempt.state == "failed"
    assert says in attempt.log
    assert attempt.after == attempt.before


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_read_moves_without_an_approval_that_counts(rehearsed: Rehearsed, attack: str) -> None:
    attempt = rehearsed.attacks[attack]
    assert attempt.state == "failed"
    assert ATTACKS[attack] in attempt.log
    assert attempt.after == attempt.before
    assert attempt.after.target_read_percent == 0


def test_an_approval_counts_for_the_flag_that_it_was_given_for_and_not_again_after_a_rollback(
    rehearsed: Rehearsed,
) -> None:
    attempt = rehearsed.replayed
    assert attempt.state == "failed"
    assert "showed other evidence than what would be done now" in attempt.log
    assert attempt.after == attempt.before
    assert attempt.after.target_read_percent == 0
