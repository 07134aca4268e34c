"""Several processes at once, as Airflow's tasks are, and processes that die."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from keyspaces_migration.ledger import Ledger, open_ledger
from keyspaces_migration.ledger.schema import metadata, run_configurations
from keyspaces_migration.lifecycle import Milestone
from tests.keyring import KEYRING

DAG_ID = "flights.assess"
Writer = subprocess.Popen[str]
Start = Callable[..., list[Writer]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start writers, and let them loose together once all are ready; none outlives the test."""
    processes: list[Writer] = []

    def launch(action: str, url: str, *, writers: int, count: int = 0) -> list[Writer]:
        script = Path(__file__).with_name("writer.py")
        started = [
            subprocess.Popen(
                [sys.executable, script, action, url, str(number), str(count)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for number in range(writers)
        ]
        processes.extend(started)
        for process in started:
            assert line_of(process) == "ready"
        for process in started:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        return started

    yield launch
    for process in processes:
        process.kill()
        process.communicate(timeout=30)


def line_of(process: Writer) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def said(processes: list[Writer]) -> list[str]:
    """What all of them said, once every one has ended well."""
    answers = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), [errors for _, errors in answers]
    return [line for output, _ in answers for line in output.splitlines()]


def run_ids(ledger: Ledger) -> list[str]:
    with ledger.database.reading() as connection:
        return list(connection.scalars(sa.select(run_configurations.c.run_id)))


def assert_sound(ledger: Ledger) -> None:
    if not ledger.database.address.is_sqlite:
        return
    with ledger.database.reading() as connection:
        assert connection.execute(sa.text("PRAGMA integrity_check")).scalars().all() == ["ok"]
        assert connection.execute(sa.text("PRAGMA foreign_key_check")).all() == []


@pytest.mark.parametrize("count", [10, pytest.param(50, marks=pytest.mark.full)])
def test_eight_processes_that_write_at_once_lose_nothing_and_write_nothing_twice(
    ledger: Ledger, start: Start, count: int
) -> None:
    writers = 8
    done = said(start("write", ledger.database.address.url.render_as_string(), writers=writers, count=count))

    own = {f"own-{number}-{step}" for number in range(writers) for step in range(count)}
    shared = {f"shared-{step}" for step in range(count)}
    assert sorted(done) == sorted(own)
    assert sorted(run_ids(ledger)) == sorted(own | shared)
    assert Counter(reached.run_id for reached in ledger.milestones("flights")) == Counter(own | shared)
    reports = Counter((report.run_id, report.path) for report in ledger.reports("flights"))
    assert reports == Counter((run_id, f"reports/{number}.md") for run_id in shared for number in range(writers))
    assert_sound(ledger)


def test_of_configurations_recorded_at_once_for_one_run_one_wins_and_the_others_are_told(
    ledger: Ledger, start: Start
) -> None:
    outcomes = Counter(said(start("contend", ledger.database.address.url.render_as_string(), writers=4, count=10)))
    for step in range(10):
        assert outcomes[f"recorded {step}"] == 1
        assert outcomes[f"refused {step}"] == 3
    assert len(run_ids(ledger)) == 10


def test_processes_that_create_the_same_ledger_at_once_all_succeed(empty_url: str, start: Start) -> None:
    assert said(start("upgrade", empty_url, writers=6)) == ["upgraded"] * 6
    with Ledger(empty_url, keyring=KEYRING).database.reading() as connection:
        assert set(metadata.tables) <= set(sa.inspect(connection).get_table_names())


def test_a_writer_killed_before_its_commit_leaves_neither_a_half_record_nor_a_lock(
    ledger: Ledger, start: Start
) -> None:
    (writer,) = start("stop_before_commit", ledger.database.address.url.render_as_string(), writers=1)
    assert line_of(writer) == "written, not committed"
    writer.kill()
    writer.wait(timeout=30)

    assert ledger.milestones("flights") == ()
    run = ledger.run_configuration(dag_id=DAG_ID, run_id="committed")
    ledger.add_milestone(Milestone.ASSESSED, dag_id=DAG_ID, run_id="committed", reached_at=run.recorded_at)
    assert [reached.run_id for reached in ledger.milestones("flights")] == ["committed"]
    assert_sound(ledger)


def test_what_a_writer_was_told_is_recorded_survives_its_sudden_death(empty_url: str, start: Start) -> None:
    ledger = open_ledger(empty_url, keyring=KEYRING)
    writers = start("write_without_end", empty_url, writers=2)
    acknowledged = [line_of(writer) for _ in range(40) for writer in writers]
    for writer in writers:
        writer.kill()
    acknowledged += [line for writer in writers for line in writer.communicate(timeout=30)[0].splitlines()]

    recorded = run_ids(ledger)
    assert set(acknowledged) <= set(recorded)
    assert len(recorded) == len(set(recorded))
    assert_sound(ledger)


def test_a_reader_is_not_held_up_by_a_writer(ledger: Ledger, start: Start) -> None:
    (writer,) = start("stop_before_commit", ledger.database.address.url.render_as_string(), writers=1)
    assert line_of(writer) == "written, not committed"
    began = time.monotonic()
    assert ledger.milestones("flights") == ()
    assert time.monotonic() - began < 5
