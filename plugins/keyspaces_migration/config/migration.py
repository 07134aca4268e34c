"""The migration file as a whole."""

import hashlib
import json
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator, model_validator

from keyspaces_migration.config.access import Access
from keyspaces_migration.config.floors import (
    CONSISTENCY_LIMITS,
    CUTOVER_LIMITS,
    LETTER_LIMITS,
    WATCH_LIMITS,
    limit_violations,
)
from keyspaces_migration.config.infrastructure import DEAD_LETTERS, Alarms, ComparisonLambda, Provisioning
from keyspaces_migration.config.model import ByName, FileModel
from keyspaces_migration.config.names import KeyspacesName, MigrationName, Owner
from keyspaces_migration.config.notifications import Notifications
from keyspaces_migration.config.problems import RuleError, Violation, broken
from keyspaces_migration.config.rights import MAX_POLICY_SIZE, longest_writer_policy
from keyspaces_migration.config.sections import (
    Approvals,
    Backfill,
    CheckEngine,
    Connections,
    Consistency,
    Cutover,
    DeadLetters,
    Environment,
    Reports,
    Source,
    Target,
    Writers,
)
from keyspaces_migration.config.tables import LoadOrder, Table, TableType

# Quota of Amazon Keyspaces: tables a Region. It can be raised, but one file of more can't be reviewed.
MAX_TABLES = 256
# TagKey, TagValue and TagList of the Keyspaces API; the file's own come on top of the four that `provision` sets.
MAX_TAGS = 56
RESOURCE_PREFIX = "keyspaces-migration-"
_OWN_TAGS = ("Project", "Environment", "Type", "Table-type")


def _check_tag_key(value: str) -> str:
    if value.casefold() in {own.casefold() for own in _OWN_TAGS}:
        raise broken(value, f"a tag of your own: {', '.join(_OWN_TAGS)} are set by `provision`")
    if value.lower().startswith("aws:"):
        raise broken(value, "a tag key that does not begin with aws:, which AWS keeps for itself")
    return value


TagKey = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=128), AfterValidator(_check_tag_key)]
TagValue = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=256)]


