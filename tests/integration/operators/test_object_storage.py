"""Answers that go to S3: to the stand-in's, through Airflow's own object storage and an AWS connection."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from airflow.sdk import ObjectStoragePath

from keyspaces_provider.object_files import OutputNotWrittenError
from keyspaces_provider.operators.cql import KeyspacesOperator
from keyspaces_provider.operators.export_table import ExportTableOperator
from keyspaces_provider.transfers.snowflake_to_table import SnowflakeToKeyspacesOperator
from rehearsal.ports import free_ports
from tests.integration.operators.conftest import KEYSPACES, SNOWFLAKE, connection

if TYPE_CHECKING:
    from cassandra.cluster import Session

    from rehearsal.servers.aws import AwsStandIn

S3, LOST_S3 = "my_s3", "my_lost_s3"
ROWS = 250


@pytest.fixture(scope="module")
def s3(aws_stand_in: AwsStandIn) -> Any:
    return aws_stand_in.client("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"b{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(autouse=True)
def to_the_stand_in(
    aws_stand_in: AwsStandIn, snowflake_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = {"region_name": "us-east-1", "endpoint_url": aws_stand_in.endpoint_url}
    monkeypatch.setenv(*connection(S3, conn_type="aws", login="test", password="test", extra=extra))
    for name, value in snowflake_environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def table(session: Session, keyspace: str) -> str:
    session.execute(f"CREATE TABLE {keyspace}.to_s3 (k int PRIMARY KEY, v text)")
    for number in range(ROWS):
        session.execute(f"INSERT INTO {keyspace}.to_s3 (k, v) VALUES ({number}, 'v{number}')")
    return "to_s3"


def read(keyspace: str, table: str, path: str, conn_id: str = S3) -> KeyspacesOperator:
    return KeyspacesOperator(
        task_id="read",
        keyspaces_conn_id=KEYSPACES,
        cql=f"SELECT k, v FROM {keyspace}.{table}",
        output_path=path,
        output_conn_id=conn_id,
    )


def parquet(path: str) -> dict[int, str]:
    return {row["k"]: row["v"] for row in rows_of(path)}


def rows_of(path: str) -> list[dict[str, Any]]:
    opening: Any = ObjectStoragePath(path, conn_id=S3).open  # universal_pathlib does not type it
    with opening("rb") as file:
        found: list[dict[str, Any]] = pq.read_table(file).to_pylist()
    return found


def export(keyspace: str, table: str, path: str, conn_id: str = S3) -> ExportTableOperator:
    return ExportTableOperator(
        task_id="export", conn_id=KEYSPACES, keyspace=keyspace, table=table, output_path=path, output_conn_id=conn_id
    )


def copy(keyspace: str, table: str, path: str, conn_id: str = S3) -> SnowflakeToKeyspacesOperator:
    """Of a row that can't be written."""
    return SnowflakeToKeyspacesOperator(
        task_id="copy",
        snowflake_conn_id=SNOWFLAKE,
        keyspaces_conn_id=KEYSPACES,
        keyspace=keyspace,
        table=table,
        sql="SELECT 'no number' AS K, 'v' AS V",
        refused_path=path,
        refused_conn_id=conn_id,
    )


WRITERS = {"answer": read, "export": export, "refused rows": copy}


def test_many_rows_are_a_file_in_the_bucket(keyspace: str, table: str, bucket: str) -> None:
    returned = read(keyspace, table, f"s3://{bucket}/some/folder/rows.parquet").execute({})
    assert returned["row_count"] == ROWS
    assert parquet(returned["path"]) == {number: f"v{number}" for number in range(ROWS)}


def test_a_file_of_that_name_is_replaced(keyspace: str, table: str, bucket: str, s3: Any) -> None:
    s3.put_object(Bucket=bucket, Key="rows.parquet", Body=b"old" * 100_000)
    returned = read(keyspace, table, f"s3://{bucket}/rows.parquet").execute({})
    assert len(parquet(returned["path"])) == ROWS


def test_an_export_is_files_in_the_bucket(keyspace: str, table: str, bucket: str) -> None:
    (file,) = export(keyspace, table, f"s3://{bucket}/export").execute({})["files"]
    # Airflow's own form: whoever makes an ObjectStoragePath of it has the connection too.
    assert file == {"path": f"s3://{S3}@{bucket}/export/{table}.parquet", "row_count": ROWS}
    assert parquet(file["path"]) == {number: f"v{number}" for number in range(ROWS)}


def test_rows_that_a_copy_refuses_are_a_file_in_the_bucket(keyspace: str, table: str, bucket: str) -> None:
    returned = copy(keyspace, table, f"s3://{bucket}/refused.parquet").execute({})
    assert (returned["written"], returned["refused"]) == (0, 1)
    (row,) = rows_of(f"s3://{bucket}/refused.parquet")
    assert "no number" in str(row)


@pytest.mark.parametrize("writer", WRITERS)
def test_a_bucket_that_is_not_there_is_named_and_not_made(keyspace: str, table: str, s3: Any, writer: str) -> None:
    name = f"mistyped-{uuid.uuid4().hex[:8]}"
    with pytest.raises(OutputNotWrittenError, match=rf"{name}.*Check the path and the rights of its connection"):
        WRITERS[writer](keyspace, table, f"s3://{name}/rows.parquet").execute({})
    assert name not in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_store_of_objects_that_is_not_there(
    keyspace: str, table: str, writer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    retries = {"retries": {"total_max_attempts": 1}}
    extra = {"region_name": "us-east-1", "endpoint_url": url, "config_kwargs": retries}
    monkeypatch.setenv(*connection(LOST_S3, conn_type="aws", login="test", password="test", extra=extra))
    with pytest.raises(OutputNotWrittenError, match=r"away/.*Could not connect.*Check the path") as caught:
        WRITERS[writer](keyspace, table, "s3://away/rows.parquet", LOST_S3).execute({})
    (note,) = caught.value.__notes__
    assert "could not be removed" in note
