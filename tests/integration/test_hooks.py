from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.cassandra.node import CassandraNode
    from tests.conftest import SecureNode

WRONG_PASSWORD = "hunter2-in-no-answer-and-no-log"
HOOK_META = "/ui/connections/hook_meta"
TEST = "/api/v2/connections/test"


class Airflow:
    """Airflow's command line and API over a home that nothing else uses. A context manager."""

    def __init__(self, home: Path) -> None:
        self.log = home / "everything.log"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")},
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        }

    def __enter__(self) -> Self:
        self.cli("db", "migrate")
        with self.log.open("a") as log:
            self._api = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("airflow_requests.py"))],
                env={**self.environment, "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        return self

    def __exit__(self, *_error: object) -> None:
        try:
            self._api.communicate(timeout=60)
        finally:
            self._api.kill()

    def cli(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "airflow", *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        assert self._api.stdin
        assert self._api.stdout
        self._api.stdin.write(json.dumps([method, path, body]) + "\n")
        self._api.stdin.flush()
        with self.log.open("a") as log:
            for line in self._api.stdout:
                if line.startswith("ANSWER "):
                    status, answer = json.loads(line.removeprefix("ANSWER "))
                    return status, answer
                log.write(line)
        raise AssertionError(self.log.read_text()[-3000:])

    def test(self, conn_type: str, extra: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
        """Press "Test" in the connection form."""
        body = {"connection_id": "form", "conn_type": conn_type, "extra": json.dumps(extra or {}), **fields}
        status, answer = self.request("POST", TEST, body)
        assert status == 200, answer
        return dict(answer)


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    with Airflow(tmp_path_factory.mktemp("airflow")) as made:
        yield made


class TestForm:
    def test_the_command_line_lists_the_hooks_which_it_has_imported(self, airflow: Airflow) -> None:
        shown = airflow.cli("providers", "hooks", "-o", "json")
        hooks = {row["connection_type"]: row for row in json.loads(shown[shown.index("[") :])}
        assert hooks["apache_cassandra"]["class"] == "keyspaces_provider.hooks.cassandra.CassandraHook"
        assert hooks["amazon_keyspaces"]["class"] == "keyspaces_provider.hooks.keyspaces.KeyspacesHook"
        assert hooks["amazon_keyspaces"]["conn_id_attribute_name"] == "keyspaces_conn_id"

    def test_the_browser_is_given_labels_placeholders_and_extra_fields(self, airflow: Airflow) -> None:
        status, answer = airflow.request("GET", HOOK_META)
        assert status == 200
        forms = {form["connection_type"]: form for form in answer}
        keyspaces = forms["amazon_keyspaces"]
        assert keyspaces["hook_name"] == "Amazon Keyspaces"
        assert keyspaces["standard_fields"]["login"]["title"] == "Service-specific user name"
        assert keyspaces["standard_fields"]["port"]["placeholder"] == "9142"
        assert keyspaces["extra_fields"]["region"]["schema"]["title"] == "AWS Region"
        assert keyspaces["extra_fields"]["tls"]["value"] is True
        cassandra = forms["apache_cassandra"]
        assert cassandra["standard_fields"]["host"]["title"] == "Contact points"
        assert "ONE" in cassandra["extra_fields"]["consistency"]["schema"]["enum"]
        for form in (keyspaces, cassandra):
            for field in form["extra_fields"].values():
                assert field["schema"]["title"]
                assert field["description"]


class TestTestButton:
    def test_cassandra_says_what_it_found(self, airflow: Airflow, cassandra_node: CassandraNode) -> None:
        answer = airflow.test(
            "apache_cassandra", host=f"127.0.0.9, {cassandra_node.host}", port=cassandra_node.port, schema="system"
        )
        assert answer["status"] is True
        assert "cluster 'plain', release 5.0.6, data centre datacenter1, 1 host." in answer["message"]
        assert "Keyspace system is there." in answer["message"]

    def test_keyspaces_on_a_local_node_says_what_it_found_and_what_one_host_means(
        self, airflow: Airflow, cassandra_node: CassandraNode
    ) -> None:
        answer = airflow.test("amazon_keyspaces", {"tls": False}, host=cassandra_node.host, port=cassandra_node.port)
        assert answer["status"] is True
        assert "ec2:DescribeVpcEndpoints" in answer["message"]

    def test_tls_and_password_open_and_the_wrong_password_is_told_without_it(
        self, airflow: Airflow, secure_cassandra_node: SecureNode
    ) -> None:
        node = secure_cassandra_node
        extra = {"tls": True, "ca_certificate_file": str(node.ca_file)}
        fields = {"host": node.host, "port": node.port, "login": node.user}
        good = airflow.test("apache_cassandra", extra, **fields, password=node.password)
        assert good["status"] is True
        bad = airflow.test("apache_cassandra", extra, **fields, password=WRONG_PASSWORD)
        assert bad["status"] is False
        assert f"{node.host}:{node.port}: the store refuses user 'cassandra'" in bad["message"]
        log = airflow.log.read_text()
        assert "Failed to authenticate" in log
        assert WRONG_PASSWORD not in log

    def test_a_wrong_field_is_told_in_the_form(self, airflow: Airflow) -> None:
        answer = airflow.test("apache_cassandra", {"local_dc": "x"}, host="127.0.0.1")
        assert answer["status"] is False
        assert "extra field local_dc is unknown" in answer["message"]

    def test_a_missing_keyspace_is_told_in_the_form(self, airflow: Airflow, cassandra_node: CassandraNode) -> None:
        answer = airflow.test("apache_cassandra", host=cassandra_node.host, port=cassandra_node.port, schema="no_such")
        assert answer["status"] is False
        assert "there is no keyspace no_such" in answer["message"]
