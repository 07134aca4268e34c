"""Brings back the writes that a store did not take for good: takes every letter off the dead letter queue.

`replay` sends each write to the store that lacks it, at the write's own timestamp, so that whatever is newer wins. A
write of 47 hours or more is too old for that: there the rows that it touched are read in both stores, twice with the
settle time between, and what the leader has of them is copied, as `repair` does it. What can't be brought back so is
parked, with the reason: letters that nobody can read, writes that the store refuses, rows whose times CQL does not
tell. Each letter ends in the ledger before it is taken off the queue; one that comes twice is told by its id. A store
that takes nothing ends the run, and the letters wait for the next.

**retry_parked** tries parked letters again, once what stood against them is mended. **close_parked** with
**close_reason** gives parked letters up: the approvers are shown them at `approve_1` …, and `close` verifies by itself
that this very list was approved.

`drained` is red while a letter is parked or was left in the queue. The cutover waits for neither to be so.
"""

from pathlib import Path

from airflow.sdk import DAG, Param

from keyspaces_provider.operators.approval import approval_gates
from keyspaces_provider.operators.dead_letters import (
    CloseLettersOperator,
    PlanClosingOperator,
    ReplayLettersOperator,
    RequireDrainedOperator,
    closing_subject,
)
from keyspaces_provider.operators.run import RecordRunOperator
from keyspaces_provider.stages import LoadedMigration, Stage, stage_dag, valid_migrations

PARAMS = {
    "retry_parked": Param(
        default=None,
        type=["null", "string"],
        title="Retry parked letters",
        description="all, or ids as the report lists them, with commas between. Empty: none.",
    ),
    "close_parked": Param(
        default=None,
        type=["null", "string"],
        title="Close parked letters",
        description="all, or ids with commas between: nothing more is done about these writes. It needs an approval.",
    ),
    "close_reason": Param(
        default=None,
        type=["null", "string"],
        title="Why they are closed",
        description="Approvers read it, and the ledger keeps it.",
    ),
}
CLOSING = {"close_parked": "{{ params.close_parked }}", "close_reason": "{{ params.close_reason }}"}


def replay_dead_letters(loaded: LoadedMigration) -> DAG:
    """The DAG `<migration>.replay_dead_letters`."""
    migration, ledger, file = loaded.migration, loaded.migration.connections.ledger, str(loaded.path)
    with stage_dag(
        migration,
        stage=Stage.REPLAY_DEAD_LETTERS,
        summary="Writes that a store did not take are brought to it, or parked with the reason",
        doc_md=__doc__ or "",
        params=PARAMS,
        schedule=migration.dead_letters.schedule,
    ) as dag:
        record = RecordRunOperator(
            task_id="record_run", stage=Stage.REPLAY_DEAD_LETTERS, migration_file=file, ledger_conn_id=ledger
        )
        # No retries: what is left in the queue is there for the next run.
        replay = ReplayLettersOperator(
            task_id="replay", migration_file=file, ledger_conn_id=ledger, retry_parked="{{ params.retry_parked }}"
        )
        closing = PlanClosingOperator(task_id="closing", ledger_conn_id=ledger, **CLOSING)
        gates = approval_gates(migration, ledger_conn_id=ledger, subject=closing_subject(migration))
        close = CloseLettersOperator(task_id="close", migration_file=file, ledger_conn_id=ledger, **CLOSING)
        drained = RequireDrainedOperator(task_id="drained", ledger_conn_id=ledger, trigger_rule="none_failed")
        record >> replay >> closing >> gates >> close >> drained
        replay >> drained
    return dag


DAGS = [
    replay_dead_letters(loaded)
    for loaded in valid_migrations(Path(__file__).parent / "migrations", stage=Stage.REPLAY_DEAD_LETTERS)
]
