"""The estimate as people read it: Markdown, plots, and one HTML page."""

from __future__ import annotations

import datetime as dt
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from typing_extensions import override

from keyspaces_migration.assessment import Assessment, StatementLines, Verdict, as_json, assess_with, markdown
from keyspaces_migration.assessment.errors import NoAnswerError
from keyspaces_migration.assessment.estimate.sample import SampleSize
from keyspaces_migration.assessment.history_partitions import PartitionCount, Widest
from keyspaces_migration.assessment.plots import plots
from keyspaces_migration.assessment.wording import bytes_text, cents_text
from keyspaces_migration.capacity.load_cost import LoadBudget
from keyspaces_migration.capacity.wording import hours_text
from keyspaces_migration.pages import html
from tests.unit.keyspaces_migration.assessment.estimate.ring import Ring
from tests.unit.keyspaces_migration.assessment.estimate.shops import Past, assessed, given, queries, ring

NOW = dt.datetime(2026, 11, 26, 12, 0, tzinfo=dt.UTC)


def page_of(assessment: Assessment) -> str:
    return markdown(assessment)


def test_what_a_manager_wants_to_know_stands_first() -> None:
    page = page_of(assessed(NOW))
    short = page[: page.index("## Tables")]
    for found in ("a month, on demand", "a month, provisioned", "historical load, once", "in time", "run hot"):
        assert found in short
    assert page.index("## Row sizes") < page.index("## The historical load") < page.index("## Findings")


def test_the_recommended_order_stands_with_its_reason_hours_and_money() -> None:
    page = page_of(assessed(NOW))
    row = next(line for line in page.splitlines() if line.startswith("| `events` | 400 |"))
    assert "**dual writes first**" in row
    assert "all of it loads at the barrier in 4 s" in row


def test_a_load_that_does_not_end_in_time_is_shouted() -> None:
    page = page_of(assessed(NOW, budget=LoadBudget(write_units_per_s=1 / 600)))
    assert "**neither**" in page
    assert "**not in time**" in page
    assert "**too late**" in page


def test_what_could_not_be_read_is_a_question_mark_and_never_a_zero() -> None:
    page = page_of(assessed(NOW, rows=Ring({}, fails_with=NoAnswerError("too slow"))))
    assert "| `events` | could not look | ? |" in page
    short = page[: page.index("## Tables")]
    for name in ("stored on the target", "load now", "partitions that would run hot"):
        assert f"| {name} | not known (known for 0 of 1 tables) |" in short
    assert "Not judged: the size of no table's rows is known." in page
    assert "- `events`: not judged, as the size of its rows is not known" in page
    assert "Could not look at **row sizes**: events: too slow" in page


def test_a_load_that_some_nodes_did_not_tell_is_at_least_so_much_and_so_is_a_months_cost() -> None:
    silent = queries(**{"system_views.rows_per_read": NoAnswerError("too slow")})
    page = page_of(assessed(NOW, source=silent))
    for name in ("load now", "a month, on demand", "a month, provisioned", "a month, each table in its cheaper mode"):
        assert f"| {name} | at least " in page
    assert "at least" not in page_of(assessed(NOW, source=silent, loads=given(5)))[: page.index("## Tables")]


def test_a_load_that_nobody_told_leaves_reads_and_writes_of_partitions_unjudged() -> None:
    silent = queries(**{"system_views.coordinator_write_latency": NoAnswerError("too slow")})
    page = page_of(assessed(NOW, source=silent))
    assert "its reads and writes are not known, and were not judged" in page
    assert "were not judged" not in page_of(assessed(NOW))


def test_a_time_at_the_barrier_says_which_tables_it_is_without() -> None:
    assert "are not estimated, and not in it" not in page_of(assessed(NOW))
    two = queries()
    for name in ("system_schema.tables", "system_schema.columns"):
        rows = two.rows(f"SELECT * FROM {name}")
        two.answers[name] = [*rows, *({**row, "table_name": "others"} for row in rows)]
    page = page_of(assessed(NOW, source=two))
    assert "1 of 2 tables are not estimated, and not in it." in page
    assert re.search(r"\| of it at the barrier \| .* h are allowed \(known for 1 of 2 tables\) \|", page)