class Migration(FileModel):
    """One migration: from a keyspace of Apache Cassandra to one of Amazon Keyspaces."""

    name: MigrationName = Field(alias="migration")
    """The migration's name, which begins the id of each of its DAGs."""
    description: Annotated[str, StringConstraints(strict=True, max_length=2_000)] = ""
    """What is migrated and why, for the DAGs' documentation."""
    owner: Owner
    """The person or team that answers for it; the owner of its DAGs."""
    environment: Environment
    """How much is at stake."""
    connections: Connections
    """Ids of Airflow connections."""
    source: Source
    """What is migrated."""
    target: Target
    """Where it goes."""
    reports: Reports
    """Where reports are kept."""
    approvals: Approvals
    """Who may approve what acts."""
    backfill: Backfill
    """How the history is loaded."""
    consistency: Consistency = Consistency()
    """How the daily check compares the stores."""
    cutover: Cutover = Cutover()
    """When reads may move to the target, and in which steps."""
    dead_letters: DeadLetters = DeadLetters()
    """Writes that a store did not take for good, and their replay."""
    writers: Writers = Writers()
    """What `provision` makes for the application that writes to both stores."""
    provisioning: Provisioning = Provisioning()
    """Where Pulumi keeps the state of what it made."""
    comparison_lambda: ComparisonLambda | None = None
    """The consistency check as a Lambda function; none is made without it."""
    alarms: Alarms = Alarms()
    """Who is told when an alarm goes off."""
    access: Access | None = None
    """Who may see and start the DAGs; without it, what Airflow's own roles say."""
    notifications: Notifications = Notifications()
    """Who is told of what happens in the migration, and of what does not happen."""
    tags: ByName[TagKey, TagValue] = Field(default_factory=dict, max_length=MAX_TAGS)
    """Tags on every AWS resource, beside those that `provision` sets."""
    tables: ByName[KeyspacesName, Table] = Field(default_factory=dict, max_length=MAX_TABLES)
    """The tables to migrate, by name; a name that ends in `_unarchived` is tagged so. Without any, `assess` alone can
    run: its report drafts this section."""

    @field_validator("consistency")
    @classmethod
    def _consistency_above_floors(cls, value: Consistency, info: ValidationInfo) -> Consistency:
        environment = info.data.get("environment")
        if environment is None or environment.disposable:
            return value
        if violations := tuple(limit_violations(value, CONSISTENCY_LIMITS)):
            raise RuleError(violations)
        return value

    @field_validator("cutover")
    @classmethod
    def _cutover_above_floors(cls, value: Cutover, info: ValidationInfo) -> Cutover:
        environment = info.data.get("environment")
        if environment is None or environment.disposable:
            return value
        watch = (
            replace(found, location=("watch", *found.location)) for found in limit_violations(value.watch, WATCH_LIMITS)
        )
        if violations := (*limit_violations(value, CUTOVER_LIMITS), *watch):
            raise RuleError(violations)
        return value

    @field_validator("dead_letters")
    @classmethod
    def _letters_above_floors(cls, value: DeadLetters, info: ValidationInfo) -> DeadLetters:
        environment = info.data.get("environment")
        if environment is None or environment.disposable:
            return value
        if violations := tuple(limit_violations(value, LETTER_LIMITS)):
            raise RuleError(violations)
        return value

    @field_validator("reports")
    @classmethod
    def _reports_outlive_the_machine(cls, value: Reports, info: ValidationInfo) -> Reports:
        environment = info.data.get("environment")
        if environment is not None and not environment.disposable and value.is_relative:
            allowed = "an address of object storage, or an absolute folder that every worker sees"
            hint = "a relative path is for environments with disposable: true"
            raise RuleError([Violation(("path",), repr(value.path), allowed, hint)])
        return value

    @model_validator(mode="after")
    def _check_has_its_engine(self) -> Self:
        function = self.comparison_lambda
        if self.consistency.engine is CheckEngine.LAMBDA and (function is None or function.results is None):
            found = "LAMBDA without " + ("comparison_lambda" if function is None else "comparison_lambda.results")
            allowed = "LAMBDA beside a comparison_lambda with results, where its calls leave what they saw; or AIRFLOW"
            raise RuleError([Violation(("consistency", "engine"), found, allowed)])
        return self

    @model_validator(mode="after")
    def _writers_policy_is_short_enough(self) -> Self:
        if not self.writers.policy:
            return self
        size = longest_writer_policy(self)
        if size > MAX_POLICY_SIZE:
            found = f"true, of which {len(self.tables)} tables make {size} characters"
            allowed = (
                f"true where the policy has at most {MAX_POLICY_SIZE}, a quota of IAM; or false, and policies of your "
                "own: keyspaces_migration.config.rights.writer_policy gives the statements to divide among them"
            )
            raise RuleError([Violation(("writers", "policy"), found, allowed)])
        return self

    @property
    def resource_name(self) -> str:
        """Return what the names of the migration's AWS resources beside its tables begin with."""
        return f"{RESOURCE_PREFIX}{self.name}"

    @property
    def dead_letter_queue(self) -> str:
        """Return the name of the queue for writes that a store did not take."""
        return f"{self.resource_name}-{DEAD_LETTERS}"

    @property
    def writer_policy(self) -> str:
        """Return the name of the managed policy for the application's writers."""
        return f"{self.resource_name}-writers"

    @property
    def comparison_function(self) -> str:
        """Return the name of the comparison Lambda."""
        return f"{self.resource_name}-comparison"

    @property
    def resource_tags(self) -> dict[str, str]:
        """Return the tags of every AWS resource: the file's own, and what says which migration it belongs to."""
        return {**self.tags, "Project": self.name, "Environment": self.environment.name}

    def canonical_json(self) -> str:
        """Return the one JSON text of this content: defaults written out, keys in order, the file's own shape."""
        content = self.model_dump(mode="json", by_alias=True)
        return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_canonical_json(cls, text: str | bytes) -> Self:
        """Read a migration back from `canonical_json`.

        Raises:
            pydantic.ValidationError: The text was written by a release with other rules, or by someone else.
        """
        return cls.model_validate_json(text)

    def of_table(self, table: str) -> Self:
        """Return the migration as if it had this one of its tables alone: what an event of one table's check carries.

        Raises:
            KeyError: It has no such table.
        """
        only = self.model_copy(update={"tables": {table: self.tables[table]}})
        # The copy has the digest too, if it was asked for, and that is of the whole.
        only.__dict__.pop("digest", None)
        return only

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON, in hexadecimal: equal for equal content, however the file is written."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()

    def table_type(self, table: str) -> TableType:
        """Return the value of the tag `Table-type` for a table of this migration."""
        return TableType.UNARCHIVED if table.endswith("_unarchived") else TableType.STANDARD

    def encryption_key_arn(self, table: str) -> str | None:
        """Return the KMS key that encrypts a table of this migration, or None for one that AWS owns."""
        return self.tables[table].encryption_key_arn or self.target.encryption_key_arn

    def load_order(self, table: str) -> LoadOrder:
        """Return the order for a table of this migration: its own, or else the file's."""
        return self.tables[table].order or self.backfill.order
