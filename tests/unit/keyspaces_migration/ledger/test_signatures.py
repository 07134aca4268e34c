"""Whoever writes to the database past this software is noticed by every reader that a gate relies on."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from keyspaces_migration.ledger import Ledger, LedgerSignatureError, schema
from keyspaces_migration.ledger.backfill_records import SplitState
from keyspaces_migration.ledger.backfills import BackfillLedger
from keyspaces_migration.ledger.flags import FlagLedger
from keyspaces_migration.lifecycle import Milestone, Stage
from tests.keyring import other_keyring
from tests.unit.keyspaces_migration.ledger.full_ledger import DAG, MIGRATION, MINUTE, NOW, READERS, RUNS, audit_of, fill

if TYPE_CHECKING:
    from tests.unit.keyspaces_migration.ledger.conftest import NewRun

TABLES = schema.metadata.tables
PARTS = ("checked_tables", "check_coverage", "mismatches")
# The column that connects rows without a chain of their own with the record that they are signed with.
PARENTS = {
    **dict.fromkeys(PARTS, "check_run_id"),
    "backfill_splits": "backfill_table_id",
    "letters": "letter_batch_id",
}
CHAINED = [name for name in READERS if name not in PARENTS]
# Who holds a split, what it consumed, and what only connects rows, is not signed.
NOT_SIGNED = {"id", *PARENTS.values(), "worker", "lease_until", "first_claimed_at", "reason"} | {
    "write_units",
    "throttled_units",
}
# The database's rule of counts refuses one alone.
TOGETHER = {"rows_read": "written", "written": "rows_read", "expired": "rows_read", "dead": "rows_read"}
# A run of the same name in another DAG, and another run of the same DAG: both are there, and have no other records.
OTHER_DAG, OTHER_RUN = "flights.assess", "three"


@pytest.fixture
def full(ledger: Ledger, new_run: NewRun) -> Ledger:
    fill(ledger)
    fill(ledger, migration="orders")
    ledger.record_run(new_run(run_id=RUNS[0]))
    ledger.record_run(new_run(run_id=OTHER_RUN, stage=Stage.HISTORICAL_BACKFILL))
    return ledger


def act(ledger: Ledger, *statements: sa.Executable) -> None:
    """What somebody does who may write to the database."""
    with ledger.database.writing() as connection:
        for statement in statements:
            connection.execute(statement)


def rows(ledger: Ledger, table: sa.Table) -> list[dict[str, Any]]:
    with ledger.database.reading() as connection:
        return [dict(row) for row in connection.execute(sa.select(table).order_by(table.c.id)).mappings()]


def changed_columns(name: str) -> list[sa.Column[Any]]:
    # A run that has records can't be renamed: the database refuses it.
    refused = {"dag_id", "run_id"} if name == "run_configurations" else set()
    return [column for column in TABLES[name].c if column.name not in NOT_SIGNED | refused]


def another(column: sa.Column[Any], value: Any) -> Any:
    """A value that the column may hold, and that is not `value`."""
    if column.name in {"dag_id", "run_id"}:
        return {"dag_id": OTHER_DAG, "run_id": OTHER_RUN}[column.name]
    if isinstance(column.type, sa.Enum):
        return next(each for each in column.type.enums if each != value)
    if isinstance(column.type, schema.UtcTimestamp):
        return (value or NOW) + dt.timedelta(microseconds=1)
    if isinstance(column.type, sa.Text):
        return f"{'c' if value[:1] != 'c' else 'd'}{value[1:]}" if value else "something"
    return (value or 0) + 1


def is_refused(ledger: Ledger, name: str) -> bool:
    try:
        READERS[name](ledger)
    except LedgerSignatureError:
        return True
    return False


def test_what_was_written_is_read(full: Ledger) -> None:
    for read in READERS.values():
        read(full)
    audit_of(full)


@pytest.mark.parametrize("name", READERS)
def test_a_change_of_any_column_is_refused(full: Ledger, name: str) -> None:
    table = TABLES[name]
    row = rows(full, table)[0]
    for column in changed_columns(name):
        values = {column.name: another(column, row[column.name])}
        if other := TOGETHER.get(column.name):
            values[other] = row[other] + 1
        if (name, column.name) == ("backfill_splits", "number"):
            values["number"] = 7
        act(full, sa.update(table).where(table.c.id == row["id"]).values(values))
        assert is_refused(full, name), f"{name}.{column.name} was changed to {values[column.name]!r}"
        act(full, sa.update(table).where(table.c.id == row["id"]).values({each: row[each] for each in values}))
        READERS[name](full)


@pytest.mark.parametrize("which", [0, -1], ids=["first", "newest"])
@pytest.mark.parametrize("name", [name for name in READERS if name != "run_configurations"])
def test_a_record_that_was_taken_away_is_missed(full: Ledger, name: str, which: int) -> None:
    table = TABLES[name]
    mine = [row for row in rows(full, table) if row.get("dag_id", DAG) == DAG]
    if (parent := PARENTS.get(name)) is not None:
        # Those of the run that is read.
        mine = [row for row in mine if row[parent] == mine[0][parent]]
    gone = mine[which]["id"]
    below = {
        "check_runs": ("check_run_id", PARTS),
        "backfill_tables": ("backfill_table_id", ("backfill_splits",)),
        "letter_batches": ("letter_batch_id", ("letters",)),
    }
    column, children = below.get(name, ("", ()))
    splits = TABLES["backfill_splits"].c
    of_split = sa.select(splits.id).where(
        splits.backfill_table_id == gone if name == "backfill_tables" else splits.id == gone
    )
    act(
        full,
        *([sa.delete(TABLES["dead_letters"]).where(TABLES["dead_letters"].c.backfill_split_id.in_(of_split))]),
        *(sa.delete(TABLES[child]).where(TABLES[child].c[column] == gone) for child in children),
        sa.delete(table).where(table.c.id == gone),
    )
    with pytest.raises(LedgerSignatureError, match=rf"{name}.*(is missing|are there|taken away)"):
        READERS[name](full)


def test_a_run_that_was_taken_away_is_missed(full: Ledger) -> None:
    runs = TABLES["run_configurations"]
    act(full, sa.delete(runs).where(runs.c.run_id == OTHER_RUN))
    with pytest.raises(LedgerSignatureError, match="4 were written and 3 are there"):
        full.latest_digest(MIGRATION)


@pytest.mark.parametrize("name", [name for name in CHAINED if name != "run_configurations"])
def test_a_record_that_was_copied_to_another_run_is_refused(full: Ledger, name: str) -> None:
    table = TABLES[name]
    row = rows(full, table)[0]
    copy = {key: value for key, value in row.items() if key != "id"} | {"run_id": OTHER_RUN}
    act(full, sa.insert(table).values(copy))
    with pytest.raises(LedgerSignatureError, match="does not fit"):
        READERS[name](full)


def test_a_record_that_is_there_twice_is_refused(full: Ledger) -> None:
    """An approval: no rule of the database keeps a second one of the same kind out."""
    table = TABLES["approvals"]
    act(full, sa.insert(table).values({key: value for key, value in rows(full, table)[-1].items() if key != "id"}))
    with pytest.raises(LedgerSignatureError):
        full.approvals("orders")
    full.approvals(MIGRATION)


def test_a_record_of_another_migration_does_not_pass_as_ones_own(full: Ledger) -> None:
    """The milestone of one migration, made to be of a run of another."""
    milestones, runs, moved = TABLES["milestones"], TABLES["run_configurations"], {"run_id": OTHER_RUN}
    act(
        full,
        sa.update(runs).where(runs.c.run_id == OTHER_RUN).values(migration="orders"),
        sa.delete(milestones).where(milestones.c.dag_id.startswith("orders"), milestones.c.run_id == RUNS[1]),
        sa.update(milestones).where(milestones.c.dag_id == DAG, milestones.c.run_id == RUNS[1]).values(moved),
    )
    with pytest.raises(LedgerSignatureError):
        full.milestones("orders")


def test_an_unsigned_record_is_refused_and_the_message_says_what_to_do(full: Ledger) -> None:
    values = {"dag_id": DAG, "run_id": RUNS[0], "milestone": Milestone.BACKFILL_COMPLETE, "reached_at": NOW}
    act(full, sa.insert(TABLES["milestones"]).values(values))
    with pytest.raises(LedgerSignatureError, match=r"run one of flights\.historical_backfill: it is not signed\. If"):
        full.milestones(MIGRATION)


def test_one_chain_that_was_put_back_to_an_earlier_state_is_noticed(full: Ledger) -> None:
    """The counts are of all chains of a migration together: with them, all of its records would have to go back."""
    chains = TABLES["chains"]
    with full.database.reading() as connection:
        before = dict(connection.execute(sa.select(chains).where(chains.c.migration == MIGRATION)).mappings().one())
    full.add_milestone(Milestone.SNAPSHOT_LOADED, dag_id=DAG, run_id=RUNS[0], reached_at=NOW)
    FlagLedger(full).fix_barrier(5, dag_id=DAG, run_id=OTHER_RUN, now=NOW)
    newest = sa.select(sa.func.max(TABLES["milestones"].c.chain_number)).scalar_subquery()
    act(
        full,
        sa.delete(TABLES["milestones"]).where(TABLES["milestones"].c.chain_number == newest),
        sa.update(chains).where(chains.c.migration == MIGRATION).values(before),
    )
    with pytest.raises(LedgerSignatureError, match=r"barriers.*2 were written and 3 are there"):
        FlagLedger(full).barrier_us(MIGRATION)


def test_counts_that_were_deleted_are_missed_by_readers_and_writers(full: Ledger, new_run: NewRun) -> None:
    chains = TABLES["chains"]
    act(full, sa.delete(chains).where(chains.c.migration == MIGRATION))
    with pytest.raises(LedgerSignatureError, match="0 were written and 2 are there"):
        full.milestones(MIGRATION)
    with pytest.raises(LedgerSignatureError, match="how many were written is not there"):
        full.record_run(new_run(run_id="new"))


@pytest.mark.usefixtures("full")
def test_a_key_that_the_keyring_lacks_is_named(empty_url: str) -> None:
    with pytest.raises(LedgerSignatureError, match="key 'tests', which the keyring does not have"):
        Ledger(empty_url, keyring=other_keyring()).milestones(MIGRATION)
    with pytest.raises(LedgerSignatureError, match="does not fit"):
        Ledger(empty_url, keyring=other_keyring("tests")).milestones(MIGRATION)


def test_a_split_made_done_without_the_key_is_refused(full: Ledger) -> None:
    splits = TABLES["backfill_splits"]
    done = {"state": SplitState.DONE, "finished_at": NOW, "rows_read": 10, "written": 10}
    act(full, sa.update(splits).where(splits.c.state == SplitState.PENDING).values(done))
    with pytest.raises(LedgerSignatureError, match=r"split 1 of weather, of run one"):
        BackfillLedger(full).unfinished(dag_id=DAG, run_id=RUNS[0])


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("backfill_tables", {"barrier_us": 1}),
        ("backfill_tables", {"snapshot": '"A"."B"."OTHER"'}),
        ("backfill_splits", {"end_bucket": 4095}),
    ],
)
def test_a_worker_takes_no_split_of_a_plan_that_was_changed(full: Ledger, name: str, values: dict[str, Any]) -> None:
    act(full, sa.update(TABLES[name]).values(values))
    with pytest.raises(LedgerSignatureError):
        BackfillLedger(full).claim(dag_id=DAG, run_id=RUNS[0], worker="a", now=NOW, lease=MINUTE)
    assert SplitState.CLAIMED not in {row["state"] for row in rows(full, TABLES["backfill_splits"])}


def test_rough_progress_is_read_without_a_look_at_signatures(full: Ledger) -> None:
    act(full, sa.update(TABLES["backfill_splits"]).values(signature="no"))
    rough = BackfillLedger(full).rough_progress(dag_id=DAG, run_id=RUNS[0])
    assert (rough.planned_rows, rough.rows_read) == (20, 10)
    with pytest.raises(LedgerSignatureError):
        BackfillLedger(full).progress(dag_id=DAG, run_id=RUNS[0])


_FORGED = "UPDATE milestones SET milestone = 'retired' WHERE id = NEW.id"
FORGE_ON_SQLITE = (f"CREATE TRIGGER forge AFTER INSERT ON milestones BEGIN {_FORGED}; END",)
_FUNCTION = "$$ BEGIN NEW.milestone = 'retired'; RETURN NEW; END $$"
FORGE_ON_POSTGRESQL = (
    f"CREATE FUNCTION forge() RETURNS trigger LANGUAGE plpgsql AS {_FUNCTION}",
    "CREATE TRIGGER forge BEFORE INSERT ON milestones FOR EACH ROW EXECUTE FUNCTION forge()",
)


def test_what_a_trigger_makes_of_a_record_is_not_signed(full: Ledger) -> None:
    forge = FORGE_ON_SQLITE if full.database.address.is_sqlite else FORGE_ON_POSTGRESQL
    act(full, *map(sa.text, forge))
    full.add_milestone(Milestone.SNAPSHOT_LOADED, dag_id=DAG, run_id=RUNS[0], reached_at=NOW)
    with pytest.raises(LedgerSignatureError):
        full.milestones(MIGRATION)


def test_chains_is_the_only_signed_table_without_a_reader_here() -> None:
    signed = {name for name, table in TABLES.items() if "signature" in table.c}
    assert signed - set(READERS) == {"chains"}
