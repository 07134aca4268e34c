"""The section of the migration file about Spark as the engine of the historical backfill."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from keyspaces_migration.config.model import ByName, FileModel
from keyspaces_migration.config.names import (
    EmrApplicationId,
    RoleArn,
    S3Object,
    SecretName,
    SparkMaster,
    SparkProperty,
)
from keyspaces_migration.config.problems import RuleError, Violation

LOCAL = "local"
OWN_PROPERTIES = (
    "spark.archives",
    "spark.dynamicAllocation.enabled",
    "spark.executor.cores",
    "spark.executor.instances",
    "spark.executor.memory",
    "spark.master",
    "spark.speculation",
    "spark.submit.deployMode",
)
"""Properties of Spark that follow from other keys, or on which the load's safety stands."""

PropertyValue = Annotated[str, StringConstraints(strict=True, max_length=4096, pattern=r"^[^\r\n\x00]*$")]


class EmrServerless(FileModel):
    """An application of EMR Serverless that exists, of release 7 or later, with a network way to all stores."""

    application_id: EmrApplicationId
    """Its id."""
    execution_role_arn: RoleArn
    """The IAM role of the job: it reads the secrets, the S3 objects below, and writes to the target."""
    entry_point: S3Object
    """The script: `keyspaces_migration/entrypoints/spark_backfill.py` of the wheel, put into S3."""
    environment_archive: S3Object
    """A packed virtual environment (.tar.gz) in which the wheel is installed."""
    log_uri: S3Object | None = None
    """Where the job's logs go; none: where the application's own settings say."""


class SparkSubmit(FileModel):
    """spark-submit on the Airflow worker that runs the task; the driver runs there too."""

    master: SparkMaster = LOCAL
    """local (this machine alone), yarn, spark://host:port or k8s://https://host:port."""

    @property
    def is_local(self) -> bool:
        """Whether all of it runs on one machine."""
        return self.master == LOCAL


class SparkSecrets(FileModel):
    """Names of secrets in Secrets Manager, in the target's account and Region. Each holds JSON."""

    target: SecretName
    """The target, as for `comparison_lambda.secrets`; without `username` the job signs with its own role."""
    history: SecretName
    """The history, as for `comparison_lambda.secrets`; its role may also create tables beside the history's."""
    source: SecretName | None = None
    """The source, as for `comparison_lambda.secrets`: from `start_dual_writes` on, what applications delete is read
    there, and nothing is loaded without it."""
    ledger: SecretName
    """The ledger: `url` of PostgreSQL, and `secret_keys`, as in Airflow's variable keyspaces_ledger_secret_keys."""


class Spark(FileModel):
    """Spark, which loads with the same code as Airflow's workers, on more than one machine."""

    emr_serverless: EmrServerless | None = None
    """EMR Serverless; this or `spark_submit`."""
    spark_submit: SparkSubmit | None = None
    """A Spark of your own; this or `emr_serverless`."""
    executors: int = Field(default=2, ge=1, le=1000)
    """How many executors."""
    cores_per_executor: int = Field(default=1, ge=1, le=16)
    """Cores of each; every core loads splits, under its share of the budget."""
    memory_per_executor_gb: int = Field(default=4, ge=1, le=108)
    """Memory of each; a core needs about 1 GB."""
    secrets: SparkSecrets | None = None
    """The Secrets Manager secrets that driver and executors read. None is for spark_submit on one machine alone: the
    task then hands on its connections in a file that only it may read."""
    conf: ByName[SparkProperty, PropertyValue] = Field(default_factory=dict)
    """Other properties of Spark, no secrets among them."""

    @property
    def workers(self) -> int:
        """How many load at a time."""
        return self.executors * self.cores_per_executor

    @model_validator(mode="after")
    def _keeps_the_rules(self) -> Self:
        if violations := [*self._place_violations(), *self._secret_violations(), *self._conf_violations()]:
            raise RuleError(violations)
        return self

    def _place_violations(self) -> list[Violation]:
        if (self.emr_serverless is None) != (self.spark_submit is None):
            return []
        place, found = "emr_serverless", "neither emr_serverless nor spark_submit"
        if self.emr_serverless is not None:
            place, found = "spark_submit", "emr_serverless and spark_submit"
        return [Violation((place,), found, "one of emr_serverless and spark_submit: where the job runs")]

    def _secret_violations(self) -> list[Violation]:
        is_local = self.spark_submit is not None and self.spark_submit.is_local
        if self.secrets is not None or is_local:
            return []
        allowed = "names of secrets in Secrets Manager: executors on other machines read them there"
        return [Violation(("secrets",), "nothing", allowed)]

    def _conf_violations(self) -> list[Violation]:
        allowed = "a property of your own: the other keys of this section say what this one is"
        return [Violation(("conf", name), name, allowed) for name in OWN_PROPERTIES if name in self.conf]
