"""The last report: what the ledger has, and what is not known said to be so."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from keyspaces_migration.capacity.prices import US_EAST_1
from keyspaces_migration.ledger import Ledger, open_ledger
from keyspaces_migration.observed.use import TableUse
from keyspaces_migration.pages import html
from keyspaces_migration.retirement.final_report import FinalReport, SourceSeen
from keyspaces_migration.retirement.proposal import propose
from keyspaces_migration.retirement.story import read_story
from tests.keyring import KEYRING
from tests.unit.keyspaces_migration.ledger.full_ledger import fill
from tests.unit.keyspaces_migration.retirement.uses import LASTING, MIGRATION, capacity_use, units

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
SOURCE = SourceSeen(
    name="Test | Cluster", version="5.0.6", nodes=100, data_centers=2, keyspace_bytes=10**12, assessed_at=NOW
)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}", keyring=KEYRING)


def report(ledger: Ledger, *, source: SourceSeen | None = SOURCE, seen: timedelta | None = None) -> FinalReport:
    use = {"weather": TableUse(reads=units([10.0] * 24), writes=units([3.0] * 24))}
    proposal = None if seen is None else propose(LASTING, capacity_use(use, seen=seen), prices=US_EAST_1)
    return FinalReport(
        migration=LASTING,
        story=read_story(ledger, LASTING.name, now=NOW),
        source=source,
        proposal=proposal,
        why_no_proposal="" if proposal else "CloudWatch could not be asked",
        at=NOW,
    )


def test_all_that_the_ledger_has_is_in_the_page_and_its_twin(ledger: Ledger) -> None:
    fill(ledger)
    made = report(ledger, seen=timedelta(days=10))
    page, twin = made.markdown(), json.loads(made.to_json())
    assert "100 in 2 data centers" in page
    assert "alice, bob" in page
    assert "RECORD" in page
    assert "`historical_backfill` | 2 |" in page
    assert twin["source"]["nodes"] == 100
    assert [stage["runs"] for stage in twin["stages"]] == [2]
    assert len(twin["approvals"]) == len(twin["flag"]) == len(twin["loads"]) == 2
    assert twin["checks"] == {"fail": 2}
    assert twin["loads"][0]["rows_written"] > 0
    assert twin["capacity"]["tables"]["weather"]["decision"] in {"change", "keep"}
    assert html(page, title=made.title, plots={}).startswith("<!doctype html>")


def test_what_is_not_known_is_said_to_be_so(ledger: Ledger) -> None:
    made = report(ledger, source=None)
    page, twin = made.markdown(), json.loads(made.to_json())
    assert "| nodes to look after | not known | none |" in page
    assert "No capacity is proposed: CloudWatch could not be asked." in page
    assert page.count("None was recorded.") == 4
    assert (twin["source"], twin["capacity"], twin["loads"]) == (None, None, [])


def test_less_than_a_week_proposes_nothing_and_says_how_much_is_missing(ledger: Ledger) -> None:
    page = report(ledger, seen=timedelta(days=3)).markdown()
    assert "That is not enough: 7 days are, so nothing is proposed." in page
    assert "throughput:" not in page


def test_the_function_goes_on_until_provision_has_applied_the_change(ledger: Ledger) -> None:
    page = report(ledger).markdown()
    assert "Remove the section comparison_lambda" in page
    assert "Until `provision` has applied it, the comparison Lambda stays; it has no schedule." in page


def test_what_people_named_things_is_no_markup(ledger: Ledger) -> None:
    assert "Test | Cluster" not in report(ledger).markdown()


def test_the_source_is_read_from_the_assessments_twin() -> None:
    node = {"address": "a", "data_center": "dc1", "rack": "r", "version": "5"}
    document = {
        "assessed_at": NOW.isoformat(),
        "cluster": {"name": "c", "version": "5.0.6", "nodes": [node, {**node, "data_center": "dc2"}]},
        "keyspace": {
            "tables": [{"estimate": {"partitions": 1, "bytes": 5}}, {"estimate": {"partitions": 1, "bytes": 6}}]
        },
    }
    found = SourceSeen.of_assessment(document)
    assert (found.nodes, found.data_centers, found.keyspace_bytes) == (2, 2, 11)
    document["keyspace"] = {"tables": [{"estimate": None}]}
    assert SourceSeen.of_assessment(document).keyspace_bytes is None
    assert MIGRATION.name == "flights"
