from pathlib import Path
from typing import Any

import pytest

from keyspaces_migration.config import load_migration
from keyspaces_migration.parity import DifferenceKind, SchemaDifference
from keyspaces_migration.provisioning import (
    DriverDefectError,
    drift_page,
    parity_page,
    plan_page,
    read_drift,
    read_plan,
)

MIGRATION = load_migration(Path(__file__).parents[4] / "dags/migrations/flights.yaml")
CHANGE = {
    "op": "change",
    "urn": "urn:planes",
    "type": "aws:keyspaces/table:Table",
    "name": "planes",
    "before": {"schemaDefinition.columns": ["a"]},
    "after": {"schemaDefinition.columns": ["a", "ü"], "tags.x": "y"},
    "replace_keys": [],
    "was_protected": True,
}


def said(**changed: Any) -> dict[str, Any]:
    return {
        "kind": "result",
        "command": "preview",
        "stack": "flights-rehearsal",
        "changes": [CHANGE],
        "refused": [],
        "drift": [],
        "digest": "ab12",
        "plan": "/x/plan.json",
        **changed,
    }


def test_a_plan_is_counted_by_what_happens() -> None:
    added = {**CHANGE, "op": "add", "before": None}
    assert read_plan(said(changes=[CHANGE, added, added])).counts() == {"change": 1, "add": 2}


@pytest.mark.parametrize(
    "wrong",
    [
        said(digest=None),
        said(command="up"),
        said(changes=[{**CHANGE, "op": "vanish"}]),
        said(changes=None),
        said(more=1),
        {},
        {"kind": "error"},
    ],
)
def test_what_is_not_understood_is_never_taken_for_a_plan(wrong: dict[str, Any]) -> None:
    with pytest.raises(DriverDefectError, match="preview"):
        read_plan(wrong)


def test_the_page_shows_every_input_that_differs_before_and_after() -> None:
    page = plan_page(read_plan(said()), migration=MIGRATION)
    assert '- schemaDefinition.columns: ["a"]\n+ schemaDefinition.columns: ["a", "ü"]\n+ tags.x: "y"\n' in page
    assert "`flights-rehearsal`" in page
    assert f"sha256:{MIGRATION.digest}" in page
    assert "sha256:ab12" in page


def test_the_page_begins_with_a_table_of_all_that_changes() -> None:
    added = {**CHANGE, "op": "add", "name": "letters", "type": "aws:sqs/queue:Queue", "before": None}
    page = plan_page(read_plan(said(changes=[added, CHANGE])), migration=MIGRATION)
    assert page.index("| planes |") < page.index("| letters |"), "what holds rows comes first"
    assert "has `CostCentre=rehearsal`, `Project=flights`, `Environment=rehearsal`." in page
    assert "| `+` | add | letters | sqs Queue |  |" in page
    assert "| `~` | change | planes | keyspaces Table | `schemaDefinition.columns`, `tags.x` |" in page


def test_the_page_says_what_is_known_only_later() -> None:
    unknown = {**CHANGE, "op": "add", "before": None, "after": {"arn": "(known after apply)", "name": "planes"}}
    assert "- keyspaces Table planes: `arn`\n" in plan_page(read_plan(said(changes=[unknown])), migration=MIGRATION)


def test_the_page_shows_apart_what_others_have_changed() -> None:
    by_hand = {**CHANGE, "before": {"ttl.status": "ENABLED"}, "after": {"ttl.status": "DISABLED"}}
    page = plan_page(read_plan(said(drift=[by_hand])), migration=MIGRATION)
    assert "## Changed by others since the last update" in page
    assert "| `~` | change | planes | keyspaces Table | `ttl.status` |" in page


def test_a_destruction_lists_what_goes() -> None:
    gone = {**CHANGE, "op": "delete", "after": None}
    page = plan_page(read_plan(said(command="preview-destroy", changes=[gone], plan=None)), migration=MIGRATION)
    assert page.startswith("# Destruction of flights")
    assert "| `-` | delete | planes | keyspaces Table |" in page


def test_drift_shows_what_was_left_and_what_is_live() -> None:
    by_hand = {**CHANGE, "before": {"ttl.status": "ENABLED"}, "after": {"ttl.status": "DISABLED"}}
    drift = read_drift({"kind": "result", "command": "drift", "stack": "s", "drift": [by_hand]})
    assert '- ttl.status: "ENABLED"\n+ ttl.status: "DISABLED"\n' in drift_page(drift, migration=MIGRATION)
    assert "as the last update left it" in drift_page([], migration=MIGRATION)
    with pytest.raises(DriverDefectError, match="drift"):
        read_drift({"kind": "result", "command": "drift", "stack": "s"})


def test_the_page_says_what_is_refused_and_why() -> None:
    refusal = {"urn": "u", "type": "t", "name": "planes", "reason": "it would be deleted"}
    page = plan_page(read_plan(said(refused=[refusal], digest=None)), migration=MIGRATION)
    assert "- **planes**: it would be deleted" in page


def test_a_plan_without_changes_says_so() -> None:
    assert "Nothing changes." in plan_page(read_plan(said(changes=[])), migration=MIGRATION)


def test_the_comparison_lists_every_difference_or_the_tables_that_agree() -> None:
    difference = SchemaDifference(table="planes", column="year", kind=DifferenceKind.TYPE, expected="int", found="text")
    assert f"- {difference}" in parity_page([difference], migration=MIGRATION)
    assert "`planes`" in parity_page([], migration=MIGRATION)
