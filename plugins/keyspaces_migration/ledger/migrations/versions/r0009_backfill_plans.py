"""What a load was planned to cost and was allowed for, and what each split consumed.

Values and types are written out: a revision must stay what it was when the code around it moves on.
"""

import sqlalchemy as sa
from alembic import op

revision = "r0009_backfill_plans"
down_revision = "r0008_alerts"

_OF_A_SPLIT = ("write_units", "throttled_units")


def upgrade() -> None:
    """Create the table of plans, and the columns of what was consumed."""
    op.create_table(
        "backfill_plans",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("chain_number", sa.Integer(), nullable=True),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("signature", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backfill_plans")),
        sa.ForeignKeyConstraint(
            ["dag_id", "run_id"],
            ["run_configurations.dag_id", "run_configurations.run_id"],
            name=op.f("fk_backfill_plans_dag_id_run_id"),
        ),
        sa.UniqueConstraint("dag_id", "run_id", name=op.f("uq_backfill_plans_dag_id_run_id")),
        sa.CheckConstraint("length(digest) = 64", name=op.f("ck_backfill_plans_digest")),
    )
    for name in _OF_A_SPLIT:
        op.add_column("backfill_splits", sa.Column(name, sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Drop the plans and what was consumed.

    How many plans there were is signed elsewhere and stays: a migration that had some plans no load after an upgrade.
    """
    for name in _OF_A_SPLIT:
        op.drop_column("backfill_splits", name)
    op.drop_table("backfill_plans")
