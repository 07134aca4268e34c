"""The historical backfill as a Spark job: loads the planned splits of a run in as many workers as are asked for.

The script of `spark-submit` and of EMR Serverless; the package must be installed where driver and executors run. The
last line that it prints is one JSON object. It ends with 0 when every split is done, whoever loaded it; with 3 when it
refused before anything was loaded, for the reason that it printed; with another number when a worker failed: what is
done stays done, and the ledger has the reason with each split.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keyspaces_migration.backfill import current_barrier_us, require_planned
from keyspaces_migration.entrypoints.secret_model import SecretError
from keyspaces_migration.entrypoints.spark_secrets import SecretsFile, SecretsManager, SecretsPlace, SparkSecrets
from keyspaces_migration.entrypoints.spark_worker import LOADED_DDL, SLOT, SparkJob
from keyspaces_migration.errors import MigrationError
from keyspaces_migration.ledger import LedgerAddressError
from keyspaces_migration.ledger.backfills import BackfillLedger

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

REFUSED = 3
"""Exit status: nothing was loaded, for the reason that was printed."""
LEFT = 4
"""Exit status: splits are left, as `SplitsLeftError` says."""
LEASE_S = 300
_LOCAL_MASTER = "local"


class SplitsLeftError(MigrationError):
    """Every worker ended without an error, and splits are not done: somebody changed the ledger. Run again."""


def main(arguments: Sequence[str]) -> dict[str, Any]:
    """Load what the command line names; return the summary.

    Raises:
        SecretError, SecretUnreadError, LedgerError, PlanChangedError: Nothing was loaded.
        SplitsLeftError: Somebody else has splits, or changed the ledger.
        py4j.protocol.Py4JJavaError, pyspark.errors.PySparkException: A worker failed for good.
    """
    asked = _parser().parse_args(arguments)
    place = _place(asked)
    secrets = place.read()
    ledger = secrets.ledger.open()
    run = {"dag_id": asked.dag_id, "run_id": asked.run_id}
    backfill, loaded = BackfillLedger(ledger), []
    plan = require_planned(backfill, **run)
    if current_barrier_us(ledger, plan.migration) is not None:
        secrets.source_after_barrier()
    if backfill.unfinished(**run):
        with _session(asked.dag_id) as spark:
            _refuse_ledger_of_one_machine(secrets, master=spark.sparkContext.master)
            application = spark.sparkContext.applicationId
            lease = timedelta(seconds=asked.lease_s)
            job = SparkJob(**run, application=application, secrets=place, lease=lease)
            loaded = load(spark, job, workers=asked.workers)
    if left := backfill.unfinished(**run):
        raise SplitsLeftError(f"{left} splits of {asked.run_id} of {asked.dag_id} are not done. Run it again")
    return summary(loaded)


def load(spark: "SparkSession", job: SparkJob, *, workers: int) -> list[Any]:
    """Load in so many workers, one a task; return what each told of each split (`spark_worker.LOADED`).

    A worker's task runs until no split is left, so those that begin late find less, or nothing, and none waits for the
    slowest machine. What a task told that then failed is not returned: the ledger has it.
    """
    slots = spark.range(0, workers, 1, workers).withColumnRenamed("id", SLOT)
    told: list[Any] = slots.mapInArrow(job.load, LOADED_DDL).collect()
    return told


def summary(loaded: Iterable[Any]) -> dict[str, Any]:
    """Return splits and rows, in all and by worker."""
    by_worker: dict[str, int] = {}
    rows = list(loaded)
    for row in rows:
        by_worker[row["worker"]] = by_worker.get(row["worker"], 0) + row["rows_read"]
    counts = {name: sum(row[name] for row in rows) for name in ("rows_read", "written", "expired", "dead")}
    return {"splits": len(rows), **counts, "rows_by_worker": dict(sorted(by_worker.items()))}


def _session(name: str) -> "SparkSession":
    from pyspark.sql import SparkSession  # noqa: PLC0415 # an extra: only a Spark job has it

    # A second attempt beside a slow first one would have the same name, and take its split away.
    return SparkSession.builder.appName(name).config("spark.speculation", "false").getOrCreate()


def _refuse_ledger_of_one_machine(secrets: SparkSecrets, *, master: str) -> None:
    if secrets.ledger.is_of_one_machine and not master.startswith(_LOCAL_MASTER):
        raise LedgerAddressError(
            f"The ledger is an SQLite file, and Spark runs on {master}: executors on other machines would each write a "
            "file of their own. Keep the ledger in PostgreSQL"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="spark_backfill.py", description=__doc__)
    parser.add_argument("--dag-id", required=True)
    parser.add_argument("--run-id", required=True, help="a run that is planned")
    parser.add_argument("--workers", required=True, type=_positive, help="how many load at a time: executors x cores")
    parser.add_argument("--lease-s", type=_positive, default=LEASE_S, help="after which a dead worker's split is free")
    parser.add_argument("--secrets-file", type=Path, help="JSON with target, history and ledger; mode 0600")
    parser.add_argument("--secrets-region", help="of AWS Secrets Manager, instead of a file, with all three of:")
    for part in ("target", "history", "ledger"):
        parser.add_argument(f"--{part}-secret", help="the secret's name")
    parser.add_argument("--source-secret", help="the secret's name; needed after the barrier of dual writes")
    return parser


def _place(asked: argparse.Namespace) -> SecretsPlace:
    names = (asked.secrets_region, asked.target_secret, asked.history_secret, asked.ledger_secret)
    if asked.secrets_file is not None and not any((*names, asked.source_secret)):
        return SecretsFile(path=asked.secrets_file)
    if asked.secrets_file is None and all(names):
        region, target, history, ledger = names
        source = asked.source_secret
        return SecretsManager(region=region, target=target, history=history, ledger=ledger, source=source)
    raise SecretError(
        "The command line does not say where the secrets are: give --secrets-file, or all of --secrets-region, "
        "--target-secret, --history-secret and --ledger-secret"
    )


def _positive(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"found {number}; allowed: 1 or more")
    return number


if __name__ == "__main__":
    try:
        result = main(sys.argv[1:])
    except MigrationError as refused:
        sys.stderr.write(f"{type(refused).__name__}: {refused}\n")
        sys.exit(LEFT if isinstance(refused, SplitsLeftError) else REFUSED)
    sys.stdout.write(f"{json.dumps(result)}\n")
