"""The ledger's tables. A change here needs a new migration beside it; a test compares the two."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from keyspaces_migration.config import EventKind
from keyspaces_migration.consistency.kinds import Draw, Leader, MismatchKind, Store, Verdict
from keyspaces_migration.dual_write.failures import ReasonClass
from keyspaces_migration.dual_write.flag import WriteMode
from keyspaces_migration.dual_write.store import StoreName
from keyspaces_migration.ledger.backfill_records import LoadMode, SplitState
from keyspaces_migration.ledger.canary_records import CanaryEvent
from keyspaces_migration.ledger.letter_records import LetterOutcome
from keyspaces_migration.ledger.records import ReportKind
from keyspaces_migration.ledger.repair_records import RepairStep
from keyspaces_migration.lifecycle import Milestone, Stage

# The ledger may share a database with others that Alembic looks after, Airflow's among them.
VERSION_TABLE = "ledger_schema_version"
HEAD = "r0015_readiness"

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)


class UtcTimestamp(sa.types.TypeDecorator[datetime]):
    """A moment to the microsecond, in UTC: TIMESTAMPTZ on PostgreSQL, sortable text on SQLite.

    SQLite drops the time zone without a word, so a moment without one is refused on every database.
    """

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Refuse a moment without a time zone; the others go in as UTC."""
        if value is None:
            return None
        if value.utcoffset() is None:
            raise ValueError(f"{value!r} has no time zone; the ledger keeps moments, as datetime.now(UTC) gives them")
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """Give the moment back with its time zone; PostgreSQL answers in that of the session."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


def _name(enum: type[StrEnum], *, constraint: str) -> sa.Enum:
    """One of the enum's values as text, held by a CHECK: a native enum of PostgreSQL has no twin on SQLite."""
    return sa.Enum(
        enum,
        name=constraint,
        native_enum=False,
        create_constraint=True,
        length=32,
        values_callable=lambda members: [member.value for member in members],
    )


def _id() -> sa.Column[int]:
    """The order of insertion; SQLite counts up by itself only where the type is INTEGER."""
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True)


def _signature() -> tuple[sa.Column[Any], ...]:
    """The key that signed a record, and the signature; null in records of versions that did not sign yet."""
    return (sa.Column("key_id", sa.Text), sa.Column("signature", sa.Text))


def _chained() -> tuple[sa.Column[Any], ...]:
    """The record's number among those of its table and migration, from 1 without a gap, and its signature."""
    return (sa.Column("chain_number", sa.Integer), *_signature())


def _of_a_recorded_run() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["dag_id", "run_id"], ["run_configurations.dag_id", "run_configurations.run_id"])


