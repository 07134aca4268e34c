"""Reports of the retirement: a migration's last, before and after.

Values are written out: a revision must stay what it was when the code around it moves on.
"""

import sqlalchemy as sa
from alembic import op

revision = "r0014_retirement"
down_revision = "r0013_canaries"

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
    "repair_plan",
    "repair",
    "letters",
)
_NEW_REPORTS = ("retirement",)


def upgrade() -> None:
    """Allow the new reports."""
    _allow((*_REPORTS_BEFORE, *_NEW_REPORTS))


def downgrade() -> None:
    """Drop the records of the new reports.

    How many there were is signed elsewhere and stays: a migration that had some needs its records signed anew.
    """
    reports = sa.table("reports", sa.column("kind"))
    op.execute(sa.delete(reports).where(reports.c.kind.in_(_NEW_REPORTS)))
    _allow(_REPORTS_BEFORE)


def _allow(kinds: tuple[str, ...]) -> None:
    name = op.f("ck_reports_kind")
    with op.batch_alter_table("reports") as altered:
        altered.drop_constraint(name, type_="check")
        altered.create_check_constraint(name, sa.text(f"kind IN ({', '.join(repr(kind) for kind in kinds)})"))
