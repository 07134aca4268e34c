"""What a rehearsal prints at its end, from its ledger."""

from pathlib import Path

from rich.console import Console

from keyspaces_migration.ledger import open_ledger
from keyspaces_migration.lifecycle import Stage
from rehearsal.servers.airflow import ledger_keyring
from rehearsal.summary import summary
from tests.unit.keyspaces_migration.status.a_ledger import Recorder


def test_it_tells_where_the_migration_stands_and_what_was_reached_and_approved(tmp_path: Path) -> None:
    (tmp_path / "ledger").mkdir()
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger' / 'ledger.db'}", keyring=ledger_keyring(tmp_path))
    recorder = Recorder(ledger=ledger)
    recorder.until_ready()
    recorder.run(Stage.CUTOVER)
    recorder.approve(Stage.CUTOVER)
    console = Console(record=True, width=200, quiet=False, file=(tmp_path / "out").open("w"))
    console.print(summary(tmp_path, "flights"))
    said = console.export_text()
    for expected in (
        "Writes go to both stores; the source leads",
        "backfill_complete (flights.historical_backfill)",
        "act of flights.cutover by admin",
        "0 replayed, 0 parked, 0 closed",
        "lossless at any time",
    ):
        assert expected in said
