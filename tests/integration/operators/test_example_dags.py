"""Every example DAG runs, twice, on local Keyspaces and its control plane; the second run finds all as it left it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassandra.cluster import Session
    from snowflake.connector.cursor import SnowflakeCursor

    from rehearsal.local_keyspaces.node import LocalKeyspacesNode

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "example_dags").glob("*.py"))
TABLES = (
    "orders (customer bigint, placed timestamp, total decimal, PRIMARY KEY (customer, placed))",
    "carts (cart text PRIMARY KEY, items list<text>)",
    "customers (customer bigint PRIMARY KEY, name text)",
    "visits (day date, visit int, PRIMARY KEY (day, visit))",
    "sales (customer bigint, sold timestamp, amount decimal, tags set<text>, PRIMARY KEY (customer, sold))",
    "purchases (customer bigint PRIMARY KEY, purchases int) WITH CUSTOM_PROPERTIES = {'ttl': {'status': 'enabled'}}",
)
CUSTOMERS = 50


@pytest.fixture(scope="module")
def shop(session: Session, client: Any) -> Iterator[str]:
    client.create_keyspace(keyspaceName="shop")
    for table in TABLES:
        session.execute(f"CREATE TABLE shop.{table}")
    for n in range(CUSTOMERS):
        session.execute(f"INSERT INTO shop.customers (customer, name) VALUES ({n}, 'n{n}')")
    for n in range(12):
        session.execute(f"INSERT INTO shop.visits (day, visit) VALUES ('2026-11-01', {n})")
    yield "shop"
    session.execute("DROP KEYSPACE shop")


@pytest.fixture(scope="module")
def shop_and_sales(shop: str, snowflake_cursor: SnowflakeCursor) -> None:
    """Thirty sales of a day in Snowflake, one of them without a customer, and one of the next day."""
    del shop
    snowflake_cursor.execute(
        "CREATE TABLE SALES (CUSTOMER NUMBER, SOLD_AT TIMESTAMP_NTZ, AMOUNT NUMBER(12, 2), TAGS ARRAY)"
    )
    snowflake_cursor.execute(
        "INSERT INTO SALES SELECT CASE WHEN I = 29 THEN NULL ELSE I END, "
        "DATEADD(MINUTE, I, '2026-11-01 12:00:00'::TIMESTAMP_NTZ), I + 0.25, ARRAY_CONSTRUCT('a', 'b') "
        "FROM (SELECT ROW_NUMBER() OVER (ORDER BY 1) - 1 AS I FROM TABLE(GENERATOR(ROWCOUNT => 30)))"
    )
    snowflake_cursor.execute("INSERT INTO SALES SELECT 1, '2026-11-02 00:00:00'::TIMESTAMP_NTZ, 1, NULL")


@pytest.fixture(scope="module")
def runs(
    shop_and_sales: None,
    environment: dict[str, str],
    snowflake_environment: dict[str, str],
    local_keyspaces: LocalKeyspacesNode,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, list[dict[str, Any]]]:
    """What became of each DAG, both times. Changes of the schema take a second meanwhile."""
    del shop_and_sales
    home = tmp_path_factory.mktemp("example-dags")
    airflow = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
        **environment,
        **snowflake_environment,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "example_dags"),
    }
    done(["-m", "airflow", "db", "migrate"], airflow)
    local_keyspaces.admin.change_settings(ddl_delay_ms=1_000)
    try:
        conf = json.dumps({"folder": f"file://{home}/out"})
        said = done([str(Path(__file__).with_name("run_dags.py")), conf, *map(str, FILES)], airflow)
    finally:
        local_keyspaces.admin.change_settings(ddl_delay_ms=0)
    found: dict[str, list[dict[str, Any]]] = {}
    for line in said.splitlines():
        if line.startswith("RAN "):
            run = json.loads(line.removeprefix("RAN "))
            found.setdefault(run["dag_id"], []).append(run)
    return found


def done(arguments: list[str], environment: dict[str, str]) -> str:
    command = [sys.executable, *arguments]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=500)
    assert ended.returncode == 0, (ended.stdout + ended.stderr)[-6000:]
    return ended.stdout


def returned(run: dict[str, Any], task_id: str) -> Any:
    assert run["state"] == "success", run
    return next(task["returned"] for task in run["tasks"] if task["task_id"] == task_id)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_succeeds_both_times(runs: dict[str, list[dict[str, Any]]], file: Path) -> None:
    mine = runs[f"example_{file.stem}"]
    assert [run["state"] for run in mine] == ["success", "success"], mine
    assert all(task["state"] == "success" for run in mine for task in run["tasks"])


def test_batches_and_few_rows(runs: dict[str, list[dict[str, Any]]]) -> None:
    for run in runs["example_cassandra_operator"]:
        assert returned(run, "write") == {"statements": 28, "requests": 1, "conditions_not_met": 0}
        read = returned(run, "read")
        assert read["columns"] == {"placed": "timestamp", "total": "decimal"}
        assert read["rows"][0] == {"placed": "2026-11-01T12:00:00.000Z", "total": "1"}
        assert (read["row_count"], read["path"]) == (3, None)


def test_many_rows_go_to_a_file(runs: dict[str, list[dict[str, Any]]]) -> None:
    for run in runs["example_keyspaces_operator"]:
        read = returned(run, "read")
        assert (read["row_count"], read["rows"]) == (5, None)
        table = pq.read_table(read["path"].removeprefix("file://")).to_pylist()
        assert {row["cart"]: len(row["items"]) for row in table} == {f"cart-{n}": n for n in range(1, 6)}


def test_the_parts_of_an_export_are_the_table(runs: dict[str, list[dict[str, Any]]]) -> None:
    for run in runs["example_export_table"]:
        files = [file for task in run["tasks"] for file in task["returned"]["files"]]
        assert len(files) == 4
        tables = [pq.read_table(file["path"].removeprefix("file://"))["customer"].to_pylist() for file in files]
        assert [len(each) for each in tables] == [file["row_count"] for file in files]
        assert sorted(customer for each in tables for customer in each) == list(range(CUSTOMERS))


def test_a_query_is_copied_and_what_can_not_be_written_is_in_a_file(
    runs: dict[str, list[dict[str, Any]]], session: Session
) -> None:
    for run in runs["example_snowflake_to_keyspaces"]:
        copied = returned(run, "copy")
        assert (copied["read"], copied["written"], copied["refused"]) == (30, 29, 1)
        (refused,) = pq.read_table(copied["refused_path"].removeprefix("file://")).to_pylist()
        assert (refused["column"], refused["reason"]) == ("customer", "part of the key, and null")
    for run in runs["example_snowflake_to_cassandra"]:
        assert returned(run, "copy") == {"read": 19, "written": 19, "refused": 0, "refused_path": None}
    rows = {row.customer: row for row in session.execute("SELECT * FROM shop.sales")}
    assert set(rows) == set(range(29))
    assert (str(rows[7].amount), set(rows[7].tags)) == ("7.25", {"a", "b"})
    assert rows[7].sold.isoformat() == "2026-11-01T12:07:00"


def test_the_sensor_counts_no_further_than_asked(runs: dict[str, list[dict[str, Any]]]) -> None:
    assert [returned(run, "enough_visits") for run in runs["example_cql_rows_sensor"]] == [10, 10]


@pytest.mark.parametrize(
    ("dag", "task"),
    [
        ("create_table", "create"),
        ("add_columns", "add_columns"),
        ("capacity", "provision"),
        ("warm_throughput", "warm"),
    ],
)
def test_a_table_is_changed_once(runs: dict[str, list[dict[str, Any]]], dag: str, task: str) -> None:
    assert [returned(run, task)["changed"] for run in runs[f"example_keyspaces_{dag}"]] == [True, False]


@pytest.mark.usefixtures("runs")
def test_aws_has_what_was_asked_for(client: Any) -> None:
    returns = client.get_table(keyspaceName="shop", tableName="returns")
    assert returns["schemaDefinition"]["clusteringKeys"] == [{"name": "returned", "orderBy": "DESC"}]
    assert returns["ttl"] == returns["clientSideTimestamps"] == {"status": "ENABLED"}
    names = {
        column["name"]
        for column in client.get_table(keyspaceName="shop", tableName="customers")["schemaDefinition"]["allColumns"]
    }
    assert names == {"customer", "name", "email", "phones"}
    capacity = client.get_table(keyspaceName="shop", tableName="carts")["capacitySpecification"]
    assert (capacity["readCapacityUnits"], capacity["writeCapacityUnits"]) == (10, 20)
    warm = client.get_table(keyspaceName="shop", tableName="visits")["warmThroughputSpecification"]
    assert (warm["writeUnitsPerSecond"], warm["status"]) == (20_000, "AVAILABLE")
