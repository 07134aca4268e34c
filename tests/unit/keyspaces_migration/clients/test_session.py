from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from cassandra import WriteType
from cassandra.policies import RetryPolicy
from cassandra.query import SimpleStatement

from keyspaces_migration.clients import DataCenterError, SessionSettings, SessionSettingsError, TlsSettings
from keyspaces_migration.clients.retries import IdempotentRetryPolicy
from keyspaces_migration.clients.session import _check_data_center, _tls_arguments
from keyspaces_migration.clients.tls import ssl_context

if TYPE_CHECKING:
    from pathlib import Path

WRITE_INFO = {"consistency": 6, "required_responses": 2, "received_responses": 0}


def cluster(*data_centers: str) -> SimpleNamespace:
    hosts = [SimpleNamespace(datacenter=name) for name in data_centers]
    return SimpleNamespace(metadata=SimpleNamespace(all_hosts=lambda: hosts))


def test_several_data_centres_without_a_choice_are_refused_with_their_names() -> None:
    settings = SessionSettings(hosts=("db",))
    with pytest.raises(DataCenterError, match=r"several data centres \(east, west\) and the settings name none"):
        _check_data_center(cluster("west", "east", "west"), settings)


def test_several_data_centres_with_a_choice_and_one_without_are_accepted() -> None:
    _check_data_center(cluster("west", "east"), SessionSettings(hosts=("db",), local_data_center="east"))
    _check_data_center(cluster("west", "west"), SessionSettings(hosts=("db",)))


def test_one_name_for_all_nodes_reaches_the_driver_and_no_name_leaves_it_to_the_address() -> None:
    named = SessionSettings(hosts=("db",), tls=TlsSettings(server_hostname="cassandra.test"))
    assert _tls_arguments(named)["ssl_options"] == {"server_hostname": "cassandra.test"}
    assert _tls_arguments(SessionSettings(hosts=("db",), tls=TlsSettings()))["ssl_options"] is None
    assert _tls_arguments(SessionSettings(hosts=("db",))) == {}


@pytest.mark.parametrize("content", ["", "no certificate"])
def test_a_file_of_authorities_without_a_certificate_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "ca.pem"
    path.write_text(content)
    with pytest.raises(SessionSettingsError, match=r"ca\.pem holds no certificate"):
        ssl_context(TlsSettings(ca_file=path))


class TestRetries:
    policy = IdempotentRetryPolicy()

    @pytest.mark.parametrize("statement", [None, SimpleStatement("UPDATE t SET c = c + 1 WHERE k = 1")])
    def test_what_may_have_run_is_not_sent_again(self, statement: SimpleStatement | None) -> None:
        lost = self.policy.on_request_error(statement, 6, error=OSError(), retry_num=0)
        late = self.policy.on_write_timeout(statement, retry_num=0, write_type=WriteType.BATCH_LOG, **WRITE_INFO)
        assert lost == late == (RetryPolicy.RETHROW, None)

    def test_what_is_idempotent_is_sent_again_once(self) -> None:
        statement = SimpleStatement("SELECT * FROM t", is_idempotent=True)
        again = self.policy.on_request_error(statement, 6, error=OSError(), retry_num=0)
        never = self.policy.on_request_error(statement, 6, error=OSError(), retry_num=1)
        batch = self.policy.on_write_timeout(statement, retry_num=0, write_type=WriteType.BATCH_LOG, **WRITE_INFO)
        simple = self.policy.on_write_timeout(statement, retry_num=0, write_type=WriteType.SIMPLE, **WRITE_INFO)
        assert again == (RetryPolicy.RETRY_NEXT_HOST, None)
        assert never == simple == (RetryPolicy.RETHROW, None)
        assert batch == (RetryPolicy.RETRY, 6)
