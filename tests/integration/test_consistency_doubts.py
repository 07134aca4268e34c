"""What could not be looked at is never "no difference": whole checks over stores in trouble, on a real node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from keyspaces_migration.consistency.kinds import Store, Verdict
from rehearsal.doubts.scenario import Doubts, Since, Trouble, doubts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snowflake.connector.cursor import SnowflakeCursor

    from rehearsal.local_keyspaces.node import LocalKeyspacesNode


@pytest.fixture(scope="module")
def pair(
    local_keyspaces: LocalKeyspacesNode, snowflake_cursor: SnowflakeCursor, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Doubts]:
    with doubts(local_keyspaces, snowflake_cursor, folder=tmp_path_factory.mktemp("doubts")) as made:
        yield made


@pytest.mark.parametrize("since", list(Since))
@pytest.mark.parametrize("store", [Store.SOURCE, Store.TARGET])
@pytest.mark.parametrize("trouble", list(Trouble))
def test_a_store_that_cannot_be_looked_at_makes_the_verdict_inconclusive(
    pair: Doubts, trouble: Trouble, store: Store, since: Since
) -> None:
    result = pair.check(seed=1, trouble=trouble, store=store, since=since)
    (table,) = result.tables
    assert result.verdict is Verdict.INCONCLUSIVE, table.verdict.sentence
    assert table.mismatches == ()
    assert any(problem.startswith(f"{store}: ") for problem in table.problems), table.problems


@pytest.mark.parametrize("since", list(Since))
def test_without_trouble_the_same_checks_pass(pair: Doubts, since: Since) -> None:
    result = pair.check(seed=1, trouble=None, store=Store.TARGET, since=since)
    assert result.verdict is Verdict.PASS, result.tables[0].verdict.sentence
    assert bool(result.tables[0].counts.keys.transient) is (since is Since.SETTLING)
