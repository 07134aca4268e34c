"""What canaries have raised, watched and taken back.

Values and types are written out: a revision must stay what it was when the code around it moves on.
"""

import sqlalchemy as sa
from alembic import op

revision = "r0013_canaries"
down_revision = "r0012_letters"

_EVENTS = ("raised", "arrived", "baked", "reversed")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "canary_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("target_read_percent", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(32), nullable=False),
        sa.Column("flag_version", sa.BigInteger(), nullable=False),
        sa.Column("base_version", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("chain_number", sa.Integer(), nullable=True),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("signature", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canary_events")),
        sa.ForeignKeyConstraint(
            ["dag_id", "run_id"],
            ["run_configurations.dag_id", "run_configurations.run_id"],
            name=op.f("fk_canary_events_dag_id_run_id"),
        ),
        sa.CheckConstraint(_one_of("event", _EVENTS), name=op.f("ck_canary_events_event")),
    )


def downgrade() -> None:
    """Drop the table.

    How many records there were is signed elsewhere and stays: a migration that had some needs its records signed anew.
    """
    op.drop_table("canary_events")


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"
