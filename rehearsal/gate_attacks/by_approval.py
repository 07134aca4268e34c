"""An approval that is none for this act, or one that is, while something else has changed since."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from rehearsal.data import source as sample_source
from rehearsal.edited import edited
from rehearsal.gate_attacks.cutover_run import GATE, CutoverRun

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from keyspaces_migration.cutover.appconfig import FlagStore
    from rehearsal.gate_attacks.attack import Siege
    from rehearsal.world import World

NAME = {"confirm_migration": "flights"}
ACT = "raise_to_10"
NOBODY_LISTENS = 9
LOCK_S = 30.0


def wrong_approvals(siege: Siege, run: CutoverRun) -> None:
    """Answers that lack what an answer needs. `run` has ended; its gate is asked again for each."""
    for name, typed, says in (
        ("typed confirmation left out over REST", {}, "lacks the typed confirmation"),
        ("the name of another migration typed", {"confirm_migration": "trains"}, "lacks the typed confirmation"),
    ):
        siege.try_(name, _approve(run, typed), says=says)


def changes_after_approval(siege: Siege, run: CutoverRun, *, file: Path, store: FlagStore, few: bool) -> None:
    """A good approval, and something else that has changed since; each is put right again.

    Args:
        siege: The world.
        run: Has ended; its gate is asked once more, and then keeps its answer.
        file: The migration file that the DAGs are read from.
        store: The flag's place in AppConfig.
        few: Only one of each kind.
    """
    with edited(file, "max_check_age: P1D", "max_check_age: P2D"):
        siege.try_(
            "migration file edited after the approval",
            _approve(run, NAME),
            says="Start a new run to use the file as it is now",
        )
    world = siege.world
    of_each_kind = (
        ("ledger unreachable", world.airflow.changed_connection("flights_ledger", host="/nowhere/ledger.db"), "ledger"),
        ("a writer that is still in SOURCE_ONLY", _stray_writer(world), "still in SOURCE_ONLY"),
        ("alarms taken from the flag's environment", _no_monitors(store), "alarms: unmet"),
        ("verdict of a check edited in the ledger", _ledger(world, "check_runs", EDIT_CHECK), "signature does not fit"),
        ("an approval edited in the ledger", _ledger(world, "approvals", EDIT_APPROVAL), "ledger"),
    )
    others = (
        (
            "Airflow's API unreachable",
            world.airflow.changed_connection("flights_airflow", port=NOBODY_LISTENS),
            "could not be read",
        ),
        ("actions of the alarm disabled", _deaf_alarm(world, store), "its actions are disabled"),
        ("a finished bake written into the ledger", _ledger(world, "canary_events", FORGE_BAKE), "not signed"),
        ("the newest change of the flag taken from the ledger", _ledger(world, "flag_changes", TAKE_CHANGE), "ledger"),
    )
    for name, undo, says in of_each_kind if few else (*of_each_kind, *others):
        with undo:
            siege.try_(name, lambda: run.run_again(ACT), says=says)


EDIT_CHECK = "UPDATE check_runs SET verdict = 'pass', confidence = 0.5 WHERE id = (SELECT max(id) FROM check_runs)"
FORGE_BAKE = (
    "INSERT INTO canary_events (dag_id, run_id, step, target_read_percent, event, flag_version, base_version, seen, "
    "at) SELECT dag_id, run_id, 1, 10, 'baked', 1, 1, '{}', '2026-01-01 00:00:00.000000' FROM run_configurations "
    "ORDER BY id DESC LIMIT 1"
)
TAKE_CHANGE = "DELETE FROM flag_changes WHERE id = (SELECT max(id) FROM flag_changes)"
EDIT_APPROVAL = "UPDATE approvals SET approved_by = '[\"mallory\"]'"


def damaged_evidence(siege: Siege, run: CutoverRun) -> None:
    """The page that the next approver would see is another than the ledger's."""
    folder = siege.world.airflow.home / "reports"
    (newest,) = sorted(folder.rglob("evidence-*.json"), key=lambda path: path.stat().st_mtime)[-1:]
    kept = newest.read_text(encoding="utf-8")

    def act() -> str:
        run.clear(GATE)
        run.wait_for(GATE, "failed", "awaiting_input")
        return run.log(GATE)

    try:
        newest.write_text(kept.replace("10 %", "1 %"), encoding="utf-8")
        siege.try_("the evidence swapped on disk", act, says="is not the one that the ledger recorded")
    finally:
        newest.write_text(kept, encoding="utf-8")
    run.wait_for_end()


def one_as_two(siege: Siege, *, file: Path, trigger: Callable[[], CutoverRun]) -> None:
    """Two approvals are asked for, and one person gives both."""
    with edited(file, "approvers: [admin]\n  required: 1", "approvers: [admin, alice]\n  required: 2"):
        run = trigger()

        def act() -> str:
            for gate in ("approve_1", "approve_2"):
                run.wait_at_gate(gate)
                run.answer(gate=gate, typed=NAME)
            return run.said_at_end(ACT)

        siege.try_("one approver at both gates", act, says="distinct")


def _approve(run: CutoverRun, typed: dict[str, Any]) -> Callable[[], str]:
    def act() -> str:
        run.clear(GATE, ACT)
        run.wait_at_gate()
        run.answer(typed=typed)
        return run.said_at_end(ACT)

    return act


@contextmanager
def _stray_writer(world: World) -> Iterator[None]:
    where = "keyspaces_migration.writers"
    with sample_source.opened(world.source.host, world.source.port) as session:
        session.execute(
            f"INSERT INTO {where} (migration, writer_id, mode, flag_version, target_read_percent, host, pid, "  # noqa: S608 -- ours
            "journal_depth, parked, follower_lag_ms, flag_age_ms, heartbeat_at, server_at) VALUES ('flights', 'stray', "
            "'SOURCE_ONLY', 0, 0, 'elsewhere', 1, 0, 0, 0, 0, toTimestamp(now()), toTimestamp(now())) USING TTL 600"
        )
        try:
            yield
        finally:
            session.execute(f"DELETE FROM {where} WHERE migration = 'flights' AND writer_id = 'stray'")  # noqa: S608 -- ours


@contextmanager
def _deaf_alarm(world: World, store: FlagStore) -> Iterator[None]:
    cloudwatch = world.aws.client("cloudwatch")
    names = [each["AlarmArn"].split(":", 6)[-1] for each in store.monitors(store.ids())]
    cloudwatch.disable_alarm_actions(AlarmNames=names)
    try:
        yield
    finally:
        cloudwatch.enable_alarm_actions(AlarmNames=names)


@contextmanager
def _no_monitors(store: FlagStore) -> Iterator[None]:
    ids = store.ids()
    monitors = store.monitors(ids)
    store.set_monitors(ids, [])
    try:
        yield
    finally:
        store.set_monitors(ids, monitors)


@contextmanager
def _ledger(world: World, table: str, statement: str) -> Iterator[None]:
    """Write to the ledger's database past our code, and put the table's rows back as they were afterwards."""
    path = world.home / "ledger" / "ledger.db"
    with closing(sqlite3.connect(path, timeout=LOCK_S)) as database, database:
        kept = database.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 -- ours
        database.execute(statement)
    try:
        yield
    finally:
        with closing(sqlite3.connect(path, timeout=LOCK_S)) as database, database:
            database.execute(f"DELETE FROM {table}")  # noqa: S608 -- ours
            if kept:
                marks = ", ".join("?" * len(kept[0]))
                database.executemany(f"INSERT INTO {table} VALUES ({marks})", kept)  # noqa: S608 -- ours
