"""How the criteria of the cutover stood when they were looked at last, for the status page.

Types are written out: a revision must stay what it was when the code around it moves on.
"""

import sqlalchemy as sa
from alembic import op

revision = "r0015_readiness"
down_revision = "r0014_retirement"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "readiness_looks",
        sa.Column("migration", sa.Text(), nullable=False),
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("migration", name=op.f("pk_readiness_looks")),
    )


def downgrade() -> None:
    """Drop the table, which nothing rests on."""
    op.drop_table("readiness_looks")
