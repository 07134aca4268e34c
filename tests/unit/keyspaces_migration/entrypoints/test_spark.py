"""What a Spark job is told, and where it finds its secrets."""

from __future__ import annotations

import json
import os
import pickle
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.entrypoints.secret_model import SecretError
from keyspaces_migration.entrypoints.spark_backfill import main
from keyspaces_migration.entrypoints.spark_process import SparkProcess
from keyspaces_migration.entrypoints.spark_secrets import SecretsFile
from keyspaces_migration.entrypoints.spark_submission import SparkMissingError, SparkRun, spark_environment, spark_home
from keyspaces_migration.entrypoints.spark_worker import LOADED, LOADED_DDL, SparkJob, unloaded_storage
from tests.keyring import KEYRING

if TYPE_CHECKING:
    from collections.abc import Callable

FULL = Path(__file__).parents[1] / "config" / "full.yaml"
HIDDEN = "hunter2-hunter2"
CONTENT: dict[str, Any] = {
    "target": {"hosts": ["10.0.0.1"], "username": "loader", "password": HIDDEN},
    "history": {"account": "org-account", "user": "loader", "password": HIDDEN},
    "ledger": {"url": f"postgresql://loader:{HIDDEN}@10.0.0.2/ledger", "secret_keys": json.loads(KEYRING.to_json())},
}


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    def written(content: dict[str, Any] = CONTENT, *, mode: int = 0o600) -> Path:
        path = tmp_path / "secrets.json"
        path.write_text(json.dumps(content))
        path.chmod(mode)
        return path

    return written


def local() -> SparkRun:
    content = json.loads(load_migration(FULL).canonical_json())
    content["backfill"]["spark"] = {"spark_submit": {}, "executors": 2, "cores_per_executor": 2}
    return SparkRun.of(Migration.from_canonical_json(json.dumps(content)), dag_id="d", run_id="manual__2026")


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_that_its_owner_alone_may_read_is_read(file: Callable[..., Path], mode: int) -> None:
    read = SecretsFile(path=file(mode=mode)).read()
    assert read.history.arguments()["password"] == HIDDEN
    assert read.ledger.is_of_one_machine is False
    assert HIDDEN not in repr(read)
    assert KEYRING.encoded_keys()["tests"] not in repr(read)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_a_file_that_others_may_use_is_refused(file: Callable[..., Path], mode: int) -> None:
    with pytest.raises(SecretError, match=f"has mode {mode:04o}; allowed: 0600 or 0400"):
        SecretsFile(path=file(mode=mode)).read()


def test_a_file_with_something_else_is_refused_without_a_word_of_it(file: Callable[..., Path]) -> None:
    with pytest.raises(SecretError, match="ledger") as refused:
        SecretsFile(path=file({**CONTENT, "ledger": {"url": HIDDEN}})).read()
    assert HIDDEN not in str(refused.value)
    with pytest.raises(SecretError, match="can't be read: FileNotFoundError"):
        SecretsFile(path=Path("/nowhere/secrets.json")).read()


def test_a_job_holds_the_place_of_its_secrets_and_none_of_them(file: Callable[..., Path]) -> None:
    place = SecretsFile(path=file())
    job = SparkJob(dag_id="d", run_id="r", application="local-1", secrets=place, lease=timedelta(minutes=5))
    pickled = pickle.dumps(job)
    assert pickle.loads(pickled) == job  # noqa: S301 # our own bytes
    assert HIDDEN.encode() not in pickled


def test_a_worker_keeps_its_name_when_its_task_is_tried_again_and_shares_it_with_no_other() -> None:
    job = SparkJob(
        dag_id="d", run_id="r", application="a-1", secrets=SecretsFile(path=Path("x")), lease=timedelta(minutes=5)
    )
    other = replace(job, application="a-2")
    assert job.worker(0) == job.worker(0)
    assert len({job.worker(0), job.worker(1), other.worker(0), other.worker(1)}) == 4


def test_spark_and_arrow_agree_on_what_a_worker_tells() -> None:
    spark = {"string": "string", "int": "int32", "long": "int64", "double": "double"}
    told = [part.split(" ") for part in LOADED_DDL.split(", ")]
    assert [(name, spark[kind]) for name, kind in told] == [(field.name, str(field.type)) for field in LOADED]


