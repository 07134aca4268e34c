"""The sections of the migration file beside its tables."""

import re
from collections import Counter
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from keyspaces_migration.config.cron import CronSchedule
from keyspaces_migration.config.durations import Duration, format_duration
from keyspaces_migration.config.model import FileModel
from keyspaces_migration.config.names import (
    AccountId,
    AlarmArn,
    ConnectionId,
    EnvironmentName,
    KeyspacesName,
    KmsKeyArn,
    MetricNamespace,
    Region,
    RoleArn,
    RoleName,
    S3Bucket,
    SnowflakeStage,
    UserName,
)
from keyspaces_migration.config.problems import RuleError, Violation, broken
from keyspaces_migration.config.spark import Spark
from keyspaces_migration.config.tables import LoadOrder

# FinalBakeTimeInMinutes of the AppConfig API.
MAX_BAKE_TIME = timedelta(days=1)


# An AppConfig environment has at most 5 monitors, and `provision` makes one of them.
MAX_OWN_MONITORS = 4


# A day above the retention of the queue's letters.
MIN_PAYLOAD_LIFE = timedelta(days=15)


MIN_WATCH_INTERVAL = timedelta(seconds=5)


class Engine(StrEnum):
    """What runs the historical backfill."""

    AIRFLOW = "AIRFLOW"
    SPARK = "SPARK"


class CheckEngine(StrEnum):
    """What runs the consistency check."""

    AIRFLOW = "AIRFLOW"
    LAMBDA = "LAMBDA"


class Connections(FileModel):
    """Ids of Airflow connections. Addresses and secrets stay in Airflow."""

    source: ConnectionId
    """The Cassandra cluster that is migrated (type apache_cassandra)."""
    target: ConnectionId
    """Amazon Keyspaces (type amazon_keyspaces)."""
    history: ConnectionId
    """Snowflake, where the past of the tables is kept (type snowflake)."""
    ledger: ConnectionId
    """The relational store of runs, evidence and approvals (type postgres; sqlite in a rehearsal)."""
    aws: ConnectionId
    """The AWS account of the target, its queues and its flag (type aws)."""
    airflow: ConnectionId
    """Airflow's own REST API (type http), as a user who may see these DAGs: approvals are verified through it."""

    @model_validator(mode="after")
    def _source_is_not_target(self) -> Self:
        if self.source == self.target:
            allowed = "another connection than connections.source: a store can't be migrated onto itself"
            raise RuleError([Violation(("target",), repr(self.target), allowed)])
        return self


class Source(FileModel):
    """What is migrated."""

    keyspace: KeyspacesName
    """The keyspace on Cassandra that holds every table of this file."""


class Target(FileModel):
    """Where it goes."""

    keyspace: KeyspacesName
    """The keyspace on Amazon Keyspaces; `provision` creates it."""
    region: Region
    """The AWS Region."""
    account_id: AccountId
    """The AWS account, 12 digits in quotes; acting on any other account is refused."""
    role_name: RoleName | None = None
    """The IAM role that Pulumi and tasks assume in that account; without it, the connection's own rights are used."""
    via_roles: tuple[RoleArn, ...] = Field(default=(), max_length=4)
    """IAM roles that are assumed before role_name, one after the other, such as one of a hub account."""
    encryption_key_arn: KmsKeyArn | None = None
    """The customer managed KMS key that encrypts every table; none: a key that AWS owns, at no charge."""

    @property
    def role_chain(self) -> tuple[str, ...]:
        """Return the ARNs of the roles that are assumed, one after the other; the last is in the account."""
        if self.role_name is None:
            return ()
        return (*self.via_roles, f"arn:aws:iam::{self.account_id}:role/{self.role_name}")

    @model_validator(mode="after")
    def _chain_ends_in_the_account(self) -> Self:
        if self.via_roles and self.role_name is None:
            allowed = "with via_roles, the role in account_id that the last of them may assume"
            raise RuleError([Violation(("role_name",), "nothing", allowed)])
        return self


class Environment(FileModel):
    """How much is at stake."""

    name: EnvironmentName
    """Such as production or staging; the tag `Environment`."""
    disposable: bool = False
    """True only where every store may be lost: the limits on how little caution is enough then don't hold."""


_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<rest>\S+)")


