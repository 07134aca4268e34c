"""Run configurations, milestones and reports.

Values and types are written out: a revision must stay what it was when the code around it moves on.
"""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "r0001"
down_revision = None

_STAGES = (
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
_MILESTONES = (
    "assessed",
    "provisioned",
    "snapshot_loaded",
    "dual_writes_started",
    "backfill_complete",
    "cutover_finished",
    "rolled_back",
    "retired",
)
_REPORT_KINDS = ("assessment", "tables_draft")


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False)


def _moment(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=False)


def _one_of(column: str, values: tuple[str, ...], *, constraint: str) -> sa.CheckConstraint:
    quoted = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({quoted})", name=op.f(constraint))


def _of_a_recorded_run(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["dag_id", "run_id"],
        ["run_configurations.dag_id", "run_configurations.run_id"],
        name=op.f(f"fk_{table}_dag_id_run_id"),
    )


def upgrade() -> None:
    """Create the first tables."""
    op.create_table(
        "run_configurations",
        _id(),
        sa.Column("migration", sa.Text(), nullable=False),
        sa.Column("stage", sa.String(32), nullable=False),
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("canonical_json", sa.Text(), nullable=False),
        _moment("recorded_at"),
        sa.Column("recorded_by", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_configurations")),
        sa.UniqueConstraint("dag_id", "run_id", name=op.f("uq_run_configurations_dag_id_run_id")),
        sa.CheckConstraint("length(digest) = 64", name=op.f("ck_run_configurations_digest")),
        _one_of("stage", _STAGES, constraint="ck_run_configurations_stage"),
    )
    op.create_index(op.f("ix_run_configurations_migration"), "run_configurations", ["migration"])
    op.create_table(
        "milestones",
        _id(),
        sa.Column("milestone", sa.String(32), nullable=False),
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        _moment("reached_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_milestones")),
        _of_a_recorded_run("milestones"),
        sa.UniqueConstraint("dag_id", "run_id", "milestone", name=op.f("uq_milestones_dag_id_run_id_milestone")),
        _one_of("milestone", _MILESTONES, constraint="ck_milestones_milestone"),
    )
    op.create_table(
        "reports",
        _id(),
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        _moment("created_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reports")),
        _of_a_recorded_run("reports"),
        sa.UniqueConstraint("dag_id", "run_id", "path", "sha256", name=op.f("uq_reports_dag_id_run_id_path_sha256")),
        sa.CheckConstraint("length(sha256) = 64", name=op.f("ck_reports_sha256")),
        _one_of("kind", _REPORT_KINDS, constraint="ck_reports_kind"),
    )


def downgrade() -> None:
    """Drop them, and all that they hold."""
    op.drop_table("reports")
    op.drop_table("milestones")
    op.drop_table("run_configurations")
