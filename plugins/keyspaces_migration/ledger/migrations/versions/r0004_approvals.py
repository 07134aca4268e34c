"""Approvals with the digest of their evidence; and reports that are evidence, plans and results.

Values and types are written out: a revision must stay what it was when the code around it moves on.
"""

import sqlalchemy as sa
from alembic import op

revision = "r0004_approvals"
down_revision = "r0003_backfill"

_REPORT_KINDS_BEFORE = ("assessment", "tables_draft", "consistency_check", "backfill_plan", "backfill")
_NEW_REPORT_KINDS = ("evidence", "provision_plan")


def upgrade() -> None:
    """Create the table of approvals, and let reports be evidence, plans and results."""
    op.create_table(
        "approvals",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("task_id", sa.Text(), nullable=False),
        sa.Column("evidence_digest", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approvals")),
        sa.ForeignKeyConstraint(
            ["dag_id", "run_id"],
            ["run_configurations.dag_id", "run_configurations.run_id"],
            name=op.f("fk_approvals_dag_id_run_id"),
        ),
        sa.CheckConstraint("length(evidence_digest) = 64", name=op.f("ck_approvals_evidence_digest")),
    )
    _allow_reports((*_REPORT_KINDS_BEFORE, *_NEW_REPORT_KINDS))


def downgrade() -> None:
    """Drop the approvals, and the records of the new kinds of reports."""
    op.drop_table("approvals")
    reports = sa.table("reports", sa.column("kind"))
    op.execute(sa.delete(reports).where(reports.c.kind.in_(_NEW_REPORT_KINDS)))
    _allow_reports(_REPORT_KINDS_BEFORE)


def _allow_reports(kinds: tuple[str, ...]) -> None:
    listed = ", ".join(repr(kind) for kind in kinds)
    with op.batch_alter_table("reports") as reports:
        reports.drop_constraint(op.f("ck_reports_kind"), type_="check")
        reports.create_check_constraint(op.f("ck_reports_kind"), sa.text(f"kind IN ({listed})"))