def _check_report_path(value: str) -> str:
    match = _URL.fullmatch(value)
    if match is None and (not value.strip() or "://" in value or "\0" in value):
        raise broken(value, "an address of object storage such as s3://bucket/reports, or a folder")
    if ".." in re.split(r"[/\\]", value):
        raise broken(value, "a path without '..'")
    if match is not None and ":" in match["rest"].partition("/")[0].rpartition("@")[0]:
        # The value itself is not shown: it holds a password.
        raise broken("an address with a password in it", "an address without secrets, such as s3://connection@bucket/x")
    return value


def _check_unload_path(value: str) -> str:
    if "://" not in value and not value.startswith("/"):
        raise broken(value, "an address of object storage such as s3://bucket/prefix, or an absolute folder")
    return _check_report_path(value)


class Reports(FileModel):
    """Where reports are kept."""

    path: Annotated[str, StringConstraints(strict=True), AfterValidator(_check_report_path)]
    """Object storage (s3://bucket/prefix, s3://connection_id@bucket/prefix) or an absolute folder that every worker
    sees. A relative path lies under Airflow's home, and is for disposable environments on one machine."""

    @property
    def is_relative(self) -> bool:
        """Whether the path is meant to lie under Airflow's home."""
        return "://" not in self.path and not self.path.startswith("/")


class Budget(FileModel):
    """What the historical backfill may use."""

    max_write_units_per_s: int = Field(ge=1)
    """Write units a second, all tables and workers together."""
    max_cost_usd: float = Field(gt=0)
    """Money for the writes of one backfill; a plan that costs more is loaded only with an approval."""


class Unload(FileModel):
    """Large histories as Parquet files: Snowflake unloads a table's snapshot once, and splits are read from there."""

    stage: SnowflakeStage
    """The external stage that Snowflake unloads to: DATABASE.SCHEMA.STAGE, with its own rights on the storage."""
    path: Annotated[str, StringConstraints(strict=True), AfterValidator(_check_unload_path)]
    """Where that stage points, as the workers reach it: s3://bucket/prefix or s3://connection_id@bucket/prefix, or an
    absolute folder. A rule of the bucket is to delete what is old: nothing here does."""
    above_rows: int = Field(default=10_000_000, ge=0)
    """Tables with more rows to load than this are unloaded; the others are read by queries."""


class Backfill(FileModel):
    """How the history is loaded."""

    engine: Engine = Engine.AIRFLOW
    """AIRFLOW (its own workers) or SPARK (more than one machine)."""
    order: LoadOrder = LoadOrder.HISTORY_FIRST
    """HISTORY_FIRST loads before dual writes too, without a deadline; what changed since must be loaded by 44 hours
    after the barrier, and that is everything again for a table without `history.version_column`. DUAL_WRITES_FIRST
    loads all by then."""
    workers_per_table: int = Field(default=1, ge=1, le=64)
    """Airflow tasks that load a table side by side; all of a run share the budget."""
    budget: Budget
    """What it may use."""
    unload: Unload | None = None
    """Reads large histories from files; without it, all are read by queries."""
    spark: Spark | None = None
    """Spark's section, where it is the engine."""

    @model_validator(mode="after")
    def _engine_has_its_section(self) -> Self:
        if self.engine is Engine.SPARK and self.spark is None:
            allowed = "a section with emr_serverless or spark_submit: the engine is SPARK"
            raise RuleError([Violation(("spark",), "nothing", allowed)])
        if self.engine is Engine.AIRFLOW and self.spark is not None:
            allowed = "nothing with engine: AIRFLOW, which would not read it; or engine: SPARK"
            raise RuleError([Violation(("spark",), "a section", allowed)])
        return self


class Repair(FileModel):
    """Whether, and how many, rows of the follower that a check found out of line may be written from the leader."""

    enabled: bool = False
    """Whether `repair` may write, each time after an approval; a dry run may always look."""
    max_rows: int = Field(default=1_000, ge=1, le=10_000)
    """The most rows that one run repairs; a run may ask for fewer."""