run_configurations = sa.Table(
    "run_configurations",
    metadata,
    _id(),
    sa.Column("migration", sa.Text, nullable=False, index=True),
    sa.Column("stage", _name(Stage, constraint="stage"), nullable=False),
    sa.Column("dag_id", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    # Text, not a JSON type: PostgreSQL's would reorder keys, and the digest is over these characters.
    sa.Column("canonical_json", sa.Text, nullable=False),
    sa.Column("recorded_at", UtcTimestamp, nullable=False),
    sa.Column("recorded_by", sa.Text),
    *_chained(),
    sa.UniqueConstraint("dag_id", "run_id"),
    sa.CheckConstraint("length(digest) = 64", name="digest"),
)

milestones = sa.Table(
    "milestones",
    metadata,
    _id(),
    sa.Column("milestone", _name(Milestone, constraint="milestone"), nullable=False),
    sa.Column("dag_id", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("reached_at", UtcTimestamp, nullable=False),
    *_chained(),
    _of_a_recorded_run(),
    sa.UniqueConstraint("dag_id", "run_id", "milestone"),
)

reports = sa.Table(
    "reports",
    metadata,
    _id(),
    sa.Column("dag_id", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("kind", _name(ReportKind, constraint="kind"), nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("created_at", UtcTimestamp, nullable=False),
    *_chained(),
    _of_a_recorded_run(),
    sa.UniqueConstraint("dag_id", "run_id", "path", "sha256"),
    sa.CheckConstraint("length(sha256) = 64", name="sha256"),
)

approvals = sa.Table(
    "approvals",
    metadata,
    _id(),
    sa.Column("dag_id", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("task_id", sa.Text, nullable=False),
    sa.Column("evidence_digest", sa.Text, nullable=False),
    # User ids as a JSON list, in the order of the gates.
    sa.Column("approved_by", sa.Text, nullable=False),
    sa.Column("approved_at", UtcTimestamp, nullable=False),
    sa.Column("verified_at", UtcTimestamp, nullable=False),
    *_chained(),
    _of_a_recorded_run(),
    sa.CheckConstraint("length(evidence_digest) = 64", name="evidence_digest"),
)

check_runs = sa.Table(
    "check_runs",
    metadata,
    _id(),
    sa.Column("dag_id", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("verdict", _name(Verdict, constraint="verdict"), nullable=False),
    sa.Column("sentence", sa.Text, nullable=False),
    sa.Column("leader", _name(Leader, constraint="leader"), nullable=False),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("confidence", sa.Double, nullable=False),
    sa.Column("max_mismatch_rate", sa.Double, nullable=False),
    sa.Column("tolerated_mismatch_rate", sa.Double, nullable=False),
    sa.Column("settle_time_s", sa.Double, nullable=False),
    sa.Column("history_as_of", UtcTimestamp),
    sa.Column("started_at", UtcTimestamp, nullable=False),
    sa.Column("finished_at", UtcTimestamp, nullable=False),
    # Of the check's rows in the tables below, which are signed by way of these digests.
    sa.Column("tables_sha256", sa.Text),
    sa.Column("coverage_sha256", sa.Text),
    sa.Column("mismatches_sha256", sa.Text),
    *_chained(),
    _of_a_recorded_run(),
    sa.UniqueConstraint("dag_id", "run_id", "attempt"),
)


def _check_run_id() -> sa.Column[int]:
    return sa.Column("check_run_id", sa.BigInteger, sa.ForeignKey("check_runs.id"), nullable=False)


checked_tables = sa.Table(
    "checked_tables",
    metadata,
    _id(),
    _check_run_id(),
    sa.Column("table_name", sa.Text, nullable=False),
    sa.Column("verdict", _name(Verdict, constraint="verdict"), nullable=False),
    sa.Column("sentence", sa.Text, nullable=False),
    sa.Column("row_bound", sa.Double),
    sa.Column("window_bound", sa.Double),
    sa.Column("partitions", sa.BigInteger, nullable=False),
    sa.Column("history_agrees", sa.BigInteger, nullable=False),
    sa.Column("history_older", sa.BigInteger, nullable=False),
    sa.Column("history_undated", sa.BigInteger, nullable=False),
    sa.Column("history_wrong", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("check_run_id", "table_name"),
)

check_coverage = sa.Table(
    "check_coverage",
    metadata,
    _id(),
    _check_run_id(),
    sa.Column("table_name", sa.Text, nullable=False),
    sa.Column("draw", _name(Draw, constraint="draw"), nullable=False),
    sa.Column("population", sa.BigInteger),
    sa.Column("wanted", sa.BigInteger, nullable=False),
    sa.Column("compared", sa.BigInteger, nullable=False),
    sa.Column("mismatched", sa.BigInteger, nullable=False),
    sa.Column("could_not_look", sa.BigInteger, nullable=False),
    sa.Column("compared_rows", sa.BigInteger, nullable=False),
    sa.Column("mismatched_rows", sa.BigInteger, nullable=False),
    sa.Column("transient_rows", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("check_run_id", "table_name", "draw"),
)

mismatches = sa.Table(
    "mismatches",
    metadata,
    _id(),
    sa.Column("check_run_id", sa.BigInteger, sa.ForeignKey("check_runs.id"), nullable=False, index=True),
    sa.Column("table_name", sa.Text, nullable=False),
    sa.Column("kind", _name(MismatchKind, constraint="kind"), nullable=False),
    sa.Column("store", _name(Store, constraint="store"), nullable=False),
    sa.Column("draw", _name(Draw, constraint="draw"), nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("columns", sa.Text, nullable=False),
    sa.Column("values_by_column", sa.Text),
    sa.Column("seen_at", UtcTimestamp, nullable=False),
    sa.Column("confirmed_at", UtcTimestamp, nullable=False),
)

backfill_tables = sa.Table(
    "backfill_tables",
    metadata,
    _id(),
    sa.Column("dag_id", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("table_name", sa.Text, nullable=False),
    sa.Column("snapshot", sa.Text, nullable=False),
    sa.Column("mode", _name(LoadMode, constraint="mode"), nullable=False),
    sa.Column("barrier_us", sa.BigInteger),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("deleted", sa.BigInteger, nullable=False),
    sa.Column("watermark", sa.Text),
    sa.Column("snapshot_at", UtcTimestamp, nullable=False),
    sa.Column("planned_at", UtcTimestamp, nullable=False),
    # How many there are, so that one that is taken away is missed.
    sa.Column("splits", sa.Integer),
    *_chained(),
    _of_a_recorded_run(),
    sa.UniqueConstraint("dag_id", "run_id", "table_name"),
)

# What a run may load, and for how much: approvers are shown it, and every worker goes by it.
backfill_plans = sa.Table(
    "backfill_plans",
    metadata,
    _id(),
    sa.Column("dag_id", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    # JSON as text: the digest is over these characters.
    sa.Column("facts", sa.Text, nullable=False),
    sa.Column("planned_at", UtcTimestamp, nullable=False),
    *_chained(),
    _of_a_recorded_run(),
    sa.UniqueConstraint("dag_id", "run_id"),
    sa.CheckConstraint("length(digest) = 64", name="digest"),
)

# What a run may repair: approvers are shown it, and the task that writes goes by it.
repair_plans = sa.Table(
    "repair_plans",
    metadata,
    _id(),
    sa.Column("dag_id", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    # JSON as text: the digest is over these characters.
    sa.Column("facts", sa.Text, nullable=False),
    sa.Column("planned_at", UtcTimestamp, nullable=False),
    *_chained(),
    _of_a_recorded_run(),
    sa.UniqueConstraint("dag_id", "run_id"),
    sa.CheckConstraint("length(digest) = 64", name="digest"),
)

# What has become of each planned row, by the task that wrote it and by the one that looked again.
repair_results = sa.Table(
    "repair_results",
    metadata,
    _id(),
    sa.Column("dag_id", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("step", _name(RepairStep, constraint="step"), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("outcomes", sa.Text, nullable=False),
    sa.Column("finished_at", UtcTimestamp, nullable=False),
    *_chained(),
    _of_a_recorded_run(),
    sa.UniqueConstraint("dag_id", "run_id", "step", "attempt"),
)

backfill_splits = sa.Table(
    "backfill_splits",
    metadata,
    _id(),
    sa.Column("backfill_table_id", sa.BigInteger, sa.ForeignKey("backfill_tables.id"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("of", sa.Integer, nullable=False),
    sa.Column("first_bucket", sa.Integer, nullable=False),
    sa.Column("end_bucket", sa.Integer, nullable=False),
    sa.Column("planned_rows", sa.BigInteger, nullable=False),
    sa.Column("state", _name(SplitState, constraint="state"), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("worker", sa.Text),
    sa.Column("lease_until", UtcTimestamp),
    sa.Column("first_claimed_at", UtcTimestamp),
    sa.Column("finished_at", UtcTimestamp),
    sa.Column("rows_read", sa.BigInteger, nullable=False),
    sa.Column("written", sa.BigInteger, nullable=False),
    sa.Column("expired", sa.BigInteger, nullable=False),
    sa.Column("dead", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text),
    *_signature(),
    # What its last attempt consumed, for display: no gate relies on it, so it is not signed.
    sa.Column("write_units", sa.BigInteger),
    sa.Column("throttled_units", sa.BigInteger),
    sa.UniqueConstraint("backfill_table_id", "number"),
    # No write of a row may go uncounted: what was read was written, had expired, or is a dead letter.
    sa.CheckConstraint("rows_read = written + expired + dead", name="counts"),
)

dead_letters = sa.Table(
    "dead_letters",
    metadata,
    _id(),
    sa.Column("backfill_split_id", sa.BigInteger, sa.ForeignKey("backfill_splits.id"), nullable=False, index=True),
    sa.Column("key_json", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("row_json", sa.Text, nullable=False),
    sa.Column("recorded_at", UtcTimestamp, nullable=False),
)

barriers = sa.Table(
    "barriers",
    metadata,
    _id(),
    sa.Column("dag_id", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("barrier_us", sa.BigInteger, nullable=False),
    sa.Column("fixed_at", UtcTimestamp, nullable=False),
    *_chained(),
    _of_a_recorded_run(),
    sa.UniqueConstraint("dag_id", "run_id"),
)

flag_changes = sa.Table(
    "flag_changes",
    metadata,
    _id(),
    sa.Column("dag_id", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("mode", _name(WriteMode, constraint="mode"), nullable=False),
    sa.Column("barrier_us", sa.BigInteger),
    sa.Column("target_read_percent", sa.Integer, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("requested_at", UtcTimestamp, nullable=False),
    *_chained(),
    _of_a_recorded_run(),
)

canary_events = sa.Table(
    "canary_events",
    metadata,
    _id(),
    sa.Column("dag_id", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("target_read_percent", sa.Integer, nullable=False),
    sa.Column("event", _name(CanaryEvent, constraint="event"), nullable=False),
    sa.Column("flag_version", sa.BigInteger, nullable=False),
    # Of the state that was in force when the attempt began.
    sa.Column("base_version", sa.BigInteger, nullable=False),
    sa.Column("seen", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("at", UtcTimestamp, nullable=False),
    *_chained(),
    _of_a_recorded_run(),
)

sweeps = sa.Table(
    "sweeps",
    metadata,
    _id(),
    sa.Column("dag_id", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("table_name", sa.Text, nullable=False),
    sa.Column("from_token", sa.BigInteger, nullable=False),
    sa.Column("to_token", sa.BigInteger, nullable=False),
    sa.Column("began_at", UtcTimestamp, nullable=False),
    sa.Column("is_end", sa.Boolean, nullable=False),
    sa.Column("recorded_at", UtcTimestamp, nullable=False),
    *_chained(),
    _of_a_recorded_run(),
    sa.UniqueConstraint("dag_id", "run_id", "attempt", "table_name"),
)

# Letters of dual writes, in batches as they were recorded. A letter may come again: its newest row says how it stands.
letter_batches = sa.Table(
    "letter_batches",
    metadata,
    _id(),
    sa.Column("dag_id", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    # Of the run, from 1.
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("replayed", sa.Integer, nullable=False),
    sa.Column("parked", sa.Integer, nullable=False),
    sa.Column("closed", sa.Integer, nullable=False),
    # Those among them that were parked before.
    sa.Column("taken_up", sa.Integer, nullable=False),
    # Of the batch's rows in the table below, which are signed by way of it.
    sa.Column("letters_sha256", sa.Text, nullable=False),
    sa.Column("recorded_at", UtcTimestamp, nullable=False),
    *_chained(),
    _of_a_recorded_run(),
    sa.UniqueConstraint("dag_id", "run_id", "number"),
    sa.CheckConstraint("length(letters_sha256) = 64", name="letters_sha256"),
)

letters = sa.Table(
    "letters",
    metadata,
    _id(),
    sa.Column("letter_batch_id", sa.BigInteger, sa.ForeignKey("letter_batches.id"), nullable=False, index=True),
    sa.Column("letter_id", sa.Text, nullable=False, index=True),
    sa.Column("outcome", _name(LetterOutcome, constraint="outcome"), nullable=False),
    sa.Column("reason_class", _name(ReasonClass, constraint="reason_class"), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("table_name", sa.Text),
    sa.Column("store", _name(StoreName, constraint="store")),
    sa.Column("writer_id", sa.Text),
    sa.Column("key_json", sa.Text),
    sa.Column("timestamp_us", sa.BigInteger),
    sa.Column("cells", sa.Integer, nullable=False),
    sa.Column("sent_at", UtcTimestamp),
    # The message as it was received. Of what was replayed, the digest alone is kept.
    sa.Column("body", sa.Text),
    sa.Column("body_sha256", sa.Text, nullable=False),
    sa.CheckConstraint("length(body_sha256) = 64", name="body_sha256"),
)

# How many records each of a migration's chains has. Writers of a migration's chains take turns at its row.
chains = sa.Table(
    "chains",
    metadata,
    sa.Column("migration", sa.Text, primary_key=True),
    # A JSON object: count by table.
    sa.Column("counts", sa.Text, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("signature", sa.Text, nullable=False),
)

# One row a stack, so that the database decides who has it. It outlives no run: a lease that ended is anybody's.
stack_leases = sa.Table(
    "stack_leases",
    metadata,
    sa.Column("stack", sa.Text, primary_key=True),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("dag_id", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("taken_at", UtcTimestamp, nullable=False),
    sa.Column("lease_until", UtcTimestamp, nullable=False),
    _of_a_recorded_run(),
)

drift_looks = sa.Table(
    "drift_looks",
    metadata,
    _id(),
    sa.Column("dag_id", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    # Resources that are not as the last update left them.
    sa.Column("drifted", sa.Integer, nullable=False),
    sa.Column("looked_at", UtcTimestamp, nullable=False),
    *_chained(),
    _of_a_recorded_run(),
)

# One row a migration, overwritten: it is for display, and no gate relies on it.
readiness_looks = sa.Table(
    "readiness_looks",
    metadata,
    sa.Column("migration", sa.Text, primary_key=True),
    sa.Column("dag_id", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("findings", sa.Text, nullable=False),
    sa.Column("looked_at", UtcTimestamp, nullable=False),
)

# One row a condition, overwritten: it is what people know, and no gate relies on it.
alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("migration", sa.Text, primary_key=True),
    sa.Column("kind", _name(EventKind, constraint="kind"), primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("level", sa.BigInteger, nullable=False),
    sa.Column("opened_at", UtcTimestamp, nullable=False),
    sa.Column("told_at", UtcTimestamp, nullable=False),
    sa.Column("closed_at", UtcTimestamp),
)
