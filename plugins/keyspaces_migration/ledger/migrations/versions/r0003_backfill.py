"""Historical backfills: tables, splits, dead letters; and their reports.

Values and types are written out: a revision must stay what it was when the code around it moves on.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "r0003_backfill"
down_revision = "r0002_checks"

_MODES = ("full", "reload", "delta")
_STATES = ("pending", "claimed", "done", "failed")
_REPORT_KINDS_BEFORE = ("assessment", "tables_draft", "consistency_check")
_REPORT_KINDS = (*_REPORT_KINDS_BEFORE, "backfill_plan", "backfill")


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _column(name: str, kind: type[sa.types.TypeEngine[Any]], *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind(), nullable=nullable)


def _values(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


def _one_of(table: str, column: str, values: tuple[str, ...]) -> sa.CheckConstraint:
    return sa.CheckConstraint(_values(column, values), name=op.f(f"ck_{table}_{column}"))


def upgrade() -> None:
    """Create the tables of backfills, and let reports be of them."""
    _create_tables()
    _create_splits()
    _create_dead_letters()
    _allow_reports(_REPORT_KINDS)


def downgrade() -> None:
    """Drop them and all that they hold, the records of their reports included."""
    op.execute("DELETE FROM reports WHERE kind IN ('backfill_plan', 'backfill')")
    _allow_reports(_REPORT_KINDS_BEFORE)
    for table in ("dead_letters", "backfill_splits", "backfill_tables"):
        op.drop_table(table)


def _allow_reports(kinds: tuple[str, ...]) -> None:
    with op.batch_alter_table("reports") as reports:
        reports.drop_constraint(op.f("ck_reports_kind"), type_="check")
        reports.create_check_constraint(op.f("ck_reports_kind"), sa.text(_values("kind", kinds)))


def _create_tables() -> None:
    op.create_table(
        "backfill_tables",
        _id(),
        _column("dag_id", sa.Text),
        _column("run_id", sa.Text),
        _column("table_name", sa.Text),
        _column("snapshot", sa.Text),
        sa.Column("mode", sa.String(32), nullable=False),
        _column("barrier_us", sa.BigInteger, nullable=True),
        _column("rows", sa.BigInteger),
        _column("deleted", sa.BigInteger),
        _column("watermark", sa.Text, nullable=True),
        _moment("snapshot_at"),
        _moment("planned_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backfill_tables")),
        sa.ForeignKeyConstraint(
            ["dag_id", "run_id"],
            ["run_configurations.dag_id", "run_configurations.run_id"],
            name=op.f("fk_backfill_tables_dag_id_run_id"),
        ),
        sa.UniqueConstraint("dag_id", "run_id", "table_name", name=op.f("uq_backfill_tables_dag_id_run_id_table_name")),
        _one_of("backfill_tables", "mode", _MODES),
    )


def _create_splits() -> None:
    op.create_table(
        "backfill_splits",
        _id(),
        _column("backfill_table_id", sa.BigInteger),
        *(_column(name, sa.Integer) for name in ("number", "of", "first_bucket", "end_bucket")),
        _column("planned_rows", sa.BigInteger),
        sa.Column("state", sa.String(32), nullable=False),
        _column("attempt", sa.Integer),
        _column("worker", sa.Text, nullable=True),
        _moment("lease_until", nullable=True),
        _moment("first_claimed_at", nullable=True),
        _moment("finished_at", nullable=True),
        *(_column(name, sa.BigInteger) for name in ("rows_read", "written", "expired", "dead")),
        _column("reason", sa.Text, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backfill_splits")),
        sa.ForeignKeyConstraint(
            ["backfill_table_id"], ["backfill_tables.id"], name=op.f("fk_backfill_splits_backfill_table_id")
        ),
        sa.UniqueConstraint("backfill_table_id", "number", name=op.f("uq_backfill_splits_backfill_table_id_number")),
        sa.CheckConstraint("rows_read = written + expired + dead", name=op.f("ck_backfill_splits_counts")),
        _one_of("backfill_splits", "state", _STATES),
    )


def _create_dead_letters() -> None:
    op.create_table(
        "dead_letters",
        _id(),
        _column("backfill_split_id", sa.BigInteger),
        *(_column(name, sa.Text) for name in ("key_json", "reason", "row_json")),
        _moment("recorded_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
        sa.ForeignKeyConstraint(
            ["backfill_split_id"], ["backfill_splits.id"], name=op.f("fk_dead_letters_backfill_split_id")
        ),
    )
    op.create_index(op.f("ix_dead_letters_backfill_split_id"), "dead_letters", ["backfill_split_id"])
