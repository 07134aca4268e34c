"""`python -m keyspaces_migration.ledger`: what a person does with signatures and keys."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from keyspaces_migration.ledger import Keyring, KeyringError, Ledger, LedgerSignatureError, schema
from keyspaces_migration.ledger.__main__ import main
from keyspaces_migration.ledger.migrate import downgrade, upgrade
from keyspaces_migration.lifecycle import Milestone
from tests.keyring import KEYRING
from tests.unit.keyspaces_migration.ledger.full_ledger import DAG, MIGRATION, NOW, READERS, RUNS, fill

if TYPE_CHECKING:
    from pathlib import Path

TABLES = schema.metadata.tables
# Of two runs: eleven records in chains and two splits, each; and a plan and a result of a repair.
RECORDS = 34
LATER = {"backfill_plans", "repair_plans", "repair_results", "sweeps", "letter_batches", "canary_events"}


@pytest.fixture
def full(ledger: Ledger) -> Ledger:
    fill(ledger)
    return ledger


def run(ledger: Ledger, *arguments: str, keyring: Keyring = KEYRING) -> tuple[str, int]:
    url = ledger.database.address.url.render_as_string(hide_password=False)
    lines, status = main([*arguments], environment={"LEDGER_URL": url, "LEDGER_SECRET_KEYS": keyring.to_json()})
    return "\n".join(lines), status


def test_verify_is_content_with_what_this_software_wrote(full: Ledger) -> None:
    said, status = run(full, "verify")
    assert (f"{RECORDS} records are signed with key tests" in said, status) == (True, 0)


def test_verify_lists_every_bad_record_and_fails(full: Ledger) -> None:
    with full.database.writing() as connection:
        for name in ("approvals", "backfill_splits", "mismatches", "flag_changes"):
            column = {"approvals": "task_id", "backfill_splits": "of", "mismatches": "key"}.get(name, "version")
            value = "x" if column in {"task_id", "key"} else 77
            connection.execute(sa.update(TABLES[name]).values({column: value}))
    said, status = run(full, "verify")
    assert status == 1
    for name, number in (("approvals", 2), ("backfill_splits", 2), ("mismatches", 2), ("flag_changes", 2)):
        assert said.count(f"The ledger's table {name}, ") == number
    assert "Findings: 8." in said


def test_a_key_can_go_once_everything_is_signed_with_another(full: Ledger) -> None:
    both = KEYRING.with_new_key("next", is_current=True)
    only_next = Keyring(current="next", keys={"next": both.keys["next"]})
    assert run(full, "verify", keyring=both)[1] == 0
    assert run(full, "verify", keyring=only_next)[1] == 1
    said, status = run(full, "resign", keyring=both)
    assert (f"{RECORDS} records are signed with key next" in said, status) == (True, 0)
    assert run(full, "verify", keyring=only_next)[1] == 0
    reader = Ledger(full.database.address.url, keyring=only_next)
    for read in READERS.values():
        read(reader)
    with pytest.raises(LedgerSignatureError, match="key 'next', which the keyring does not have"):
        full.milestones(MIGRATION)


def test_nothing_is_signed_anew_while_one_record_is_bad(full: Ledger) -> None:
    with full.database.writing() as connection:
        connection.execute(sa.update(TABLES["mismatches"]).values(key="{}"))
    both = KEYRING.with_new_key("next", is_current=True)
    with pytest.raises(LedgerSignatureError, match="mismatches"):
        run(full, "resign", keyring=both)
    said, _ = run(full, "verify", keyring=both)
    assert f"{RECORDS} records are signed with key tests" in said
    assert "with key next" not in said


def test_records_of_before_signatures_are_signed_when_a_person_says_so(full: Ledger) -> None:
    downgrade(full.database, revision="r0006_provisioning")
    upgrade(full.database)
    for name in READERS.keys() - {"sweeps", "letter_batches", "letters", "canary_events"}:
        with pytest.raises(LedgerSignatureError):
            READERS[name](full)
    listed, status = run(full, "sign")
    assert status == 1
    assert f"{MIGRATION} approvals: " in listed
    assert 'approved_by ["alice", "bob"]' in listed
    assert "sign --yes" in listed
    assert run(full, "verify")[1] == 1
    said, status = run(full, "sign", "--yes")
    # Plans of loads, repairs, sweeps and letters came after signatures, so that none is older.
    assert (f"{RECORDS - len(LATER) * len(RUNS)} records are signed" in said, status) == (True, 0)
    for name in READERS.keys() - LATER - {"letters"}:
        READERS[name](full)
    assert run(full, "verify")[1] == 0
    assert run(full, "sign") == ("There is nothing to sign: no migration is without signatures", 0)


def test_a_ledger_goes_on_after_its_older_records_were_signed(full: Ledger) -> None:
    downgrade(full.database, revision="r0006_provisioning")
    upgrade(full.database)
    run(full, "sign", "--yes")
    fill(full, migration="orders")
    full.add_milestone(Milestone.SNAPSHOT_LOADED, dag_id=DAG, run_id=RUNS[0], reached_at=NOW)
    assert len(full.milestones(MIGRATION)) == 3
    assert run(full, "verify")[1] == 0


def test_a_record_put_in_beside_signed_ones_is_never_signed_by_command(full: Ledger) -> None:
    forged = {"dag_id": DAG, "run_id": RUNS[0], "milestone": Milestone.RETIRED, "reached_at": NOW}
    with full.database.writing() as connection:
        connection.execute(sa.insert(TABLES["milestones"]).values(forged))
    assert run(full, "sign", "--yes")[0].startswith("There is nothing to sign")
    with pytest.raises(LedgerSignatureError, match="not signed"):
        full.milestones(MIGRATION)


def test_signed_records_without_their_counts_are_not_signed_anew(full: Ledger) -> None:
    """Somebody who deletes the counts and some records must not get the rest signed as if it were an old ledger."""
    with full.database.writing() as connection:
        connection.execute(sa.delete(TABLES["chains"]))
    with pytest.raises(LedgerSignatureError, match="how many were written is not there"):
        run(full, "sign", "--yes")


def test_a_new_key_makes_a_keyring_or_comes_beside_those_of_one() -> None:
    (first,), status = main(["new-key", "--id", "a"], environment={})
    assert status == 0
    ring = Keyring.from_json(first)
    assert (ring.current, list(ring.keys)) == ("a", ["a"])
    (more,), _ = main(["new-key", "--id", "b"], environment={"LEDGER_SECRET_KEYS": first})
    assert (Keyring.from_json(more).current, set(Keyring.from_json(more).keys)) == ("a", {"a", "b"})
    (current,), _ = main(["new-key", "--id", "b", "--current"], environment={"LEDGER_SECRET_KEYS": first})
    assert Keyring.from_json(current).current == "b"


def test_secrets_may_be_in_files_and_are_never_arguments(full: Ledger, tmp_path: Path) -> None:
    url, keys = tmp_path / "url", tmp_path / "keys"
    url.write_text(full.database.address.url.render_as_string(hide_password=False) + "\n")
    keys.write_text(KEYRING.to_json() + "\n")
    _, status = main(["verify"], environment={"LEDGER_URL_FILE": str(url), "LEDGER_SECRET_KEYS_FILE": str(keys)})
    assert status == 0
    with pytest.raises(SystemExit):
        main(["verify", "--url", "x"], environment={})


def test_without_keys_the_command_says_where_they_come_from(full: Ledger) -> None:
    url = full.database.address.url.render_as_string(hide_password=False)
    with pytest.raises(KeyringError, match=r"LEDGER_SECRET_KEYS is not set.*keyspaces_ledger_secret_keys"):
        main(["verify"], environment={"LEDGER_URL": url})


def test_the_process_ends_with_the_status_and_shows_no_secret(full: Ledger) -> None:
    with full.database.writing() as connection:
        connection.execute(sa.update(TABLES["approvals"]).values(task_id="x"))
    url = full.database.address.url.render_as_string(hide_password=False)
    environment = {"LEDGER_URL": url, "LEDGER_SECRET_KEYS": KEYRING.to_json()}
    command = [sys.executable, "-m", "keyspaces_migration.ledger", "verify"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 1
    assert "approvals, record 1 of migration flights" in ended.stdout
    assert KEYRING.encoded_keys()["tests"] not in ended.stdout + ended.stderr


def test_parked_letters_are_listed_and_one_is_shown_whole(full: Ledger) -> None:
    listed, status = run(full, "letters", MIGRATION)
    assert status == 0
    assert "one parked weather TIMEOUT too old" in listed
    assert "replayed weather" not in listed
    assert "2 letters of flights are parked" in listed
    shown, status = run(full, "letters", MIGRATION, "--id", "two parked")
    assert status == 0
    assert 'key_json: {"origin":"ŌSA"}' in shown
    assert shown.endswith("{}")
    assert run(full, "letters", MIGRATION, "--id", "one replayed")[1] == 1
    assert run(full, "letters", "unheard-of") == ("0 letters of unheard-of are parked", 0)
