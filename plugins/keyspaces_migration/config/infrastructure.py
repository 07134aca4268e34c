"""The sections of the migration file about AWS resources beside the tables, and about how all are provisioned."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from keyspaces_migration.config.durations import Duration, format_duration
from keyspaces_migration.config.model import ByName, FileModel
from keyspaces_migration.config.names import (
    BackendUrl,
    ImageUri,
    LayerArn,
    S3Object,
    S3Prefix,
    ScheduleExpression,
    SecretName,
    SecretsProvider,
    SecurityGroupId,
    SubnetId,
    TopicArn,
    VariableName,
)
from keyspaces_migration.config.problems import Location, RuleError, Violation, show

# Limits of the Lambda API: Timeout, MaximumEventAgeInSeconds, number of layers.
MAX_TIMEOUT = timedelta(minutes=15)
MIN_EVENT_AGE, MAX_EVENT_AGE = timedelta(minutes=1), timedelta(hours=6)
MAX_LAYERS = 5

# Environment variables that say where the comparison Lambda's secrets are; their values are names, and no secrets.
SOURCE_SECRET, TARGET_SECRET, HISTORY_SECRET = "SOURCE_SECRET", "TARGET_SECRET", "HISTORY_SECRET"

# And where it leaves what it saw.
RESULTS = "RESULTS"
# Of the events that it is called with.
EVENT_VERSION = 2
# The alias that is called, and what the name of the function's dead letter queue ends in.
ALIAS, DEAD_LETTERS = "live", "dead-letters"

VariableValue = Annotated[str, StringConstraints(strict=True, max_length=4096)]


class Provisioning(FileModel):
    """Where Pulumi keeps the state of what it made."""

    backend: BackendUrl | None = None
    """Pulumi's backend. None: PULUMI_BACKEND_URL of the workers; without that, a folder under Airflow's home, which
    only a disposable environment may use."""
    secrets_provider: SecretsProvider = "passphrase"
    """What encrypts secrets in the state, fixed when the stack is made: `passphrase` takes PULUMI_CONFIG_PASSPHRASE or
    PULUMI_CONFIG_PASSPHRASE_FILE of the workers."""


class Alarms(FileModel):
    """Who is told when an alarm goes off."""

    topic_arns: tuple[TopicArn, ...] = Field(default=(), max_length=5)
    """SNS topics, at most 5: a CloudWatch alarm takes no more actions."""


class Architecture(StrEnum):
    """The processor that a Lambda function runs on."""

    X86_64 = "x86_64"
    ARM64 = "arm64"


class Vpc(FileModel):
    """Where in a VPC a Lambda function runs. It needs a way to the source, the target and the history from there."""

    subnet_ids: tuple[SubnetId, ...] = Field(min_length=1, max_length=16)
    """Subnets, in more than one Availability Zone."""
    security_group_ids: tuple[SecurityGroupId, ...] = Field(min_length=1, max_length=5)
    """Security groups."""


class Secrets(FileModel):
    """Names of secrets in Secrets Manager, in the target's account and Region. Each holds JSON."""

    source: SecretName
    """The source: `hosts`, `port`, `tls`, `ca_certificates` (PEM), `username`, `password`, `local_data_center`."""
    target: SecretName
    """The target, likewise; without `username` the function signs its logins with its own role."""
    history: SecretName
    """The history: `account`, `user`, `password` or `private_key`, `warehouse`, and others that its client takes."""

    def variables(self) -> dict[str, str]:
        """Return the environment variables in which the function finds the names."""
        return {SOURCE_SECRET: self.source, TARGET_SECRET: self.target, HISTORY_SECRET: self.history}


