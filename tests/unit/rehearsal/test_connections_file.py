import json
from pathlib import Path

import pytest

from rehearsal.__main__ import main
from rehearsal.servers.connections import ledger_on_postgresql


def test_the_connections_are_printed_as_airflow_imports_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = tmp_path / "ca-bundle.pem"
    url = "postgresql://airflow:p%40ss@postgres/ledger"
    assert main(["connections", "--home", str(tmp_path), "--ledger", url, "--ca-bundle", str(bundle)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {
        "flights_cassandra",
        "flights_keyspaces",
        "flights_snowflake",
        "flights_aws",
        "flights_ledger",
    }
    assert found["flights_ledger"]["conn_type"] == "postgres"
    assert found["flights_ledger"]["password"] == "p@ss"
    assert found["flights_cassandra"]["conn_type"] == "apache_cassandra"
    assert "BEGIN CERTIFICATE" in bundle.read_text()


@pytest.mark.parametrize("url", ["sqlite:////tmp/x.db", "postgresql://host", "postgresql:///ledger", "host/ledger"])
def test_a_ledger_that_is_no_postgresql_database_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="postgresql://"):
        ledger_on_postgresql(url)


def test_a_world_that_nobody_runs_is_not_ready(tmp_path: Path) -> None:
    assert main(["status", "--home", str(tmp_path), "--ready"]) == 1
