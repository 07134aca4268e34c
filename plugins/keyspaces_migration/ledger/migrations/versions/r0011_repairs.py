"""Plans of repairs and what became of each row, and the stage and the reports of repairs.

Values and types are written out: a revision must stay what it was when the code around it moves on.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "r0011_repairs"
down_revision = "r0010_sweeps"

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
    "drift",
    "destroy",
)
_NEW_STAGES = ("repair",)
_REPORTS_BEFORE = (
    "assessment",
    "tables_draft",
    "consistency_check",
    "backfill_plan",
    "backfill",
    "evidence",
    "provision_plan",
    "stack_outputs",
    "drift",
)
_NEW_REPORTS = ("repair_plan", "repair")
_STEPS = ("repair", "check_again")


def upgrade() -> None:
    """Create the two tables, and allow the new values."""
    op.create_table(
        "repair_plans",
        *_of_a_run(),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
        *_chained("repair_plans"),
        sa.UniqueConstraint("dag_id", "run_id", name=op.f("uq_repair_plans_dag_id_run_id")),
        sa.CheckConstraint("length(digest) = 64", name=op.f("ck_repair_plans_digest")),
    )
    steps = ", ".join(repr(step) for step in _STEPS)
    op.create_table(
        "repair_results",
        *_of_a_run(),
        sa.Column("step", sa.String(32), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("outcomes", sa.Text(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        *_chained("repair_results"),
        sa.UniqueConstraint(
            "dag_id", "run_id", "step", "attempt", name=op.f("uq_repair_results_dag_id_run_id_step_attempt")
        ),
        sa.CheckConstraint(f"step IN ({steps})", name=op.f("ck_repair_results_step")),
    )
    _allow("run_configurations", "stage", (*_STAGES_BEFORE[:5], *_NEW_STAGES, *_STAGES_BEFORE[5:]))
    _allow("reports", "kind", (*_REPORTS_BEFORE, *_NEW_REPORTS))


def downgrade() -> None:
    """Drop the tables, the records of the new kinds, and all that the runs of the new stage recorded.

    How many there were is signed elsewhere and stays: a migration that had some needs its records signed anew.
    """
    op.drop_table("repair_results")
    op.drop_table("repair_plans")
    _delete("reports", "kind", _NEW_REPORTS)
    runs = sa.table("run_configurations", sa.column("stage"), sa.column("dag_id"), sa.column("run_id"))
    new = sa.select(runs.c.dag_id, runs.c.run_id).where(runs.c.stage.in_(_NEW_STAGES))
    for name in ("reports", "approvals"):
        table = sa.table(name, sa.column("dag_id"), sa.column("run_id"))
        op.execute(sa.delete(table).where(sa.tuple_(table.c.dag_id, table.c.run_id).in_(new)))
    _delete("run_configurations", "stage", _NEW_STAGES)
    _allow("run_configurations", "stage", _STAGES_BEFORE)
    _allow("reports", "kind", _REPORTS_BEFORE)


def _of_a_run() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
    )


def _chained(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("chain_number", sa.Integer(), nullable=True),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("signature", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.ForeignKeyConstraint(
            ["dag_id", "run_id"],
            ["run_configurations.dag_id", "run_configurations.run_id"],
            name=op.f(f"fk_{table}_dag_id_run_id"),
        ),
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
