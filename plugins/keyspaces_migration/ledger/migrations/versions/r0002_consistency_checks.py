"""Consistency checks: runs, tables, coverage by draw, mismatches; and their reports.

Values and types are written out: a revision must stay what it was when the code around it moves on.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "r0002_checks"
down_revision = "r0001"

_VERDICTS = ("pass", "fail", "inconclusive")
_LEADERS = ("source", "target")
_STORES = ("source", "target", "history")
_DRAWS = ("history_keys", "source_windows")
_KINDS = (
    "missing_in_target",
    "missing_in_source",
    "missing_in_history",
    "unexpected_in_target",
    "unexpected_in_source",
    "value_differs",
    "ttl_differs",
)
_REPORT_KINDS_BEFORE = ("assessment", "tables_draft")
_REPORT_KINDS = (*_REPORT_KINDS_BEFORE, "consistency_check")


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False)


def _moment(name: str, *, nullable: bool = False) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _column(name: str, kind: type[sa.types.TypeEngine[Any]], *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, kind(), nullable=nullable)


def _named(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(32), nullable=False)


def _values(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


def _one_of(table: str, column: str, values: tuple[str, ...]) -> sa.CheckConstraint:
    return sa.CheckConstraint(_values(column, values), name=op.f(f"ck_{table}_{column}"))


def _of_a_check(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["check_run_id"], ["check_runs.id"], name=op.f(f"fk_{table}_check_run_id"))


def upgrade() -> None:
    """Create the tables of checks, and let reports be of them."""
    _create_runs()
    _create_tables()
    _create_coverage()
    _create_mismatches()
    _allow_reports(_REPORT_KINDS)


def downgrade() -> None:
    """Drop them and all that they hold, the records of their reports included."""
    op.execute("DELETE FROM reports WHERE kind = 'consistency_check'")
    _allow_reports(_REPORT_KINDS_BEFORE)
    for table in ("mismatches", "check_coverage", "checked_tables", "check_runs"):
        op.drop_table(table)


def _allow_reports(kinds: tuple[str, ...]) -> None:
    with op.batch_alter_table("reports") as reports:
        reports.drop_constraint(op.f("ck_reports_kind"), type_="check")
        reports.create_check_constraint(op.f("ck_reports_kind"), sa.text(_values("kind", kinds)))


def _create_runs() -> None:
    op.create_table(
        "check_runs",
        _id(),
        _column("dag_id", sa.Text),
        _column("run_id", sa.Text),
        _column("attempt", sa.Integer),
        _named("verdict"),
        _column("sentence", sa.Text),
        _named("leader"),
        _column("seed", sa.BigInteger),
        _column("confidence", sa.Double),
        _column("max_mismatch_rate", sa.Double),
        _column("tolerated_mismatch_rate", sa.Double),
        _column("settle_time_s", sa.Double),
        _moment("history_as_of", nullable=True),
        _moment("started_at"),
        _moment("finished_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_runs")),
        sa.ForeignKeyConstraint(
            ["dag_id", "run_id"],
            ["run_configurations.dag_id", "run_configurations.run_id"],
            name=op.f("fk_check_runs_dag_id_run_id"),
        ),
        sa.UniqueConstraint("dag_id", "run_id", "attempt", name=op.f("uq_check_runs_dag_id_run_id_attempt")),
        _one_of("check_runs", "verdict", _VERDICTS),
        _one_of("check_runs", "leader", _LEADERS),
    )


def _create_tables() -> None:
    op.create_table(
        "checked_tables",
        _id(),
        _column("check_run_id", sa.BigInteger),
        _column("table_name", sa.Text),
        _named("verdict"),
        _column("sentence", sa.Text),
        _column("row_bound", sa.Double, nullable=True),
        _column("window_bound", sa.Double, nullable=True),
        _column("partitions", sa.BigInteger),
        _column("history_agrees", sa.BigInteger),
        _column("history_older", sa.BigInteger),
        _column("history_undated", sa.BigInteger),
        _column("history_wrong", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_checked_tables")),
        _of_a_check("checked_tables"),
        sa.UniqueConstraint("check_run_id", "table_name", name=op.f("uq_checked_tables_check_run_id_table_name")),
        _one_of("checked_tables", "verdict", _VERDICTS),
    )


def _create_coverage() -> None:
    op.create_table(
        "check_coverage",
        _id(),
        _column("check_run_id", sa.BigInteger),
        _column("table_name", sa.Text),
        _named("draw"),
        _column("population", sa.BigInteger, nullable=True),
        _column("wanted", sa.BigInteger),
        _column("compared", sa.BigInteger),
        _column("mismatched", sa.BigInteger),
        _column("could_not_look", sa.BigInteger),
        _column("compared_rows", sa.BigInteger),
        _column("mismatched_rows", sa.BigInteger),
        _column("transient_rows", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_coverage")),
        _of_a_check("check_coverage"),
        sa.UniqueConstraint(
            "check_run_id", "table_name", "draw", name=op.f("uq_check_coverage_check_run_id_table_name_draw")
        ),
        _one_of("check_coverage", "draw", _DRAWS),
    )


def _create_mismatches() -> None:
    op.create_table(
        "mismatches",
        _id(),
        _column("check_run_id", sa.BigInteger),
        _column("table_name", sa.Text),
        _named("kind"),
        _named("store"),
        _named("draw"),
        _column("key", sa.Text),
        _column("columns", sa.Text),
        _column("values_by_column", sa.Text, nullable=True),
        _moment("seen_at"),
        _moment("confirmed_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mismatches")),
        _of_a_check("mismatches"),
        _one_of("mismatches", "kind", _KINDS),
        _one_of("mismatches", "store", _STORES),
        _one_of("mismatches", "draw", _DRAWS),
    )
    op.create_index(op.f("ix_mismatches_check_run_id"), "mismatches", ["check_run_id"])
