"""The whole rehearsal, small: what its last line says, and what it left."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.policies import RoundRobinPolicy

if TYPE_CHECKING:
    from rehearsal.world import World
    from tests.end_to_end.conftest import Rehearsed


TABLES = ("departures", "flights_unarchived", "planes", "weather")


def rows(host: str, port: int, table: str) -> set[tuple[str, ...]]:
    """Every row of a table of the sample keyspace, by its values' representation."""
    profiles = {EXEC_PROFILE_DEFAULT: ExecutionProfile(load_balancing_policy=RoundRobinPolicy(), request_timeout=60)}
    with Cluster([host], port=port, execution_profiles=profiles) as cluster:
        session = cluster.connect("flights")
        return {tuple(map(repr, row)) for row in session.execute(f"SELECT * FROM {table}")}


def test_it_ends_ok_with_the_time_of_each_stage_that_is_built(rehearsed: Rehearsed) -> None:
    assert rehearsed.result["rehearsal"] == "ok"
    assert list(rehearsed.result["stages"]) == ["assess", "provision", "historical_backfill"]
    assert all(seconds > 0 for seconds in rehearsed.result["stages"].values())


def test_after_the_backfill_the_target_holds_the_source_row_by_row(world: World, rehearsed: Rehearsed) -> None:
    loaded = 0
    for table in TABLES:
        source = rows(world.source.host, world.source.port, table)
        target = rows(world.target.host, world.target.port, table)
        assert source, table
        assert target == source, table
        loaded += len(target)
    assert rehearsed.result["rows_backfilled"] == loaded


def test_the_ledger_holds_the_milestones_in_their_order(world: World, rehearsed: Rehearsed) -> None:
    assert rehearsed
    with sqlite3.connect(world.home / "ledger" / "ledger.db") as ledger:
        reached = [name for (name,) in ledger.execute("SELECT milestone FROM milestones ORDER BY id")]
    assert reached[:3] == ["assessed", "provisioned", "snapshot_loaded"]


def test_a_stage_before_its_turn_is_refused_and_names_the_next_one(rehearsed: Rehearsed) -> None:
    api, dag_id = rehearsed.api, "flights.consistency_check"
    api.wait_for_dag(dag_id)
    run_id = api.trigger(dag_id)
    assert api.wait_for_run(dag_id, run_id, timeout_s=180) == "failed"
    log = api.task_log(dag_id, run_id, "record_run")
    assert "flights.start_dual_writes" in log
    assert "dual_writes_started" in log