class Consistency(FileModel):
    """How the daily check compares the stores."""

    schedule: CronSchedule = "@daily"
    """When it runs, UTC: five cron fields or a preset such as @daily."""
    engine: CheckEngine = CheckEngine.AIRFLOW
    """What reads the stores: AIRFLOW, the task itself, or LAMBDA, the function of `comparison_lambda`."""
    confidence: float = Field(default=0.99, ge=0.9, lt=1)
    """How sure the bound on mismatches is, from 0.9 to below 1."""
    max_mismatch_rate: float = Field(default=1e-4, gt=0, le=0.01)
    """The share of wrong rows that a pass rules out: 1e-4 at 0.99 needs 46,050 clean rows."""
    tolerated_mismatch_rate: float = Field(default=0, ge=0, lt=0.01)
    """The share of confirmed mismatches that is no failure; 0 means that any one fails the check."""
    settle_time: Duration = timedelta(seconds=30)
    """How long a difference must last to count."""
    history_lag: Duration | None = None
    """The history has every change that is older than this; without it, the history is reported and never blamed."""
    ttl_tolerance: Duration = timedelta(seconds=60)
    """How far times to live may lie apart: both are read a moment after the other, and each is in whole seconds."""
    float_tolerance: float = Field(default=0, ge=0, lt=0.01)
    """The relative difference up to which float and double columns are the same; 0 compares them exactly."""
    sweep_rows: int = Field(default=100_000, ge=1)
    """About how many rows of each table a check reads in order, going on where the last one stopped."""
    max_read_units_per_s: int | None = Field(default=3_000, ge=1)
    """The most that a check reads of each store: a unit is up to 4 KiB; null for as fast as it goes."""
    show_write_times: bool = False
    """Whether mismatches tell when each store's value was written, which takes two more reads of each."""
    redact_values: bool = False
    """Whether mismatches leave values out; keys and names of columns stay."""
    cloudwatch_namespace: MetricNamespace | None = None
    """The CloudWatch namespace that each check's numbers go to; none: they go to Airflow's own metrics alone."""
    repair: Repair = Repair()
    """What may be repaired."""

    @model_validator(mode="after")
    def _tolerates_less_than_it_rules_out(self) -> Self:
        if self.tolerated_mismatch_rate >= self.max_mismatch_rate:
            allowed = (
                f"less than consistency.max_mismatch_rate ({self.max_mismatch_rate}), which could not be shown else"
            )
            raise RuleError([Violation(("tolerated_mismatch_rate",), str(self.tolerated_mismatch_rate), allowed)])
        return self


class DeadLetters(FileModel):
    """Writes that a store did not take for good, and their replay."""

    schedule: CronSchedule | None = None
    """When `replay_dead_letters` runs, UTC: five cron fields or a preset; without it, by hand alone."""
    payload_bucket: S3Bucket | None = None
    """The S3 bucket in which writers keep letters above 256 KB; give it to them too. A rule of the bucket deletes what
    is old: keep letters for as long as some may stay parked."""
    provision_bucket: bool = False
    """Whether `provision` makes that bucket: private, encrypted, by TLS alone, protected. One that is there already is
    not taken over."""
    keep_payloads: Duration = timedelta(days=90)
    """After how long the bucket that `provision` makes deletes a letter's content, in whole days, P15D at least: SQS
    keeps the letter itself for 14."""
    max_age: Duration = timedelta(hours=1)
    """How old the oldest letter in the queue may be for the cutover."""
    max_follower_lag: Duration = timedelta(minutes=1)
    """How old the oldest write may be, for the cutover, that a writer has not yet brought to both stores."""

    @model_validator(mode="after")
    def _keeps_the_rules(self) -> Self:
        if violations := [*self._bucket_violations(), *self._keeping_violations()]:
            raise RuleError(violations)
        return self

    def _bucket_violations(self) -> list[Violation]:
        if not self.provision_bucket or self.payload_bucket is not None:
            return []
        allowed = "true beside payload_bucket, the name that the bucket shall have; or false"
        return [Violation(("provision_bucket",), "true without payload_bucket", allowed)]

    def _keeping_violations(self) -> list[Violation]:
        if self.keep_payloads >= MIN_PAYLOAD_LIFE and not self.keep_payloads % timedelta(days=1):
            return []
        allowed = f"whole days, as S3 counts them, {format_duration(MIN_PAYLOAD_LIFE)} or more"
        hint = "SQS keeps a letter for 14 days, and its content must outlive it"
        return [Violation(("keep_payloads",), format_duration(self.keep_payloads), allowed, hint)]


class Writers(FileModel):
    """What `provision` makes for the application that writes to both stores."""

    policy: bool = False
    """Whether `provision` makes the managed IAM policy `keyspaces-migration-<migration>-writers`: what a writer needs
    in AWS, and no more. A person attaches it to the application's role."""