def test_a_partition_that_is_hot_by_its_writes_has_no_size_when_its_rows_were_not_counted() -> None:
    widest = Widest(
        by_rows=(PartitionCount(key=("0",), count=100),),
        by_last_day=tuple(PartitionCount(key=(key,), count=86_400 * 900) for key in "07"),
        written_by="AT",
    )
    rows = [
        line for line in page_of(assessed(NOW, past=Past(widest=widest))).splitlines() if "write units a sec" in line
    ]
    counted, uncounted = (next(row for row in rows if f"| `events` | `{key}` |" in row) for key in "07")
    assert "| 100 |" in counted
    assert "| `7` | ? | ? | its writes need 90%" in uncounted
    assert uncounted.endswith("| ? |")


def test_assumptions_are_told_and_the_prices_date_and_region() -> None:
    page = page_of(assessed(NOW, region="eu-central-1"))
    assert "published 2025-11-05" in page
    assert "The target is in eu-central-1: look its prices up" in page
    assert "20 to 40" in page


def test_a_sample_says_in_how_many_places_and_gives_ranges() -> None:
    page = page_of(assessed(NOW, size=SampleSize(rows=100, windows=20)))
    assert re.search(r"\| `events` \| \d+ in 20 places \|", page)
    assert re.search(r"~[\d,]+ \([\d,]+ to [\d,]+\)", page)


def test_names_from_the_cluster_cannot_break_out_of_the_page() -> None:
    notes = ring()
    notes.partitions[1] = [("<script>|`x`", at, "n") for at in range(100)]
    found = assessed(NOW, rows=notes, loads=given(4_000))
    drawn = plots(found.estimate) if found.estimate else {}
    page = html(markdown(found), title="</title><script>", plots=drawn)
    assert "<script" not in page


def test_the_plots_are_drawn_and_the_same_each_time() -> None:
    estimate = assessed(NOW).estimate
    assert estimate is not None
    first, second = plots(estimate), plots(estimate)
    assert sorted(first) == ["hours.svg", "month.svg", "row-sizes.svg"]
    assert first == second
    for shows, svg in first.values():
        assert shows
        assert ET.fromstring(svg).tag.endswith("svg")  # noqa: S314 # our own
    assert "events, on demand" in first["month.svg"][1]


def test_nothing_is_drawn_of_what_is_not_known() -> None:
    estimate = assessed(NOW, rows=Ring({}, fails_with=NoAnswerError("too slow"))).estimate
    assert estimate is not None
    assert plots(estimate) == {}


