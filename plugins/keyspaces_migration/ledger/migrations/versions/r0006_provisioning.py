"""Leases on stacks, looks for drift, and the stages, milestones and reports of provisioning in full.

Values and types are written out: a revision must stay what it was when the code around it moves on.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "r0006_provisioning"
down_revision = "r0005_flag"

_STAGES_BEFORE = (
    "assess",
    "provision",
    "historical_backfill",
    "start_dual_writes",
    "consistency_check",
    "replay_dead_letters",
    "cutover",
    "rollback",
    "retire",
)
_NEW_STAGES = ("drift", "destroy")
_MILESTONES_BEFORE = (
    "assessed",
    "provisioned",
    "snapshot_loaded",
    "dual_writes_started",
    "backfill_complete",
    "cutover_finished",
    "rolled_back",
    "retired",
)
_NEW_MILESTONES = ("destroyed",)
_REPORTS_BEFORE = (
    "assessment",
    "tables_draft",
    "consistency_check",
    "backfill_plan",
    "backfill",
    "evidence",
    "provision_plan",
)
_NEW_REPORTS = ("stack_outputs", "drift")


def upgrade() -> None:
    """Create the two tables, and allow the new values."""
    op.create_table(
        "stack_leases",
        sa.Column("stack", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        *_run_columns(),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("stack", name=op.f("pk_stack_leases")),
        _of_a_recorded_run("stack_leases"),
    )
    op.create_table(
        "drift_looks",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        *_run_columns(),
        sa.Column("drifted", sa.Integer(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drift_looks")),
        _of_a_recorded_run("drift_looks"),
    )
    _allow("run_configurations", "stage", (*_STAGES_BEFORE, *_NEW_STAGES))
    _allow("milestones", "milestone", (*_MILESTONES_BEFORE, *_NEW_MILESTONES))
    _allow("reports", "kind", (*_REPORTS_BEFORE, *_NEW_REPORTS))


def downgrade() -> None:
    """Drop the tables, the records of the new kinds, and all that the runs of the new stages recorded."""
    op.drop_table("drift_looks")
    op.drop_table("stack_leases")
    _delete("reports", "kind", _NEW_REPORTS)
    _delete("milestones", "milestone", _NEW_MILESTONES)
    runs = sa.table("run_configurations", sa.column("stage"), sa.column("dag_id"), sa.column("run_id"))
    new = sa.select(runs.c.dag_id, runs.c.run_id).where(runs.c.stage.in_(_NEW_STAGES))
    for name in ("reports", "milestones", "approvals"):
        table = sa.table(name, sa.column("dag_id"), sa.column("run_id"))
        op.execute(sa.delete(table).where(sa.tuple_(table.c.dag_id, table.c.run_id).in_(new)))
    _delete("run_configurations", "stage", _NEW_STAGES)
    _allow("run_configurations", "stage", _STAGES_BEFORE)
    _allow("milestones", "milestone", _MILESTONES_BEFORE)
    _allow("reports", "kind", _REPORTS_BEFORE)


def _run_columns() -> tuple[sa.Column[Any], ...]:
    return (sa.Column("dag_id", sa.Text(), nullable=False), sa.Column("run_id", sa.Text(), nullable=False))


def _of_a_recorded_run(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["dag_id", "run_id"],
        ["run_configurations.dag_id", "run_configurations.run_id"],
        name=op.f(f"fk_{table}_dag_id_run_id"),
    )


def _delete(table: str, column: str, values: tuple[str, ...]) -> None:
    records = sa.table(table, sa.column(column))
    op.execute(sa.delete(records).where(records.c[column].in_(values)))


def _allow(table: str, column: str, values: tuple[str, ...]) -> None:
    listed = ", ".join(repr(value) for value in values)
    name = op.f(f"ck_{table}_{column}")
    with op.batch_alter_table(table) as altered:
        altered.drop_constraint(name, type_="check")
        altered.create_check_constraint(name, sa.text(f"{column} IN ({listed})"))
