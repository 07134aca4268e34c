"""What Airflow makes of a migration whose engine is Spark, and what is asked of EMR Serverless.

EMR Serverless itself can't run here: what is sent to it is checked by AWS's own client, against AWS's description of
its API, and taken down by a server that answers as that description says.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.providers.amazon.aws.triggers.emr import EmrServerlessStartJobTrigger
from airflow.sdk.exceptions import AirflowException, TaskDeferred

from keyspaces_migration.approval import ApprovalUnreadableError
from keyspaces_migration.config import load_migration
from keyspaces_migration.ledger import ConfigurationChangedError
from keyspaces_migration.lifecycle import Stage
from keyspaces_provider.operators.backfill_spark import SparkFailedError
from tests.unit.keyspaces_provider.recorded import a_load_plan, a_recorded_run, record_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CANCEL = "/applications/00f1r2s3t4u5v6w7/jobruns/00jobrun"
ROLE = "arn:aws:iam::123456789012:role/backfill"
SECRETS = "{target: trains/target, history: trains/history, ledger: trains/ledger}"
EMR = f"""
  engine: SPARK
  spark:
    emr_serverless:
      application_id: 00f1r2s3t4u5v6w7
      execution_role_arn: {ROLE}
      entry_point: s3://artifacts/spark_backfill.py
      environment_archive: s3://artifacts/environment.tar.gz
      log_uri: s3://artifacts/logs
    executors: 8
    cores_per_executor: 4
    memory_per_executor_gb: 6
    secrets: {SECRETS}
    conf: {{spark.executor.extraJavaOptions: "-Xss1m -Da=b"}}
"""
SUBMIT = """
  engine: SPARK
  spark: {spark_submit: {master: local}, executors: 2}
"""


def load_task(dags_folder: Path, file: Path, section: str) -> Any:
    """The task `load` of the DAG of `file`, with this engine."""
    text = file.read_text()
    assert "\n  engine: AIRFLOW\n" in text
    file.write_text(text.replace("\n  engine: AIRFLOW\n", section, 1))
    bag = DagBag(dag_folder=str(dags_folder))
    assert bag.import_errors == {}
    dag = bag.dags["trains.historical_backfill"]
    task: Any = dag.get_task("load")
    assert (task.upstream_task_ids, task.downstream_task_ids) == ({"approval_needed", "approve_1"}, {"verify"})
    assert task.trigger_rule == "none_failed"
    return task


class Emr(ThreadingHTTPServer):
    """Takes down what is asked, and answers as AWS's description of the API says."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.asked: list[tuple[str, str, Any]] = []


class Answers(BaseHTTPRequestHandler):
    server: Emr

    def do_GET(self) -> None:
        self._answer({"application": {"state": "STARTED"}})

    def do_POST(self) -> None:
        self._answer({"applicationId": "00f1r2s3t4u5v6w7", "jobRunId": "00jobrun", "arn": "arn:aws:emr-serverless:x"})

    def do_DELETE(self) -> None:
        self._answer({"applicationId": "00f1r2s3t4u5v6w7", "jobRunId": "00jobrun"})

    def _answer(self, content: dict[str, Any]) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.command, self.path, json.loads(body) if body else None))
        text = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Nothing: the test looks at `asked`."""


@contextmanager
def serving() -> Iterator[Emr]:
    with Emr() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def emr(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emr]:
    """Where the connection flights_aws leads."""
    with serving() as server:
        extra = {"endpoint_url": f"http://127.0.0.1:{server.server_port}", "region_name": "us-east-1"}
        connection = {"conn_type": "aws", "login": "test", "password": "test", "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS_AWS", json.dumps(connection))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Of a task in a run that is recorded with a file as it is now, and whose plan costs so much."""
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS_LEDGER", f"sqlite://{tmp_path}/ledger.db")
    # Nobody listens there.
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS_AIRFLOW", "http://reader:r@127.0.0.1:9")

    def recorded(file: Path, *, cost_usd: float = 0.0) -> Any:
        stage = Stage.HISTORICAL_BACKFILL
        run = a_recorded_run(load_migration(file), ledger=tmp_path / "ledger.db", stage=stage)
        record_plan(run, a_load_plan(run, cost_usd=cost_usd, planned_at=datetime.now(UTC)))
        links: list[str] = []
        ti = SimpleNamespace(xcom_push=lambda *, key, value: links.append(f"{key} {value}"))
        return {"dag_run": SimpleNamespace(dag_id=run.dag_id, run_id=run.run_id), "ti": ti}

    return recorded


