"""The cutover on real Airflow, while a cell of the target is wrong, and in the hands of people who can't wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from keyspaces_migration.consistency.kinds import MismatchKind, Store
from keyspaces_migration.ledger import open_ledger
from keyspaces_migration.ledger.checks import CheckLedger
from rehearsal.damage import COLUMN, TABLE
from rehearsal.data import source as sample_source
from rehearsal.gate_attacks.attack import Outcome, counted
from rehearsal.servers.airflow import ledger_keyring
from tests.end_to_end.obstacles import CHECK

if TYPE_CHECKING:
    from rehearsal.world import World
    from tests.end_to_end.conftest import Rehearsed

LEAST_ATTACKS = 20


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


def test_no_attack_gets_a_read_onto_the_target(rehearsed: Rehearsed) -> None:
    through = [attack for attack in rehearsed.attacks if attack.outcome is Outcome.THROUGH]
    assert through == []


def taken_back(rehearsed: Rehearsed) -> set[str]:
    return {each.name for each in rehearsed.attacks if each.outcome is Outcome.DETECTED_AND_REVERSED}


def test_what_can_not_be_prevented_is_detected_and_taken_back(rehearsed: Rehearsed) -> None:
    assert taken_back(rehearsed) >= {"flag edited by hand to 100 %", "what is no flag deployed"}


@pytest.mark.full
def test_so_is_every_other_way_to_change_the_flag(rehearsed: Rehearsed) -> None:
    assert taken_back(rehearsed) >= {
        "flag edited by hand so that the target leads",
        "an old version of the flag, with reads on the target, deployed again",
    }


def test_each_attack_was_stopped_by_what_is_there_to_stop_it(rehearsed: Rehearsed) -> None:
    assert rehearsed.surprises == ()


def test_every_attack_was_tried(rehearsed: Rehearsed) -> None:
    assert len({attack.name for attack in rehearsed.attacks}) == len(rehearsed.attacks)
    assert counted(rehearsed.attacks)["attacks"] >= LEAST_ATTACKS


def test_a_planted_breach_took_the_canary_back_by_itself(rehearsed: Rehearsed) -> None:
    assert rehearsed.result["reversals"] == 1
    assert rehearsed.result["wrong_reads"] == 0


def test_the_target_led_and_the_way_back_was_lossless(rehearsed: Rehearsed) -> None:
    assert rehearsed.result["cutover"] == "DUAL_TARGET_LEADS"
    assert rehearsed.result["rollback"] == "lossless"


@pytest.mark.full
def test_after_a_second_cutover_the_source_is_let_go(rehearsed: Rehearsed) -> None:
    assert rehearsed.result["retired"] == "TARGET_ONLY"
    assert rehearsed.result["lost_writes"] == 0
