"""The guide's table, the dashboard and the rules name the metrics that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from keyspaces_provider.telemetry import Kind, Signal
from tests.unit.keyspaces_infra.pulumi_recorder import declared

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs/guides/observability.md").read_text()
EXAMPLES = ROOT / "observability"


def in_prometheus(signal: Signal) -> str:
    """As the collector's exporter names it: dots become underscores, and counters end in _total."""
    return f"airflow_{signal.metric.replace('.', '_')}{'_total' if signal.kind is Kind.COUNTER else ''}"


def named_in(text: str) -> set[str]:
    return set(re.findall(r"airflow_keyspaces_migration_\w+", text))


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLES / "grafana-dashboard.json").read_text())
    return found


@pytest.fixture(scope="module")
def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((EXAMPLES / "alerts.yaml").read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def test_the_guides_table_is_the_code() -> None:
    rows = re.findall(r"^\| `(keyspaces_migration\.\S+)` \| (\w+) \| (.+?) \| (.+?) \|$", GUIDE, re.MULTILINE)
    assert rows == [(signal.metric, signal.kind.value, ", ".join(signal.tags), signal.meaning) for signal in Signal]


@pytest.mark.parametrize("file", ["grafana-dashboard.json", "alerts.yaml"])
def test_every_metric_that_is_named_is_one_of_ours(file: str) -> None:
    named = named_in((EXAMPLES / file).read_text())
    assert named
    assert named <= set(map(in_prometheus, Signal))


def test_a_counter_is_never_taken_as_it_stands(rules: list[dict[str, Any]], dashboard: dict[str, Any]) -> None:
    asked = [rule["expr"] for rule in rules]
    asked += [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    for expression in asked:
        for counter in re.findall(r"\w+_total", expression):
            assert re.search(rf"(rate|increase)\({counter}({{[^}}]*}})?\[", expression), expression


def test_two_metrics_of_one_rule_meet_by_the_labels_that_both_have(rules: list[dict[str, Any]]) -> None:
    tags = {name: frozenset(signal.tags) for name, signal in zip(map(in_prometheus, Signal), Signal, strict=True)}
    for rule in rules:
        if len({tags[metric] for metric in named_in(rule["expr"])}) > 1:
            assert re.search(r"(and|unless) on \(", rule["expr"]), rule["alert"]


def test_each_rule_says_whose_and_what_to_do(rules: list[dict[str, Any]]) -> None:
    names = [rule["alert"] for rule in rules]
    assert len(set(names)) == len(names)
    for rule in rules:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert "{{ $labels.migration }}" in rule["annotations"]["summary"]
        assert rule["annotations"]["description"]


def test_a_label_that_a_rule_shows_is_a_tag_of_its_metric(rules: list[dict[str, Any]]) -> None:
    tags = {in_prometheus(signal): set(signal.tags) for signal in Signal}
    for rule in rules:
        shown = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        assert all(shown <= tags[metric] for metric in named_in(rule["expr"])), rule["alert"]


def test_no_two_panels_of_the_dashboard_lie_over_each_other(dashboard: dict[str, Any]) -> None:
    cells = [
        (x, y)
        for panel in dashboard["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_each_panel_keeps_to_the_chosen_migrations(dashboard: dict[str, Any]) -> None:
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            assert len(named_in(target["expr"])) == target["expr"].count('{migration=~"$migration"}')


def test_a_series_outlives_the_time_between_two_checks() -> None:
    collector = yaml.safe_load((EXAMPLES / "otel-collector.yaml").read_text())
    exporter = collector["exporters"]["prometheus"]
    assert exporter["add_metric_suffixes"] is True
    assert int(exporter["metric_expiration"].removesuffix("h")) > 24
    used = collector["service"]["pipelines"]["metrics"]
    assert set(used["receivers"]) <= set(collector["receivers"])
    assert set(used["exporters"]) <= set(collector["exporters"])


def test_the_guides_program_runs_as_it_stands() -> None:
    (snippet,) = re.findall(r"^```python\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
    code = compile(snippet, "observability.md", "exec", dont_inherit=True)
    recorder = declared(lambda: exec(code, {"__name__": "snippet"}))  # noqa: S102 - the guide is ours
    assert [each.name for each in recorder.of_type("keyspaces-migration:index:Dashboard")] == ["flights"]


def test_every_file_that_the_guide_links_is_there() -> None:
    linked = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", GUIDE)
    assert linked
    assert [path for path in linked if not (ROOT / "docs/guides" / path).exists()] == []
