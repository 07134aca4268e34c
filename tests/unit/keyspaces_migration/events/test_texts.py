"""What messages say: each kind has its texts and its runbook page, and what happened can't break out of them."""

from pathlib import Path

import pytest

from keyspaces_migration.config import EventKind, Migration, Severity, load_migration
from keyspaces_migration.events import WORDINGS, Place, failed_task, happening
from keyspaces_migration.events.event import MAX_TEXT
from keyspaces_migration.lifecycle import Stage

ROOT = Path(__file__).parents[4]
PLACE = Place(
    migration="flights", dag_id="flights.cutover", run_id="run", task_id="raise_share", url="http://airflow/dags/x"
)


@pytest.fixture(scope="module")
def flights() -> Migration:
    return load_migration(ROOT / "dags/migrations/flights.yaml")


@pytest.fixture(scope="module")
def orders() -> Migration:
    return load_migration(Path(__file__).parents[1] / "config/full.yaml")


@pytest.mark.parametrize("kind", EventKind)
def test_every_kind_of_event_says_all_that_a_person_needs(kind: EventKind, flights: Migration) -> None:
    text = happening(kind, migration=flights, place=PLACE, happened="Something was seen.").text
    lines = text.splitlines()
    assert lines[0] == f"{WORDINGS[kind].severity.value} flights: {WORDINGS[kind].headline}"
    assert "Something was seen." in lines
    assert any(line.startswith("At risk: ") for line in lines)
    assert any(line.startswith("Next: ") for line in lines)
    assert "Run: http://airflow/dags/x" in lines
    assert "{" not in text


@pytest.mark.parametrize("kind", EventKind)
def test_every_kind_of_event_has_a_page_that_says_what_is_safe_at_night(kind: EventKind) -> None:
    page = (ROOT / "docs/runbooks" / WORDINGS[kind].page).read_text(encoding="utf-8")
    assert page.startswith(f"# {kind.value}: ")
    assert "3 a.m." in page
    assert f"]({WORDINGS[kind].page})" in (ROOT / "docs/runbooks/README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", EventKind)
def test_a_message_leads_to_its_page_in_the_readers_own_runbooks(kind: EventKind, orders: Migration) -> None:
    event = happening(kind, migration=orders, place=PLACE, happened="x")
    assert event.runbook == f"https://wiki.example.com/runbooks/{WORDINGS[kind].page}"


def test_a_failed_task_says_what_its_stage_puts_at_risk(flights: Migration) -> None:
    found = {
        stage: failed_task(migration=flights, stage=stage, place=PLACE, error="KeyError: 'x'")
        for stage in (Stage.ASSESS, Stage.ROLLBACK, Stage.HISTORICAL_BACKFILL)
    }
    assert found[Stage.ASSESS].severity is Severity.WARNING
    assert "nothing" in found[Stage.ASSESS].at_risk
    assert found[Stage.ROLLBACK].severity is Severity.CRITICAL
    assert "READS MAY STILL BE ON THE TARGET" in found[Stage.ROLLBACK].text
    assert "48 hours" in found[Stage.HISTORICAL_BACKFILL].at_risk
    assert all("KeyError: 'x'" in event.happened for event in found.values())


def test_a_long_error_is_cut_and_the_way_out_is_not(flights: Migration) -> None:
    event = happening(EventKind.DRIFT, migration=flights, place=PLACE, happened="x" * 100_000)
    assert len(event.text) < MAX_TEXT + 1_000
    assert "… (cut)" in event.text
    assert event.text.endswith(f"Runbook: {event.runbook}")


def test_what_happened_is_escaped_in_a_mail(flights: Migration) -> None:
    event = happening(EventKind.DRIFT, migration=flights, place=PLACE, happened="<script>alert(1)</script>")
    assert "<script>" not in event.html
    assert "&lt;script&gt;" in event.html


def test_severities_have_an_order() -> None:
    assert Severity.INFO.rank < Severity.WARNING.rank < Severity.CRITICAL.rank