class Tags(HTMLParser):
    """Which tags open and close, and whatever would be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.fetched: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append(tag)
        self.fetched += [
            value or "" for name, value in attrs if name in {"src", "href"} and not (value or "").startswith("#")
        ]


def test_the_page_holds_its_plots_and_fetches_nothing() -> None:
    found = assessed(NOW)
    assert found.estimate is not None
    drawn = plots(found.estimate)
    page = html(
        markdown(found, plots={name: shows for name, (shows, _) in drawn.items()}), title="Assessment", plots=drawn
    )
    tags = Tags()
    tags.feed(page)
    assert tags.opened.count("figure") == 3
    assert tags.opened.count("table") >= 8
    assert not [address for address in tags.fetched if not address.startswith("https://docs.")]
    assert "script" not in tags.opened


def test_the_markdown_names_the_plots_that_lie_beside_it() -> None:
    page = markdown(assessed(NOW), plots={"month.svg": "A month"})
    assert "![A month](month.svg)" in page
    assert "hours.svg" not in page


def test_the_twin_has_the_same_figures_and_no_infinity() -> None:
    found = assessed(NOW)
    twin = json.loads(as_json(found))["estimate"]
    (table,) = twin["tables"]
    assert found.estimate is not None
    assert table["recommended"]["order"] == "DUAL_WRITES_FIRST"
    assert table["sample"]["sizes"]["rows"] == 400
    assert table["monthly"]["on_demand"]["writes_usd"] == pytest.approx(
        found.estimate.tables[0].monthly.on_demand.writes_usd if found.estimate.tables[0].monthly else None
    )
    assert twin["prices"]["published"] == "2025-11-05"
    one_row = Ring({5: [(1, 1, "x")], 1 << 62: [(2, at, "y") for at in range(1, 400)]})
    as_json(assessed(NOW, rows=one_row, size=SampleSize(rows=10, windows=2)))


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (0, "0 s"),
        (1 / 7200, "<1 s"),
        (1 / 120, "30 s"),
        (0.5, "30 min"),
        (1.99, "119 min"),
        (2, "2.0 h"),
        (240, "10 days"),
    ],
)
def test_durations_read_as_people_say_them(hours: float, text: str) -> None:
    assert hours_text(hours) == text


@pytest.mark.parametrize(("usd", "text"), [(0, "0.00"), (0.0049, "<0.01"), (0.005, "0.01"), (1234.5, "1,234.50")])
def test_a_little_money_is_not_nothing(usd: float, text: str) -> None:
    assert cents_text(usd) == text


def test_a_little_money_and_a_little_time_are_not_nothing_under_any_budget() -> None:
    page = page_of(assessed(NOW))
    budgets = [line for line in page.splitlines() if re.match(r"\| (50|100|200|400|800) \|", line)]
    assert len(budgets) == 5
    assert all("<0.01" in line for line in budgets)
    assert not [line for line in budgets if " 0 s" in line or " 0.00 " in line]


def test_sizes_are_decimal() -> None:
    assert (bytes_text(999), bytes_text(1_500), bytes_text(2.5e12)) == ("~999 B", "~2 kB", "~2.5 TB")


STATEMENTS = """
INSERT INTO shop.events (id, at, note) VALUES (1, 2, 'x');
INSERT INTO shop.events (id, at, note) VALUES (1, 2, 'y') IF NOT EXISTS;
UPDATE shop.events SET note = 'z' WHERE id = 1 AND at = 2;
MAKE ME RICH;
"""


def with_statements(text: str) -> Assessment:
    return assess_with(
        queries(),
        keyspace="shop",
        history=Past(),
        now=NOW,
        statements=StatementLines(lines=text.splitlines(keepends=True)),
    )


def test_statements_that_cannot_be_dual_written_are_told_first_and_asked_to_be_decided() -> None:
    found = with_statements(STATEMENTS)
    page = markdown(found)
    assert found.verdict is Verdict.DECISIONS_NEEDED
    short = page[: page.index("## Tables")]
    assert "1 of 3 kinds must change; 1 not understood" in short
    assert "## Statements" in page
    assert "MAKE ME RICH" in page
    assert "Could not look at **statements**: 1 statements were not understood" in page
    assert not found.is_complete


def test_statements_that_need_no_change_leave_the_verdict() -> None:
    found = with_statements("INSERT INTO shop.events (id, at, note) VALUES (1, 2, 'x');")
    assert found.verdict is Verdict.NOTHING_IN_THE_WAY
    assert "none of those judged must change" in markdown(found)


def test_statements_of_other_keyspaces_ask_nothing_of_this_one() -> None:
    found = with_statements("INSERT INTO shop.events (id, at, note) VALUES (1, 2, 'x'); TRUNCATE other.events;")
    assert found.verdict is Verdict.NOTHING_IN_THE_WAY
    assert "On tables of another keyspace, `other`: 1." in markdown(found)


def test_a_file_in_which_no_statement_could_be_judged_is_no_all_clear() -> None:
    found = with_statements("-- nothing\nSELECT * FROM system.local;")
    assert "none could be judged: what was given says nothing about the applications" in markdown(found)
    assert not found.is_complete


def test_no_statements_given_is_said_and_no_all_clear() -> None:
    assert "not looked at: none were given" in markdown(assessed(NOW))


def test_the_twin_has_each_kind_of_statement_with_its_findings() -> None:
    twin = json.loads(as_json(with_statements(f"{STATEMENTS} TRUNCATE other.t; SELECT * FROM system.local;")))
    twin = twin["statements"]
    (conditional,) = (shape for shape in twin["shapes"] if "IF NOT EXISTS" in shape["text"])
    assert any("can't be dual-written" in each["group"] for each in conditional["findings"])
    assert (twin["not_understood_count"], twin["system_statements"], twin["other_keyspaces"]) == (1, 1, {"other": 1})
