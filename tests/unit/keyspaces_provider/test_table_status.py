from __future__ import annotations

import pytest

from keyspaces_provider.triggers.keyspaces import TableStatuses, status_of


@pytest.mark.parametrize(
    ("status", "warm", "seen"),
    [
        ("ACTIVE", None, "ACTIVE"),
        ("ACTIVE", "AVAILABLE", "ACTIVE"),
        ("ACTIVE", "UPDATING", "UPDATING"),
        ("DELETING", "UPDATING", "DELETING"),
    ],
)
def test_a_table_that_is_still_being_warmed_is_not_active_yet(status: str, warm: str | None, seen: str) -> None:
    live = {"status": status, **({"warmThroughputSpecification": {"status": warm}} if warm else {})}
    assert status_of(live) == seen


def test_only_what_is_still_coming_is_waited_for() -> None:
    statuses = TableStatuses(keyspace="k", found={"a": "ACTIVE", "b": "UPDATING", "c": "DELETED"})
    assert (statuses.missing, statuses.stuck) == ({"b": "UPDATING", "c": "DELETED"}, {"c": "DELETED"})
