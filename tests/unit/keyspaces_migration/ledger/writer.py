"""A process of its own that writes to a ledger: `writer.py ACTION URL NUMBER COUNT`.

It says "ready", waits for a line, acts, and says what it did, one line for each thing that it was told is done.
"""

import signal
import sys
from datetime import UTC, datetime
from hashlib import sha256

from keyspaces_migration.ledger import (
    ConfigurationChangedError,
    Ledger,
    ReportKind,
    RunConfiguration,
    open_ledger,
)
from keyspaces_migration.ledger.schema import milestones
from keyspaces_migration.lifecycle import Milestone, Stage
from tests.keyring import KEYRING

DAG_ID = "flights.assess"


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def configuration(run_id: str, *, text: str = "{}") -> RunConfiguration:
    return RunConfiguration(
        migration="flights",
        stage=Stage.ASSESS,
        dag_id=DAG_ID,
        run_id=run_id,
        digest=sha256(text.encode()).hexdigest(),
        canonical_json=text,
        recorded_at=datetime.now(UTC),
    )


def write(url: str, number: int, count: int) -> None:
    """Runs that are this process's alone, and runs that every process records."""
    ledger = Ledger(url, keyring=KEYRING)
    for step in range(count):
        for run_id in (f"own-{number}-{step}", f"shared-{step}"):
            ledger.record_run(configuration(run_id))
            ledger.add_milestone(Milestone.ASSESSED, dag_id=DAG_ID, run_id=run_id, reached_at=datetime.now(UTC))
        ledger.record_report(
            ReportKind.ASSESSMENT,
            dag_id=DAG_ID,
            run_id=f"shared-{step}",
            media_type="text/markdown",
            path=f"reports/{number}.md",
            sha256="a" * 64,
            created_at=datetime.now(UTC),
        )
        say(f"own-{number}-{step}")


def write_without_end(url: str, number: int, _count: int) -> None:
    ledger = Ledger(url, keyring=KEYRING)
    step = 0
    while True:
        ledger.record_run(configuration(f"own-{number}-{step}"))
        say(f"own-{number}-{step}")
        step += 1


def contend(url: str, number: int, count: int) -> None:
    """Every process wants its own configuration recorded for the same runs."""
    ledger = Ledger(url, keyring=KEYRING)
    for step in range(count):
        try:
            ledger.record_run(configuration(f"contended-{step}", text=f'{{"writer":{number}}}'))
            say(f"recorded {step}")
        except ConfigurationChangedError:
            say(f"refused {step}")


def upgrade(url: str, _number: int, _count: int) -> None:
    open_ledger(url, keyring=KEYRING)
    say("upgraded")


def stop_before_commit(url: str, _number: int, _count: int) -> None:
    ledger = Ledger(url, keyring=KEYRING)
    ledger.record_run(configuration("committed"))
    with ledger.database.writing() as connection:
        values = {"milestone": Milestone.ASSESSED, "dag_id": DAG_ID, "run_id": "committed"}
        connection.execute(milestones.insert().values(**values, reached_at=datetime.now(UTC)))
        say("written, not committed")
        signal.pause()


ACTIONS = {action.__name__: action for action in (write, write_without_end, contend, upgrade, stop_before_commit)}

if __name__ == "__main__":
    act, ledger_url, own_number, how_many = sys.argv[1:]
    say("ready")
    sys.stdin.readline()
    ACTIONS[act](ledger_url, int(own_number), int(how_many))
