"""The keys of a world's ledger are made once, for the owner alone."""

from pathlib import Path

from rehearsal.servers.airflow import ledger_keyring


def test_each_world_has_keys_of_its_own_and_keeps_them(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    keyring = ledger_keyring(one)
    assert ledger_keyring(one) == keyring
    assert ledger_keyring(other).keys != keyring.keys
    assert (one / "ledger-keys.json").stat().st_mode & 0o777 == 0o600
