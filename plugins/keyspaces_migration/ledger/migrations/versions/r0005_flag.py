"""Barriers of dual writes, and changes of the flag.

Values and types are written out: a revision must stay what it was when the code around it moves on.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "r0005_flag"
down_revision = "r0004_approvals"

_MODES = ("SOURCE_ONLY", "RECORD", "DUAL_SOURCE_LEADS", "DUAL_TARGET_LEADS", "TARGET_ONLY")


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False)


def _run_columns() -> tuple[sa.Column[Any], ...]:
    return (sa.Column("dag_id", sa.Text(), nullable=False), sa.Column("run_id", sa.Text(), nullable=False))


def _of_a_recorded_run(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["dag_id", "run_id"],
        ["run_configurations.dag_id", "run_configurations.run_id"],
        name=op.f(f"fk_{table}_dag_id_run_id"),
    )


def upgrade() -> None:
    """Create the two tables."""
    op.create_table(
        "barriers",
        _id(),
        *_run_columns(),
        sa.Column("barrier_us", sa.BigInteger(), nullable=False),
        sa.Column("fixed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_barriers")),
        _of_a_recorded_run("barriers"),
        sa.UniqueConstraint("dag_id", "run_id", name=op.f("uq_barriers_dag_id_run_id")),
    )
    listed = ", ".join(repr(mode) for mode in _MODES)
    op.create_table(
        "flag_changes",
        _id(),
        *_run_columns(),
        sa.Column("mode", sa.String(32), nullable=False),
        sa.Column("barrier_us", sa.BigInteger(), nullable=True),
        sa.Column("target_read_percent", sa.Integer(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flag_changes")),
        _of_a_recorded_run("flag_changes"),
        sa.CheckConstraint(f"mode IN ({listed})", name=op.f("ck_flag_changes_mode")),
    )


def downgrade() -> None:
    """Drop them and all that they hold."""
    op.drop_table("flag_changes")
    op.drop_table("barriers")
