"""What Spark is told to run, for spark-submit and for EMR Serverless: names and places, and no secret among them."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from keyspaces_migration.config import Migration
from keyspaces_migration.config.spark import EmrServerless, Spark, SparkSubmit
from keyspaces_migration.errors import MigrationError

Section = TypeVar("Section", Spark, EmrServerless, SparkSubmit)
SCRIPT = Path(__file__).with_name("spark_backfill.py")
"""What spark-submit runs; a copy of it in S3 is what EMR Serverless runs."""
_ARCHIVE = "environment"
# Otherwise its ports are open to other machines.
_ON_ONE_MACHINE = {
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.ui.enabled": "false",
}


class SparkMissingError(MigrationError):
    """There is no spark-submit on this machine."""


@dataclass(frozen=True, kw_only=True)
class SparkRun:
    """A planned run, as a Spark job loads it.

    Attributes:
        spark: The section of the migration file.
        region: The target's, where the secrets are too.
        dag_id: Of the run; for EMR Serverless it may be a template of Airflow, and so may `run_id`.
    """

    spark: Spark
    region: str
    dag_id: str
    run_id: str

    @classmethod
    def of(cls, migration: Migration, *, dag_id: str, run_id: str) -> "SparkRun":
        """Return the run of a migration whose engine is Spark."""
        return cls(
            spark=_there(migration.backfill.spark, "spark"),
            region=migration.target.region,
            dag_id=dag_id,
            run_id=run_id,
        )

    @property
    def emr(self) -> EmrServerless:
        """Return where on EMR Serverless it runs."""
        return _there(self.spark.emr_serverless, "emr_serverless")

    @property
    def submit(self) -> SparkSubmit:
        """Return how spark-submit runs it."""
        return _there(self.spark.spark_submit, "spark_submit")

    def arguments(self, *, secrets_file: Path | None = None) -> list[str]:
        """Return the script's arguments; the secrets are in `secrets_file`, or where the migration file says."""
        workers = ["--workers", str(self.spark.workers)]
        return ["--dag-id", self.dag_id, "--run-id", self.run_id, *workers, *self._place(secrets_file)]

    def _place(self, secrets_file: Path | None) -> list[str]:
        names = self.spark.secrets
        if secrets_file is not None or names is None:
            return ["--secrets-file", str(secrets_file)]
        by_part = {"target": names.target, "history": names.history, "ledger": names.ledger}
        if names.source is not None:
            by_part["source"] = names.source
        return ["--secrets-region", self.region, *(a for part in by_part for a in (f"--{part}-secret", by_part[part]))]

    def submit_command(self, *, spark_home: Path, secrets_file: Path | None) -> list[str]:
        """Return the command line of spark-submit; the driver is its child, so that ending it ends the job.

        Raises:
            SparkMissingError: `spark_home` has no spark-submit.
        """
        submit, program = self.submit, spark_home / "bin" / "spark-submit"
        if not program.is_file():
            raise SparkMissingError(
                f"There is no {program}. Install the extra (pip install 'keyspaces-migration[spark]'), or set "
                "SPARK_HOME to the cluster's Spark"
            )
        master = f"local[{self.spark.workers}]" if submit.is_local else submit.master
        ours = {"spark.submit.deployMode": "client", **self._own_settings()}
        settings = {**(_ON_ONE_MACHINE if submit.is_local else {}), **self.spark.conf, **ours}
        confs = [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
        return [str(program), "--master", master, *confs, str(SCRIPT), *self.arguments(secrets_file=secrets_file)]

    def emr_job(self) -> dict[str, Any]:
        """Return what StartJobRun of EMR Serverless calls `jobDriver`."""
        python = f"./{_ARCHIVE}/bin/python"
        settings = {
            "spark.archives": f"{self.emr.environment_archive}#{_ARCHIVE}",
            "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON": python,
            "spark.emr-serverless.driverEnv.PYSPARK_PYTHON": python,
            "spark.executorEnv.PYSPARK_PYTHON": python,
            **self._own_settings(),
        }
        # Unquoted: no value can hold a blank. Those of the file may, and go as properties.
        confs = " ".join(f"--conf {name}={value}" for name, value in settings.items())
        job = {
            "entryPoint": self.emr.entry_point,
            "entryPointArguments": self.arguments(),
            "sparkSubmitParameters": confs,
        }
        return {"sparkSubmit": job}

    def emr_overrides(self) -> dict[str, Any]:
        """Return what StartJobRun calls `configurationOverrides`."""
        overrides: dict[str, Any] = {}
        if self.spark.conf:
            properties = {"classification": "spark-defaults", "properties": dict(self.spark.conf)}
            overrides["applicationConfiguration"] = [properties]
        if self.emr.log_uri is not None:
            overrides["monitoringConfiguration"] = {"s3MonitoringConfiguration": {"logUri": self.emr.log_uri}}
        return overrides

    def _own_settings(self) -> dict[str, str]:
        spark = self.spark
        return {
            "spark.executor.instances": str(spark.executors),
            "spark.executor.cores": str(spark.cores_per_executor),
            "spark.executor.memory": f"{spark.memory_per_executor_gb}g",
            # A worker that waits for the last splits of others is idle only to Spark.
            "spark.dynamicAllocation.enabled": "false",
            "spark.speculation": "false",
        }


def _there(section: Section | None, name: str) -> Section:
    if section is None:
        raise MigrationError(f"The migration file has no {name} in backfill: this run is not one for it")
    return section


def spark_home(environment: Mapping[str, str]) -> Path:
    """Return where Spark is: SPARK_HOME, or else the package pyspark of this environment.

    Raises:
        SparkMissingError: Neither is there.
    """
    if named := environment.get("SPARK_HOME"):
        return Path(named)
    found = find_spec("pyspark")
    if found is None or found.origin is None:
        raise SparkMissingError(
            "This machine has no Spark. Install the extra (pip install 'keyspaces-migration[spark]'), or set "
            "SPARK_HOME to the cluster's Spark"
        )
    return Path(found.origin).parent


def spark_environment(environment: Mapping[str, str], *, home: Path) -> dict[str, str]:
    """Return the environment of spark-submit: the task's, but for Airflow's settings and connections."""
    kept = {name: value for name, value in environment.items() if not name.startswith("AIRFLOW_")}
    return {"PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable, **kept, "SPARK_HOME": str(home)}