class ComparisonLambda(FileModel):
    """The consistency check as a Lambda function beside the DAG. Its code is a Zip in S3 or a container image."""

    zip: S3Object | None = None
    """The Zip; this or `image`."""
    zip_version: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=1024)] | None = None
    """The version of that S3 object: without it, new code under the same key is not noticed."""
    image: ImageUri | None = None
    """The container image in ECR, best by digest; this or `zip`."""
    architecture: Architecture = Architecture.X86_64
    """x86_64 or arm64; the code must be built for it."""
    memory_mb: int = Field(default=1024, ge=128, le=10_240)
    """Memory, which the share of processor time follows."""
    timeout: Duration = MAX_TIMEOUT
    """How long one call may take, PT1S to PT15M."""
    reserved_concurrency: int | None = Field(default=None, ge=1)
    """How many calls may run at a time; none: as many as the account has free."""
    layers: tuple[LayerArn, ...] = Field(default=(), max_length=MAX_LAYERS)
    """Layers under the Zip, in order; an image has none."""
    vpc: Vpc | None = None
    """The VPC that it runs in; none: AWS's own network, which reaches public addresses only."""
    environment_variables: ByName[VariableName, VariableValue] = Field(default_factory=dict)
    """Environment variables, no secrets among them."""
    secrets: Secrets
    """The Secrets Manager secrets that it reads, with the stores' addresses and credentials."""
    max_event_age: Duration = timedelta(hours=1)
    """How long a call may wait before it goes to the dead letter queue, PT1M to PT6H."""
    max_retries: int = Field(default=0, ge=0, le=2)
    """How often a failed call is repeated before it goes to the dead letter queue."""
    results: S3Prefix | None = None
    """Where calls leave what they saw: the function may write under this prefix, and nowhere else. Needed for
    `consistency.engine: LAMBDA` and for `schedule`."""
    schedule: ScheduleExpression | None = None
    """When EventBridge Scheduler has each table looked at, between the DAG's checks: metrics, and results that no gate
    counts. Half of `consistency.max_read_units_per_s` is then these calls', in equal shares of the tables."""

    @model_validator(mode="after")
    def _keeps_the_rules(self) -> Self:
        if violations := [
            *self._code_violations(),
            *self._duration_violations(),
            *self._variable_violations(),
            *self._schedule_violations(),
        ]:
            raise RuleError(violations)
        return self

    def _code_violations(self) -> list[Violation]:
        if (self.zip is None) == (self.image is None):
            place, found = ("zip", "neither zip nor image") if self.zip is None else ("image", "zip and image")
            return [Violation((place,), found, "one of zip and image: where the function's code is")]
        if self.zip is not None:
            return []
        given = (("layers", bool(self.layers)), ("zip_version", self.zip_version is not None))
        return [Violation((name,), name, "nothing with image: it belongs to a Zip") for name, there in given if there]

    def _duration_violations(self) -> list[Violation]:
        bounds: tuple[tuple[Location, timedelta, timedelta, timedelta], ...] = (
            (("timeout",), self.timeout, timedelta(seconds=1), MAX_TIMEOUT),
            (("max_event_age",), self.max_event_age, MIN_EVENT_AGE, MAX_EVENT_AGE),
        )
        return [
            Violation(
                place, format_duration(value), f"{format_duration(least)} to {format_duration(most)}, a limit of Lambda"
            )
            for place, value, least, most in bounds
            if not least <= value <= most
        ]

    def _variable_violations(self) -> list[Violation]:
        return [
            Violation(("environment_variables", name), name, "a variable of your own: the section sets this one")
            for name in (*self.secrets.variables(), RESULTS)
            if name in self.environment_variables
        ]

    def _schedule_violations(self) -> list[Violation]:
        if self.schedule is None or self.results is not None:
            return []
        return [
            Violation(("schedule",), show(self.schedule), "a schedule beside results, where its calls leave theirs")
        ]

    def variables(self) -> dict[str, str]:
        """Return the environment variables that the function's code reads."""
        return self.secrets.variables() | ({RESULTS: self.results} if self.results is not None else {})

    @property
    def longest_wait(self) -> timedelta:
        """How long after a call was made it may still leave a result: later, it is in the dead letter queue."""
        return self.max_event_age + (1 + self.max_retries) * self.timeout
