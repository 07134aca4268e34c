"""What people were told of conditions that last.

Values and types are written out: a revision must stay what it was when the code around it moves on.
"""

import sqlalchemy as sa
from alembic import op

revision = "r0008_alerts"
down_revision = "r0007_signatures"

_KINDS = (
    "FAILED_TASK",
    "VERDICT_FAIL",
    "VERDICT_INCONCLUSIVE",
    "CHECK_MISSED",
    "DRIFT",
    "BARRIER_AT_RISK",
    "BUDGET_STOP",
    "LETTERS_GROWING",
    "APPROVAL_NEEDED",
    "REVERSAL",
)


def upgrade() -> None:
    """Create the table."""
    listed = ", ".join(repr(kind) for kind in _KINDS)
    op.create_table(
        "alerts",
        sa.Column("migration", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("level", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("migration", "kind", "subject", name=op.f("pk_alerts")),
        sa.CheckConstraint(f"kind IN ({listed})", name=op.f("ck_alerts_kind")),
    )


def downgrade() -> None:
    """Drop it and all that it holds."""
    op.drop_table("alerts")
