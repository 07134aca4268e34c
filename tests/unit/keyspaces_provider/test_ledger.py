import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Connection
from airflow.sdk._shared.secrets_masker import redact
from sqlalchemy import make_url

from keyspaces_migration.ledger import KeyringError, LedgerAddressError
from keyspaces_provider.ledger import ledger_from_connection, ledger_keyring, ledger_url
from tests.keyring import VARIABLE, other_keyring
from tests.postgresql import Postgresql

PASSWORD = "p@ss/w%rd"
LOCAL = "LocalExecutor"


def connection(**fields: Any) -> Connection:
    return Connection(conn_id="flights_ledger", **fields)


def test_a_postgres_connection_becomes_its_url() -> None:
    url = ledger_url(
        connection(
            conn_type="postgres",
            host="db.internal",
            port=5433,
            login="migrator",
            password=PASSWORD,
            schema="ledger",
            extra=json.dumps({"sslmode": "verify-full", "keepalives_idle": 30}),
        ),
        executors="CeleryExecutor",
    )
    assert (url.get_backend_name(), url.host, url.port, url.database) == ("postgresql", "db.internal", 5433, "ledger")
    assert (url.username, url.password) == ("migrator", PASSWORD)
    assert url.query == {"sslmode": "verify-full", "keepalives_idle": "30"}


@pytest.mark.parametrize(
    "fields",
    [
        {"host": "/data/ledger.db"},
        {"uri": "sqlite:///data/ledger.db"},
        {"uri": "sqlite:////data/ledger.db"},
        {"uri": "sqlite://%2Fdata%2Fledger.db"},
    ],
)
def test_each_way_in_which_airflow_writes_an_absolute_path_leads_to_that_file(fields: dict[str, str]) -> None:
    given = connection(**fields) if "uri" in fields else connection(conn_type="sqlite", **fields)
    assert ledger_url(given, executors=LOCAL).database == "/data/ledger.db"


@pytest.mark.parametrize("fields", [{}, {"host": "ledger.db"}, {"host": "data", "schema": "ledger.db"}, {"host": "/"}])
def test_an_sqlite_file_without_an_absolute_path_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(LedgerAddressError, match=r"'flights_ledger'.*absolute path"):
        ledger_url(connection(conn_type="sqlite", **fields), executors=LOCAL)


@pytest.mark.parametrize(
    "executors",
    [
        "CeleryExecutor",
        "KubernetesExecutor",
        "LocalExecutor,CeleryExecutor",
        "CeleryExecutor, LocalExecutor",
        "LocalExecutor;team_a=CeleryExecutor",
        "LocalExecutor:my.executors.RemoteExecutor",
        "company.executors.LocalExecutor",
        "",
    ],
)
def test_sqlite_is_refused_where_tasks_may_run_on_another_machine(executors: str) -> None:
    with pytest.raises(LedgerAddressError, match="other machines would each write a file of their own") as refused:
        ledger_url(connection(conn_type="sqlite", host="/data/ledger.db"), executors=executors)
    assert repr(executors) in str(refused.value)


@pytest.mark.parametrize(
    "executors",
    [
        "LocalExecutor",
        " LocalExecutor ",
        "airflow.executors.local_executor.LocalExecutor",
        "mine:LocalExecutor",
        "LocalExecutor;team_a=LocalExecutor",
    ],
)
def test_sqlite_serves_where_every_task_runs_on_one_machine(executors: str) -> None:
    url = ledger_url(connection(conn_type="sqlite", host="/data/ledger.db"), executors=executors)
    assert url.get_backend_name() == "sqlite"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"conn_type": "mysql", "schema": "ledger"}, "has type 'mysql'.*postgres"),
        ({"conn_type": "postgres"}, "names no database"),
        ({"conn_type": "postgres", "schema": "ledger", "extra": f'{{"iam": "{PASSWORD}"}}'}, "in its extra iam"),
    ],
)
def test_a_connection_that_leads_to_no_ledger_is_refused_without_its_secrets(
    fields: dict[str, str], message: str
) -> None:
    with pytest.raises(LedgerAddressError, match=message) as refused:
        ledger_url(connection(password=PASSWORD, **fields), executors=LOCAL)
    assert PASSWORD not in str(refused.value)


def test_the_ledger_behind_a_connection_of_airflow_is_there_to_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS_LEDGER", f"sqlite://{tmp_path}/ledger.db")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    assert ledger_from_connection("flights_ledger").milestones("flights") == ()
    assert (tmp_path / "ledger.db").is_file()


def test_airflow_configured_for_more_machines_makes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS_LEDGER", f"sqlite://{tmp_path}/ledger.db")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor,CeleryExecutor")
    with pytest.raises(LedgerAddressError, match="CeleryExecutor"):
        ledger_from_connection("flights_ledger")
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_on_a_real_postgresql_is_reached_through_a_connection(
    postgresql: Postgresql, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = make_url(postgresql.new_database()).database
    fields = {"conn_type": "postgres", "host": str(postgresql.socket), "login": "postgres", "schema": database}
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS_LEDGER", json.dumps(fields))
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    ledger = ledger_from_connection("flights_ledger")
    assert ledger.milestones("flights") == ()
    assert not ledger.database.address.is_sqlite


def test_the_ledger_has_the_keys_of_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS_LEDGER", f"sqlite://{tmp_path}/ledger.db")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    monkeypatch.setenv(VARIABLE, other_keyring("mine").to_json())
    assert ledger_from_connection("flights_ledger").chains.seals.current_key == "mine"


def test_without_the_variable_nothing_is_opened_and_the_message_says_how_to_make_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS_LEDGER", f"sqlite://{tmp_path}/ledger.db")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(KeyringError, match=r"no variable keyspaces_ledger_secret_keys.*ledger new-key"):
        ledger_from_connection("flights_ledger")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("held", ["", "hunter2hunter2", '{"current": "a", "keys": {"a": "aHVudGVyMg=="}}'])
def test_a_variable_with_no_strong_key_is_refused_without_its_secrets(
    monkeypatch: pytest.MonkeyPatch, held: str
) -> None:
    monkeypatch.setenv(VARIABLE, held)
    with pytest.raises(KeyringError, match="new-key") as refused:
        ledger_keyring()
    assert "hunter2" not in str(refused.value)
    assert "aHVudGVyMg" not in str(refused.value)


def test_the_keys_are_masked_in_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = other_keyring("masked")
    monkeypatch.setenv(VARIABLE, keyring.to_json())
    encoded = keyring.encoded_keys()["masked"]
    ledger_keyring()
    assert encoded not in redact(f"the key is {encoded}, the secret {keyring.to_json()}")


def test_importing_the_adapter_brings_no_database_library() -> None:
    code = "import sys; import airflow.sdk; before = set(sys.modules); import keyspaces_provider.ledger; "
    code += "sys.exit(' '.join({'sqlalchemy', 'alembic', 'keyspaces_migration.ledger'} & (set(sys.modules) - before)))"
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)
    assert ended.stderr.strip().splitlines()[-1:] in ([], [""]), ended.stderr
