from dataclasses import replace
from datetime import timedelta

from keyspaces_migration.config import EventKind
from keyspaces_migration.ledger import Ledger
from keyspaces_migration.ledger.alerts import Alert, AlertLedger
from tests.unit.keyspaces_migration.ledger.conftest import NOW

ALERT = Alert(migration="flights", kind=EventKind.BARRIER_AT_RISK, subject="17", level=1, opened_at=NOW, told_at=NOW)


def test_an_alert_is_there_once_as_it_was_told_last(ledger: Ledger) -> None:
    alerts = AlertLedger(ledger)
    assert alerts.alerts("flights") == ()
    alerts.told(ALERT)
    worse = replace(ALERT, level=2, told_at=NOW + timedelta(hours=1))
    alerts.told(worse)
    alerts.told(replace(ALERT, migration="trains"))
    assert alerts.alerts("flights") == (worse,)


def test_a_closed_alert_is_opened_by_being_told_again(ledger: Ledger) -> None:
    alerts = AlertLedger(ledger)
    alerts.told(ALERT)
    other = replace(ALERT, subject="18")
    alerts.told(other)
    alerts.close(ALERT, now=NOW + timedelta(hours=1))
    assert alerts.alerts("flights") == (replace(ALERT, closed_at=NOW + timedelta(hours=1)), other)
    alerts.told(ALERT)
    assert alerts.alerts("flights") == (ALERT, other)


def test_of_a_barrier_without_a_load_nothing_is_known(ledger: Ledger) -> None:
    assert AlertLedger(ledger).load_under(17, migration="flights") is None
    assert AlertLedger(ledger).letters_since(NOW, migration="flights") == 0
