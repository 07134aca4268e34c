from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cassandra import DriverException, InvalidRequest
from cassandra.protocol import ErrorMessage

from rehearsal.local_keyspaces.reference import page
from rehearsal.local_keyspaces.rules import RULES, Enforcer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassandra.cluster import Session

# Test folders are no packages: what two of their modules share is loaded by its path.
_SPEC = importlib.util.spec_from_file_location("local_keyspaces_cases", Path(__file__).with_name("cases.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
cases = sys.modules[_SPEC.name] = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(cases)

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "local-keyspaces-rules.md"


@pytest.fixture(scope="module")
def world(session: Session) -> Iterator[Session]:
    for statement in cases.SCHEMA:
        session.execute(statement)
    yield session
    session.execute("DROP KEYSPACE rules")


def words_of_refusal(session: Session, action: Any) -> str:
    """Empty when it passed. Cassandra itself may have its reasons: no such index, no such class."""
    try:
        cases.run(session, action)
    except (DriverException, ErrorMessage) as error:
        return str(error)
    return ""


def switch(session: Session, rule: str, *, enforced: bool) -> None:
    session.execute(f"UPDATE local_keyspaces.rules SET enforced = {str(enforced).lower()} WHERE id = '{rule}'")


@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.rule)
def test_a_rule_refuses_what_breaks_it_and_nothing_else_does(world: Session, case: Any) -> None:
    for action in case.allowed:
        cases.run(world, action)
    for action in case.refused:
        with pytest.raises(InvalidRequest) as refusal:
            cases.run(world, action)
        assert case.message in str(refusal.value)
        assert f"(rule {case.rule})" in str(refusal.value)


@pytest.mark.parametrize("case", cases.CASES, ids=lambda case: case.rule)
def test_with_its_rule_off_a_statement_is_not_refused_by_us(world: Session, case: Any) -> None:
    switch(world, case.rule, enforced=False)
    try:
        for action in case.refused:
            assert "(rule " not in words_of_refusal(world, action)
    finally:
        switch(world, case.rule, enforced=True)


def test_java_and_python_know_the_same_rules(session: Session) -> None:
    in_java = {row.id for row in session.execute("SELECT id FROM local_keyspaces.rules")}
    assert in_java == {rule.id for rule in RULES if rule.enforcer in {Enforcer.NODE, Enforcer.CAPACITY}}


def test_each_rule_of_the_node_has_a_case() -> None:
    assert {case.rule for case in cases.CASES} == {rule.id for rule in RULES if rule.enforcer is Enforcer.NODE}
    assert len({rule.id for rule in RULES}) == len(RULES)


def test_the_reference_is_current() -> None:
    assert REFERENCE.read_text(encoding="utf-8") == page(), "run make reference"
