"""The whole rehearsal, small: what its last line says, and what it left."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from keyspaces_migration.ledger.__main__ import main as ledger_command
from rehearsal.data import source as sample_source
from rehearsal.run import CHECKS

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from rehearsal.world import World
    from tests.end_to_end.conftest import Rehearsed


TABLES = ("departures", "flights_unarchived", "planes", "weather")


def rows(session: Session, table: str) -> set[tuple[str, ...]]:
    """Every row of a table of the sample keyspace, by its values' representation."""
    return {tuple(map(repr, row)) for row in session.execute(f"SELECT * FROM flights.{table}")}


def test_it_ends_ok_with_every_stage_that_is_built(rehearsed: Rehearsed) -> None:
    result = rehearsed.result
    assert result["rehearsal"] == "ok"
    assert [stage for stage in result["stages"] if stage != "retire"] == [
        "assess",
        "provision",
        "drift",
        "historical_backfill",
        "start_dual_writes",
        "repair",
        "replay_dead_letters",
        "consistency_check",
        "cutover",
        "rollback",
    ]
    assert all(seconds > 0 for seconds in result["stages"].values())


def test_the_application_lost_no_write_and_read_nothing_wrong(rehearsed: Rehearsed) -> None:
    assert rehearsed.result["lost_writes"] == 0
    assert rehearsed.result["wrong_reads"] == 0


def test_what_the_target_did_not_take_came_back_from_the_queue(rehearsed: Rehearsed) -> None:
    letters = rehearsed.result["letters"]
    assert letters["replayed"] >= 3
    assert (letters["parked"], letters["left_in_queue"]) == (0, 0)
    assert rehearsed.returned("replay_dead_letters", "drained") == {"parked": 0, "in_queue": 0}


def test_the_checks_passed_on_rows_that_were_compared(rehearsed: Rehearsed) -> None:
    verdicts = rehearsed.result["verdicts"]
    assert verdicts == ["pass"] * len(verdicts)
    assert len(verdicts) >= CHECKS
    assert rehearsed.result["sampled_rows"] > 0


def test_all_reads_went_to_the_target_and_came_back(rehearsed: Rehearsed) -> None:
    assert rehearsed.result["cutover"] == "DUAL_TARGET_LEADS"
    lowered = rehearsed.returned("rollback", "lower_share", run_id=rehearsed.last_run_id("rollback"))
    assert lowered["recorded"] is True


def test_at_the_end_the_target_holds_the_source_row_by_row(world: World, rehearsed: Rehearsed) -> None:
    if rehearsed.result["retired"]:
        pytest.skip("the source stands still since the retirement; the application's audit compares the target")
    assert sorted(rehearsed.result["rows_by_table"]) == sorted(TABLES)
    assert all(rehearsed.result["rows_by_table"].values())
    with sample_source.opened(world.source.host, world.source.port) as source, world.target.session() as target:
        for table in TABLES:
            there = rows(source, table)
            assert there, table
            assert rows(target, table) == there, table


def test_the_ledger_holds_the_milestones_in_their_order(world: World, rehearsed: Rehearsed) -> None:
    assert rehearsed
    with sqlite3.connect(world.home / "ledger" / "ledger.db") as ledger:
        reached = [name for (name,) in ledger.execute("SELECT milestone FROM milestones ORDER BY id")]
    # Provisioned twice: the second time to see that nothing was left to do.
    assert list(dict.fromkeys(reached))[:7] == [
        "assessed",
        "provisioned",
        "snapshot_loaded",
        "dual_writes_started",
        "backfill_complete",
        "cutover_finished",
        "rolled_back",
    ]


def test_every_record_that_the_rehearsal_left_is_as_it_was_signed(world: World, rehearsed: Rehearsed) -> None:
    assert rehearsed
    environment = {
        "LEDGER_URL": f"sqlite:///{world.home.resolve()}/ledger/ledger.db",
        "LEDGER_SECRET_KEYS_FILE": str(world.home / "ledger-keys.json"),
    }
    lines, status = ledger_command(["verify"], environment=environment)
    assert (status, lines[-1].endswith("every record is as it was signed")) == (0, True), lines
    assert "records are signed with key rehearsal" in lines[0]