def test_the_command_of_one_machine_names_a_file_and_binds_to_loopback(tmp_path: Path) -> None:
    home = spark_home({})
    command = local().submit_command(spark_home=home, secrets_file=tmp_path / "secrets.json")
    assert Path(command[0]).name == "spark-submit"
    assert command[1:3] == ["--master", "local[4]"]
    assert "spark.driver.bindAddress=127.0.0.1" in command
    assert "spark.speculation=false" in command
    script = next(index for index, part in enumerate(command) if part.endswith("spark_backfill.py"))
    assert Path(command[script]).is_file()
    assert command[script + 1 :] == [
        *("--dag-id", "d", "--run-id", "manual__2026", "--workers", "4"),
        *("--secrets-file", str(tmp_path / "secrets.json")),
    ]


def test_a_machine_without_spark_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(SparkMissingError, match="keyspaces-migration\\[spark\\]"):
        local().submit_command(spark_home=tmp_path, secrets_file=None)


def test_spark_is_given_none_of_airflows_settings() -> None:
    given = {"AIRFLOW_CONN_LEDGER": HIDDEN, "AIRFLOW__CORE__FERNET_KEY": HIDDEN, "PATH": "/bin", "SPARK_HOME": "/x"}
    made = spark_environment(given, home=Path("/opt/spark"))
    assert HIDDEN not in made.values()
    assert (made["PATH"], made["SPARK_HOME"], made["PYSPARK_PYTHON"]) == ("/bin", "/opt/spark", sys.executable)


@pytest.mark.parametrize(
    "place",
    [[], ["--secrets-region", "us-east-1", "--target-secret", "t"], ["--secrets-file", "x", "--target-secret", "t"]],
    ids=["nowhere", "half of the names", "both"],
)
def test_a_command_line_that_does_not_say_where_secrets_are_is_refused(place: list[str]) -> None:
    with pytest.raises(SecretError, match="does not say where the secrets are"):
        main(["--dag-id", "d", "--run-id", "r", "--workers", "1", *place])


def test_a_load_after_the_barrier_needs_to_see_what_applications_delete(file: Callable[..., Path]) -> None:
    with pytest.raises(SecretError, match=r"backfill\.spark\.secrets\.source"):
        SecretsFile(path=file()).read().source_after_barrier()
    source = SecretsFile(path=file({**CONTENT, "source": {"hosts": ["10.0.0.3"]}})).read().source_after_barrier()
    assert source.hosts == ("10.0.0.3",)


def test_the_name_of_the_sources_secret_is_handed_on_where_there_is_one() -> None:
    content = json.loads(load_migration(FULL).canonical_json())
    named = SparkRun.of(Migration.from_canonical_json(json.dumps(content)), dag_id="d", run_id="r").arguments()
    assert named[-2:] == ["--source-secret", "orders/source"]
    content["backfill"]["spark"]["secrets"]["source"] = None
    without = SparkRun.of(Migration.from_canonical_json(json.dumps(content)), dag_id="d", run_id="r").arguments()
    assert named[:-2] == without


def test_unloaded_files_are_read_without_airflows_connection(tmp_path: Path) -> None:
    storage = unloaded_storage(str(tmp_path))
    storage.write("a.json", b"{}")
    assert storage.read("a.json") == b"{}"
    assert unloaded_storage("s3://history_files@bucket/unloaded").root == "bucket/unloaded"


FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


def test_stopping_a_submission_ends_the_children_of_its_process_too() -> None:
    lines: list[str] = []
    told = threading.Event()

    def report(line: str) -> None:
        lines.append(line)
        told.set()

    process = SparkProcess([sys.executable, "-c", FAMILY], environment=os.environ, report=report)
    running = threading.Thread(target=process.run)
    running.start()
    assert told.wait(timeout=60)
    child = psutil.Process(int(lines[0]))
    process.stop()
    running.join(timeout=60)
    assert not running.is_alive()
    assert psutil.wait_procs([child], timeout=60)[1] == []


def test_the_exit_status_and_every_line_are_handed_on() -> None:
    lines: list[str] = []
    script = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    process = SparkProcess([sys.executable, "-c", script], environment=os.environ, report=lines.append)
    assert process.run() == 3
    assert sorted(lines) == ["err", "out"]
