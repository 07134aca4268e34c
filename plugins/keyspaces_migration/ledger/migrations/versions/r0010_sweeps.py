"""How far sweeps are, and the draws that consistency checks make beside the first two.

Values and types are written out: a revision must stay what it was when the code around it moves on.
"""

import sqlalchemy as sa
from alembic import op

revision = "r0010_sweeps"
down_revision = "r0009_backfill_plans"

_DRAWS_BEFORE = ("history_keys", "source_windows")
_NEW_DRAWS = ("target_windows", "widest_partitions", "newest_writes", "sweep")
_DRAWN = ("check_coverage", "mismatches")


def upgrade() -> None:
    """Create the table, and allow the new draws."""
    op.create_table(
        "sweeps",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("from_token", sa.BigInteger(), nullable=False),
        sa.Column("to_token", sa.BigInteger(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_end", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("chain_number", sa.Integer(), nullable=True),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("signature", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sweeps")),
        sa.ForeignKeyConstraint(
            ["dag_id", "run_id"],
            ["run_configurations.dag_id", "run_configurations.run_id"],
            name=op.f("fk_sweeps_dag_id_run_id"),
        ),
        sa.UniqueConstraint(
            "dag_id", "run_id", "attempt", "table_name", name=op.f("uq_sweeps_dag_id_run_id_attempt_table_name")
        ),
    )
    for table in _DRAWN:
        _allow(table, (*_DRAWS_BEFORE, *_NEW_DRAWS))


def downgrade() -> None:
    """Drop the table, and what the new draws saw.

    Checks that made such draws no longer have the rows that they were signed with, and count for nothing after an
    upgrade.
    """
    op.drop_table("sweeps")
    for table in _DRAWN:
        records = sa.table(table, sa.column("draw"))
        op.execute(sa.delete(records).where(records.c.draw.in_(_NEW_DRAWS)))
        _allow(table, _DRAWS_BEFORE)


def _allow(table: str, draws: tuple[str, ...]) -> None:
    listed = ", ".join(repr(draw) for draw in draws)
    name = op.f(f"ck_{table}_draw")
    with op.batch_alter_table(table) as altered:
        altered.drop_constraint(name, type_="check")
        altered.create_check_constraint(name, sa.text(f"draw IN ({listed})"))