def test_a_file_that_names_spark_submit_has_one_task_for_all_tables(dags_folder: Path, second_migration: Path) -> None:
    task = load_task(dags_folder, second_migration, SUBMIT)
    assert type(task).__name__ == "LoadBySparkSubmitOperator"
    assert (task.migration_file, task.retries) == (str(second_migration), 6)
    assert task.template_fields == ()


def test_a_job_of_emr_serverless_is_asked_for_as_the_file_says(
    dags_folder: Path, second_migration: Path, emr: Emr, context: Callable[..., Any]
) -> None:
    task = load_task(dags_folder, second_migration, EMR)
    of_the_run = context(second_migration)
    task.render_template_fields(of_the_run)
    with pytest.raises(TaskDeferred) as deferred:
        task.execute(of_the_run)
    (_, application, _), (method, path, job) = emr.asked
    assert application == "/applications/00f1r2s3t4u5v6w7"
    assert (method, path) == ("POST", "/applications/00f1r2s3t4u5v6w7/jobruns")
    assert (job["executionRoleArn"], job["executionTimeoutMinutes"]) == (ROLE, 43_200)
    submit = job["jobDriver"]["sparkSubmit"]
    run = of_the_run["dag_run"]
    assert submit["entryPoint"] == "s3://artifacts/spark_backfill.py"
    assert submit["entryPointArguments"] == [
        *("--dag-id", run.dag_id, "--run-id", run.run_id, "--workers", "32", "--secrets-region", "us-east-1"),
        *("--target-secret", "trains/target", "--history-secret", "trains/history", "--ledger-secret", "trains/ledger"),
    ]
    parameters = submit["sparkSubmitParameters"].split(" ")
    assert parameters[::2] == ["--conf"] * (len(parameters) // 2)
    assert set(parameters[1::2]) == {
        "spark.archives=s3://artifacts/environment.tar.gz#environment",
        "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON=./environment/bin/python",
        "spark.emr-serverless.driverEnv.PYSPARK_PYTHON=./environment/bin/python",
        "spark.executorEnv.PYSPARK_PYTHON=./environment/bin/python",
        "spark.executor.instances=8",
        "spark.executor.cores=4",
        "spark.executor.memory=6g",
        "spark.dynamicAllocation.enabled=false",
        "spark.speculation=false",
    }
    assert job["configurationOverrides"] == {
        "applicationConfiguration": [
            {
                "classification": "spark-defaults",
                "properties": {"spark.executor.extraJavaOptions": "-Xss1m -Da=b"},
            }
        ],
        "monitoringConfiguration": {"s3MonitoringConfiguration": {"logUri": "s3://artifacts/logs"}},
    }
    trigger = deferred.value.trigger
    assert isinstance(trigger, EmrServerlessStartJobTrigger)
    _, waits = trigger.serialize()
    assert (waits["job_id"], waits["waiter_delay"], waits["waiter_max_attempts"]) == ("00jobrun", 60, 43_200)
    assert waits["cancel_on_kill"] is True


def test_no_job_is_started_for_a_file_that_changed_after_the_run_began(
    dags_folder: Path, second_migration: Path, emr: Emr, context: Callable[..., Any]
) -> None:
    task = load_task(dags_folder, second_migration, EMR)
    of_the_run = context(second_migration)
    second_migration.write_text(second_migration.read_text().replace("executors: 8", "executors: 9"))
    with pytest.raises(ConfigurationChangedError, match="Start a new run"):
        task.execute(of_the_run)
    assert emr.asked == []


@pytest.mark.parametrize("section", [EMR, SUBMIT], ids=["EMR Serverless", "spark-submit"])
def test_no_job_is_started_for_a_plan_that_costs_too_much_and_nobody_approved(
    dags_folder: Path, second_migration: Path, emr: Emr, context: Callable[..., Any], section: str
) -> None:
    """Here Airflow does not answer, which counts as not approved."""
    task = load_task(dags_folder, second_migration, section)
    with pytest.raises(ApprovalUnreadableError):
        task.execute(context(second_migration, cost_usd=2.0))
    assert emr.asked == []


def test_a_job_that_failed_says_what_stays_done(dags_folder: Path, second_migration: Path, emr: Emr) -> None:
    task = load_task(dags_folder, second_migration, EMR)
    details = {"application_id": "00f1r2s3t4u5v6w7", "job_id": "00jobrun"}
    with pytest.raises(SparkFailedError, match="What is done is not done twice") as failed:
        task.execute_complete({}, {"status": "failed", "job_details": details})
    assert isinstance(failed.value.__cause__, AirflowException)
    assert [(method, path) for method, path, _ in emr.asked] == [("DELETE", CANCEL)]
