"""Dead letters of dual writes, in signed batches, and the reports of their replay.

Values and types are written out: a revision must stay what it was when the code around it moves on.
"""

import sqlalchemy as sa
from alembic import op

revision = "r0012_letters"
down_revision = "r0011_repairs"

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
)
_NEW_REPORTS = ("letters",)
_OUTCOMES = ("replayed", "parked", "closed")
_CLASSES = ("THROTTLE", "TIMEOUT", "INVALID", "TOO_LARGE", "SCHEMA", "OTHER", "UNREADABLE")
_STORES = ("SOURCE", "TARGET")


def upgrade() -> None:
    """Create the two tables, and allow the new reports."""
    op.create_table(
        "letter_batches",
        _id(),
        sa.Column("dag_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("replayed", sa.Integer(), nullable=False),
        sa.Column("parked", sa.Integer(), nullable=False),
        sa.Column("closed", sa.Integer(), nullable=False),
        sa.Column("taken_up", sa.Integer(), nullable=False),
        sa.Column("letters_sha256", sa.Text(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("chain_number", sa.Integer(), nullable=True),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.Column("signature", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letter_batches")),
        sa.ForeignKeyConstraint(
            ["dag_id", "run_id"],
            ["run_configurations.dag_id", "run_configurations.run_id"],
            name=op.f("fk_letter_batches_dag_id_run_id"),
        ),
        sa.UniqueConstraint("dag_id", "run_id", "number", name=op.f("uq_letter_batches_dag_id_run_id_number")),
        sa.CheckConstraint("length(letters_sha256) = 64", name=op.f("ck_letter_batches_letters_sha256")),
    )
    op.create_table(
        "letters",
        _id(),
        sa.Column("letter_batch_id", sa.BigInteger(), nullable=False),
        sa.Column("letter_id", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("reason_class", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=True),
        sa.Column("store", sa.String(32), nullable=True),
        sa.Column("writer_id", sa.Text(), nullable=True),
        sa.Column("key_json", sa.Text(), nullable=True),
        sa.Column("timestamp_us", sa.BigInteger(), nullable=True),
        sa.Column("cells", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("body", sa.Text(), nullable=True),
        sa.Column("body_sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_letters")),
        sa.ForeignKeyConstraint(["letter_batch_id"], ["letter_batches.id"], name=op.f("fk_letters_letter_batch_id")),
        sa.CheckConstraint(_one_of("outcome", _OUTCOMES), name=op.f("ck_letters_outcome")),
        sa.CheckConstraint(_one_of("reason_class", _CLASSES), name=op.f("ck_letters_reason_class")),
        sa.CheckConstraint(_one_of("store", _STORES), name=op.f("ck_letters_store")),
        sa.CheckConstraint("length(body_sha256) = 64", name=op.f("ck_letters_body_sha256")),
    )
    op.create_index(op.f("ix_letters_letter_batch_id"), "letters", ["letter_batch_id"])
    op.create_index(op.f("ix_letters_letter_id"), "letters", ["letter_id"])
    _allow("reports", "kind", (*_REPORTS_BEFORE, *_NEW_REPORTS))


def downgrade() -> None:
    """Drop the tables, and the records of the new reports.

    How many there were is signed elsewhere and stays: a migration that had some needs its records signed anew.
    """
    op.drop_table("letters")
    op.drop_table("letter_batches")
    reports = sa.table("reports", sa.column("kind"))
    op.execute(sa.delete(reports).where(reports.c.kind.in_(_NEW_REPORTS)))
    _allow("reports", "kind", _REPORTS_BEFORE)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False)


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


def _allow(table: str, column: str, values: tuple[str, ...]) -> None:
    name = op.f(f"ck_{table}_{column}")
    with op.batch_alter_table(table) as altered:
        altered.drop_constraint(name, type_="check")
        altered.create_check_constraint(name, sa.text(_one_of(column, values)))
