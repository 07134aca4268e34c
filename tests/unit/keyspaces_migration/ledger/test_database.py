import subprocess
import sys
from pathlib import Path

import pytest

from keyspaces_migration.ledger import Ledger, LedgerAddressError, LedgerUnreachableError, database, open_ledger
from keyspaces_migration.ledger.__main__ import main
from keyspaces_migration.ledger.schema import HEAD
from tests.keyring import KEYRING

PASSWORD = "hunter2-%40"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("no url, but " + PASSWORD, "is no database URL"),
        (f"postgresql://user:{PASSWORD}@host:no-port/db", "is no database URL"),
        (f"mysql://user:{PASSWORD}@host/db", "not in 'mysql'"),
        ("sqlite://", "absolute path"),
        ("sqlite:///:memory:", "absolute path"),
        ("sqlite:///relative/ledger.db", "'relative/ledger.db'.*absolute path"),
        (f"postgresql+nodriver://user:{PASSWORD}@host/db", "driver"),
        (f"postgresql+pg8000://user:{PASSWORD}@host/db", "driver that is not installed.*pg8000"),
    ],
)
def test_an_address_that_is_no_ledgers_is_refused_without_repeating_its_password(url: str, message: str) -> None:
    with pytest.raises(LedgerAddressError, match=message) as refused:
        Ledger(url, keyring=KEYRING).milestones("flights")
    assert PASSWORD not in repr(refused.value)
    assert refused.value.__cause__ is None or PASSWORD not in repr(refused.value.__cause__)


def test_a_server_that_does_not_answer_is_unreachable_and_its_password_stays_in() -> None:
    ledger = Ledger(
        f"postgresql+psycopg2://user:{PASSWORD}@127.0.0.1:1/ledger?application_name=secret-{PASSWORD}", keyring=KEYRING
    )
    assert PASSWORD not in repr(ledger)
    with pytest.raises(LedgerUnreachableError, match=r"database ledger on 127\.0\.0\.1:1.*refused") as refused:
        ledger.milestones("flights")
    assert PASSWORD not in str(refused.value)
    assert PASSWORD not in str(refused.value.__cause__)


def test_reading_at_a_mistyped_path_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnreachableError, match=r"typo\.db.*unable to open.*keyspaces_migration\.ledger upgrade"):
        Ledger(f"sqlite:///{tmp_path}/typo.db", keyring=KEYRING).milestones("flights")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_unreachable_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    file.write_text("somebody's notes, long enough to be read as a header by SQLite\n" * 20)
    before = file.read_bytes()
    with pytest.raises(LedgerUnreachableError, match="not a database"):
        open_ledger(f"sqlite:///{file}", keyring=KEYRING)
    assert file.read_bytes() == before


def test_a_path_with_characters_of_urls_is_the_path_that_is_used(tmp_path: Path) -> None:
    file = tmp_path / "led ger%20#&.db"
    assert open_ledger(f"sqlite:///{file}", keyring=KEYRING).milestones("flights") == ()
    assert list(tmp_path.iterdir()) == [file]


def test_a_lock_that_is_held_beyond_patience_is_unreachable_not_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "_BUSY_TIMEOUT_S", 0.2)
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db", keyring=KEYRING)
    with (
        ledger.database.writing(),
        pytest.raises(LedgerUnreachableError, match=r"locked.*fuser"),
        Ledger(f"sqlite:///{tmp_path}/ledger.db", keyring=KEYRING).database.writing(),
    ):
        pytest.fail("two writers at once")


def test_what_a_transaction_wrote_is_gone_when_it_fails(ledger: Ledger) -> None:
    def fail_half_way() -> None:
        with ledger.database.writing() as connection:
            connection.exec_driver_sql("CREATE TABLE half_done (id INTEGER)")
            raise KeyError

    with pytest.raises(KeyError):
        fail_half_way()
    with ledger.database.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE half_done (id INTEGER)")


@pytest.mark.parametrize(("pragma", "value"), [("journal_mode", "wal"), ("foreign_keys", 1), ("synchronous", 2)])
def test_sqlite_is_set_up_to_lose_nothing(tmp_path: Path, pragma: str, value: object) -> None:
    open_ledger(f"sqlite:///{tmp_path}/ledger.db", keyring=KEYRING)
    with Ledger(f"sqlite:///{tmp_path}/ledger.db", keyring=KEYRING).database.reading() as connection:
        assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value


def test_the_command_creates_shows_and_takes_back(empty_url: str) -> None:
    environment = {"LEDGER_URL": empty_url}
    for arguments, schema in ((["upgrade"], HEAD), (["current"], HEAD), (["downgrade", "base"], "none")):
        (line,), status = main(arguments, environment=environment)
        assert (line.endswith(f"schema {schema}"), status) == (True, 0)


def test_the_command_says_what_is_wrong_without_a_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "keyspaces_migration.ledger", "current"]
    url = f"sqlite:///{tmp_path}/missing.db"
    ended = subprocess.run(command, env={"LEDGER_URL": url}, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 1
    assert "unable to open" in ended.stderr
    assert "Traceback" not in ended.stderr
    unset = subprocess.run(command, env={}, capture_output=True, text=True, check=False, timeout=60)
    assert unset.returncode == 1
    assert "LEDGER_URL is not set" in unset.stderr
