"""What is signed of a split: what was planned, and once it is done what became of its rows.

The lease is not: who holds a split decides only who works. A split that is put back to an earlier state is loaded
again, which repeats the same writes.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from keyspaces_migration.ledger import schema
from keyspaces_migration.ledger.backfill_records import SplitState
from keyspaces_migration.ledger.canonical import Signable
from keyspaces_migration.ledger.chains import LOOK, Row, Seals
from keyspaces_migration.ledger.errors import LedgerSignatureError

TABLE = "backfill_splits"
_OF_TABLE = ("dag_id", "run_id", "table_name")
_PLAN = ("number", "of", "first_bucket", "end_bucket", "planned_rows")
_OUTCOME = ("attempt", "finished_at", "rows_read", "written", "expired", "dead")
_splits = schema.backfill_splits.c
COLUMNS: tuple[sa.Column[Any], ...] = (
    *(schema.backfill_tables.c[name] for name in _OF_TABLE),
    *_splits,
    schema.run_configurations.c.migration,
)


def select_splits() -> sa.Select[Any]:
    """Splits with all that is signed of them, in the order of their tables and numbers."""
    joined = schema.backfill_splits.join(schema.backfill_tables).join(schema.run_configurations)
    return sa.select(*COLUMNS).select_from(joined).order_by(_splits.backfill_table_id, _splits.number)


def sign_split(seals: Seals, row: Row, *, migration: str) -> dict[str, str]:
    """The signature's columns for a split that has all that is signed of it."""
    return seals.sign(_signable(row, migration))


def require_split(seals: Seals, row: Row) -> None:
    """Refuse a split that is not as it was signed.

    Raises:
        LedgerSignatureError: It is not.
    """
    record = f"split {row['number']} of {row['table_name']}, of run {row['run_id']} of {row['dag_id']}"
    seals.require(_signable(row, row["migration"]), row, record=record)


def require_all_splits(seals: Seals, rows: Sequence[Row], *, table: Row) -> None:
    """Refuse splits that are not all those, and only those, that were planned for a table.

    Raises:
        LedgerSignatureError: They are not, or one is not as it was signed.
    """
    for row in rows:
        require_split(seals, row)
    # The number of a split is signed and unique in its table: as many as planned are those that were planned.
    if len(rows) != table["splits"]:
        raise LedgerSignatureError(
            table=TABLE,
            record=f"the splits of {table['table_name']}, of run {table['run_id']} of {table['dag_id']}",
            found=f"{table['splits']} were planned and {len(rows)} are there",
            advice=LOOK,
        )


def _signable(row: Row, migration: str) -> Signable:
    names = (*_OF_TABLE, *_PLAN, *(_OUTCOME if row["state"] == SplitState.DONE else ()))
    return Signable(table=TABLE, migration=migration, number=row["number"], values={name: row[name] for name in names})
