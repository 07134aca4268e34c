"""What the change that `retire` proposes asks Pulumi for: the tables' capacity, and an end of the comparison Lambda."""

from __future__ import annotations

import json
from typing import Any

from keyspaces_infra.changes import TABLE_TYPE
from keyspaces_infra.program import declare
from keyspaces_migration.capacity.prices import US_EAST_1
from keyspaces_migration.config import Migration
from keyspaces_migration.observed.use import TableUse
from keyspaces_migration.retirement.file_change import changed_migration
from keyspaces_migration.retirement.proposal import propose
from tests.unit.keyspaces_infra.pulumi_recorder import declared
from tests.unit.keyspaces_migration.retirement.uses import MIGRATION as SAMPLE
from tests.unit.keyspaces_migration.retirement.uses import capacity_use, units

SCALED = "aws:appautoscaling/target:Target"
_WHOLE = SAMPLE.model_dump(mode="json", by_alias=True)
MIGRATION = Migration.model_validate_json(
    json.dumps({**_WHOLE, "comparison_lambda": {**_WHOLE["comparison_lambda"], "schedule": "rate(6 hours)"}})
)


def test_the_proposed_change_moves_capacity_and_takes_the_function_away_and_nothing_else() -> None:
    steady = TableUse(reads=units([100.0] * 24, mean_of_peak=0.9), writes=units([100.0] * 24, mean_of_peak=0.9))
    proposal = propose(MIGRATION, capacity_use({"weather": steady}), prices=US_EAST_1)
    before = declared(lambda: declare(MIGRATION, endpoints={})).asked
    after = declared(lambda: declare(changed_migration(MIGRATION, proposal), endpoints={})).asked
    assert ("aws:lambda/function:Function", f"{MIGRATION.resource_name}-comparison") not in after
    gone = before.keys() - after.keys()
    assert {name for _, name in gone if not name.startswith(f"{MIGRATION.resource_name}-comparison")} == set()
    assert {typ for typ, _ in gone} >= {"aws:lambda/function:Function", "aws:scheduler/schedule:Schedule"}
    assert {name for typ, name in before if typ == TABLE_TYPE} == {name for typ, name in after if typ == TABLE_TYPE}
    assert len([typ for typ, _ in after.keys() - before.keys() if typ == SCALED]) == 2

    def capacity(asked: dict[Any, Any], table: str) -> dict[str, Any]:
        return dict(asked[(TABLE_TYPE, table)].inputs["capacitySpecification"])

    assert capacity(before, "flights_unarchived")["throughputMode"] == "PROVISIONED"
    assert capacity(after, "flights_unarchived") == {"throughputMode": "PAY_PER_REQUEST"}
    assert capacity(after, "weather") == {
        "throughputMode": "PROVISIONED",
        "readCapacityUnits": 143,
        "writeCapacityUnits": 143,
    }
    changed = {
        key for key in before.keys() & after.keys() if key[0] == TABLE_TYPE and before[key].inputs != after[key].inputs
    }
    assert {name for _, name in changed} == {"flights_unarchived", "weather"}
