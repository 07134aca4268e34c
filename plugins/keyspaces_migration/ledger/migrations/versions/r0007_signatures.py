"""Signatures on the records that gates rely on, and how many there are of them.

The columns may be null, as records of older versions are not signed: they are refused by readers until a person has
looked at them and had them signed. Nothing here signs: a revision that did would sign whatever it found.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "r0007_signatures"
down_revision = "r0006_provisioning"

_CHAINED = (
    "run_configurations",
    "milestones",
    "reports",
    "approvals",
    "check_runs",
    "backfill_tables",
    "barriers",
    "flag_changes",
    "drift_looks",
)
_DIGESTS = ("tables_sha256", "coverage_sha256", "mismatches_sha256")


def upgrade() -> None:
    """Add the columns, and the table of counts."""
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)
    op.create_table(
        "chains",
        sa.Column("migration", sa.Text(), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("migration", name=op.f("pk_chains")),
    )


def downgrade() -> None:
    """Drop them, all signatures with them; the records stay."""
    op.drop_table("chains")
    for table, columns in _columns().items():
        for column in reversed(columns):
            op.drop_column(table, column.name)


def _columns() -> dict[str, list[sa.Column[Any]]]:
    added = {table: [sa.Column("chain_number", sa.Integer()), *_signature()] for table in _CHAINED}
    added["check_runs"] = [*(_text(name) for name in _DIGESTS), *added["check_runs"]]
    added["backfill_tables"] = [sa.Column("splits", sa.Integer()), *added["backfill_tables"]]
    added["backfill_splits"] = _signature()
    return added


def _signature() -> list[sa.Column[Any]]:
    return [_text("key_id"), _text("signature")]


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text())
