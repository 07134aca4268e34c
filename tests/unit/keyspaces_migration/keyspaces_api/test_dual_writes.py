"""What a table of Amazon Keyspaces needs for dual writes."""

from __future__ import annotations

from typing import Any

import pytest

from keyspaces_migration.keyspaces_api.dual_writes import why_no_dual_writes

READY: dict[str, Any] = {
    "status": "ACTIVE",
    "clientSideTimestamps": {"status": "ENABLED"},
    "ttl": {"status": "ENABLED"},
}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in READY.items() if key != name}


def test_a_table_as_provision_makes_it_takes_dual_writes() -> None:
    assert list(why_no_dual_writes(READY, expires=True)) == []
    assert list(why_no_dual_writes(without("ttl"), expires=False)) == []


@pytest.mark.parametrize(
    ("live", "reason"),
    [
        (READY | {"status": "UPDATING"}, "its status is UPDATING; wanted ACTIVE"),
        (without("clientSideTimestamps"), "client-side timestamps are off"),
        (READY | {"ttl": {"status": "DISABLED"}}, "its time to live is off"),
    ],
)
def test_what_keeps_a_table_from_it_is_named(live: dict[str, Any], reason: str) -> None:
    (found,) = why_no_dual_writes(live, expires=True)
    assert reason in found
