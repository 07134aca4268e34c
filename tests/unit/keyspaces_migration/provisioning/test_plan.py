from pathlib import Path
from typing import Any

import pytest

from keyspaces_migration.config import load_migration
from keyspaces_migration.parity import DifferenceKind, SchemaDifference
from keyspaces_migration.provisioning import DriverDefectError, parity_page, plan_page, read_plan

MIGRATION = load_migration(Path(__file__).parents[4] / "dags/migrations/flights.yaml")
CHANGE = {
    "op": "change",
    "urn": "urn:planes",
    "type": "aws:keyspaces/table:Table",
    "name": "planes",
    "before": {"schemaDefinition.columns": ["a"]},
    "after": {"schemaDefinition.columns": ["a", "ü"], "tags.x": "y"},
    "replace_keys": [],
}


def said(**changed: Any) -> dict[str, Any]:
    return {
        "kind": "result",
        "command": "preview",
        "stack": "flights-rehearsal",
        "changes": [CHANGE],
        "refused": [],
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