class Approvals(FileModel):
    """Who may approve what acts: applying a plan, loading above a cost, repair, raising the share, retiring."""

    approvers: tuple[UserName, ...] = Field(min_length=1)
    """Airflow user names, each once."""
    required: int = Field(default=1, ge=1)
    """How many distinct approvers each act needs."""

    @model_validator(mode="after")
    def _enough_distinct_people(self) -> Self:
        people = Counter(self.approvers)
        violations = [
            Violation(("approvers", index), f"{name!r} again", "each person once")
            for index, name in enumerate(self.approvers)
            if name in self.approvers[:index]
        ]
        if self.required > len(people):
            found = f"{self.required} for {len(people)} listed"
            violations.append(Violation(("required",), found, "as many as there are approvers, or fewer"))
        if violations:
            raise RuleError(violations)
        return self


class CanaryWatch(FileModel):
    """What is looked at while a canary step bakes, and what takes all reads back."""

    interval: Duration = timedelta(seconds=30)
    """How often it is looked: a breach is taken back within one interval, and the time that applications take to read
    the flag."""
    max_differing_reads: int = Field(default=0, ge=0)
    """How many shadow reads of a step may differ between the stores after settling."""
    max_failed_share: float = Field(default=0.001, gt=0, lt=1)
    """Of a step's reads on the target, how many may fail; a breach is what shows it to be more with 99 % confidence."""
    max_p99_ratio: float = Field(default=2.0, ge=1)
    """How many times as long as on the source a read on the target may take, at the 99th percentile of a writer."""
    tolerated_p99_ms: int = Field(default=50, ge=1)
    """Milliseconds up to which that percentile is no breach, whatever the source's is."""
    max_throttled_share: float = Field(default=0.001, gt=0, lt=1)
    """Of the requests to the target's tables, how many may be throttled: in the hour before a step is raised, and
    while it bakes."""

    @model_validator(mode="after")
    def _airflow_can_keep_up(self) -> Self:
        if self.interval < MIN_WATCH_INTERVAL:
            allowed = f"at least {format_duration(MIN_WATCH_INTERVAL)}: Airflow starts a task anew for each look"
            raise RuleError([Violation(("interval",), format_duration(self.interval), allowed)])
        return self


class Cutover(FileModel):
    """When reads may move to the target, and in which steps."""

    waiting_period: Duration = timedelta(days=7)
    """How long dual writes must have run, unbroken."""
    consecutive_passes: int = Field(default=7, ge=1)
    """How many daily checks in a row must have passed."""
    max_check_age: Duration = timedelta(hours=36)
    """How old the newest check may be when the share is raised."""
    canary_steps: tuple[Annotated[int, Field(ge=1, le=100)], ...] = (1, 5, 25, 50, 100)
    """Percentages of reads on the target, ascending, the last 100."""
    bake_time: Duration = timedelta(hours=1)
    """How long each step is watched before the next; AppConfig's alarms watch it too, in whole minutes, rounded up."""
    min_compared_reads: int = Field(default=1_000, ge=1)
    """How many shadow reads each step must have compared before it counts."""
    retire_after: Duration = timedelta(days=14)
    """How long the source is kept written to, and going back possible, after the last step."""
    watch: CanaryWatch = CanaryWatch()
    """What is looked at while a step bakes."""
    alarm_arns: tuple[AlarmArn, ...] = Field(default=(), max_length=MAX_OWN_MONITORS)
    """CloudWatch alarms of your own, such as the application's error rate: any of them reverses a canary step."""

    @model_validator(mode="after")
    def _steps_ascend_to_all(self) -> Self:
        if violations := [*self._step_violations(), *self._duration_violations()]:
            raise RuleError(violations)
        return self

    def _step_violations(self) -> list[Violation]:
        steps = self.canary_steps
        violations = [
            Violation(("canary_steps", index), str(steps[index]), f"more than the step before it ({steps[index - 1]})")
            for index in range(1, len(steps))
            if steps[index] <= steps[index - 1]
        ]
        if not steps or steps[-1] != 100:  # noqa: PLR2004 - all of it, in per cent
            found = f"{steps[-1]} as the last step" if steps else "no steps"
            violations.append(Violation(("canary_steps",), found, "steps that ascend and end at 100"))
        return violations

    def _duration_violations(self) -> list[Violation]:
        if self.bake_time <= MAX_BAKE_TIME:
            return []
        allowed = f"at most {format_duration(MAX_BAKE_TIME)}, AppConfig's longest bake time"
        return [Violation(("bake_time",), format_duration(self.bake_time), allowed)]
