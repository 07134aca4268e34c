"""The handler's errors; what it does with real stores is in tests/integration/test_comparison_lambda.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from keyspaces_migration.consistency.split import CallTooLongError
from keyspaces_migration.entrypoints.comparison import handler, read_secrets
from keyspaces_migration.entrypoints.comparison_event import EventError
from keyspaces_migration.entrypoints.comparison_results_store import ResultNotLeftError
from keyspaces_migration.entrypoints.secret_model import SecretError
from keyspaces_migration.entrypoints.secrets_manager import SecretUnreadError
from rehearsal.ports import free_ports
from tests.unit.keyspaces_migration.entrypoints.test_comparison_event import SECRET, event

ROOT = Path(__file__).parents[4]
VARIABLES = ("SOURCE_SECRET", "TARGET_SECRET", "HISTORY_SECRET")


@pytest.fixture
def no_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS at an address where nobody listens."""
    given = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_ports(1)[0]}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
        "NO_PROXY": "127.0.0.1",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)


def test_a_bad_event_is_refused_before_any_secret_is_read(no_aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert no_aws is None
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(EventError, match="version: Field required"):
        handler({}, None)


def test_a_variable_that_names_no_secret_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("RESULTS", "s3://bucket/results")
    with pytest.raises(SecretError, match="SOURCE_SECRET is not set"):
        handler(event(), None)


def test_why_a_result_can_not_be_left_is_logged_and_the_first_error_goes_on(
    no_aws: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert no_aws is None
    monkeypatch.setenv("RESULTS", "s3://bucket/results")
    for name in VARIABLES:
        monkeypatch.setenv(name, "shop/source")
    with pytest.raises(SecretUnreadError):
        handler(event(), None)
    assert "could not be left" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("address", [None, "", "bucket/results"])
def test_a_function_without_a_place_for_results_looks_at_nothing(
    monkeypatch: pytest.MonkeyPatch, address: str | None
) -> None:
    monkeypatch.delenv("RESULTS", raising=False)
    if address is not None:
        monkeypatch.setenv("RESULTS", address)
    with pytest.raises(ResultNotLeftError, match=r"Set comparison_lambda\.results"):
        handler(event(), None)


def test_a_whole_table_that_does_not_fit_into_one_call_is_not_begun(
    no_aws: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert no_aws is None
    monkeypatch.setenv("RESULTS", "s3://bucket/results")
    with pytest.raises(CallTooLongError, match="would not end in one call of 900 s at 70 read units a second"):
        handler(event(share={"part": 0, "parts": 1}, sweep=None), None)


def test_a_secrets_manager_that_does_not_answer_is_an_error_and_no_verdict(no_aws: None) -> None:
    assert no_aws is None
    with pytest.raises(SecretUnreadError, match="Secret shop/source could not be read"):
        read_secrets(dict.fromkeys(VARIABLES, "shop/source"))


def test_lambda_is_spared_airflow_pulumi_and_the_ledger() -> None:
    unwanted = "{'airflow', 'pulumi', 'pulumi_aws', 'sqlalchemy', 'keyspaces_provider', 'keyspaces_infra'}"
    code = f"import sys, keyspaces_migration.entrypoints.comparison; print(sorted({unwanted} & sys.modules.keys()))"
    answer = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "plugins")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "[]"
