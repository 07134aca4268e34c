from collections.abc import Callable
from typing import Any

import pytest

from keyspaces_migration.config import Migration, notices

Load = Callable[[dict[str, Any]], Migration]


def test_a_file_within_every_default_has_no_notices(load: Load, content: dict[str, Any]) -> None:
    assert notices(load(content)) == ()


@pytest.mark.parametrize("unit", ["rcu", "wcu"])
def test_units_above_a_quota_that_aws_raises_are_a_notice(load: Load, content: dict[str, Any], unit: str) -> None:
    throughput = content["tables"]["order_lines"]["throughput"]
    throughput[unit] = 40_000
    assert notices(load(content)) == ()
    throughput[unit] = 40_001
    [notice] = notices(load(content))
    assert notice.path == f"tables.order_lines.throughput.{unit}"
    throughput[unit] = 80_001
    assert [notice.path for notice in notices(load(content))] == [f"tables.order_lines.throughput.{unit}", "tables"]


@pytest.mark.parametrize("text", ["frozen<list<int>>", "tuple<int, int, int>", "list<frozen<set<int>>>"])
def test_types_that_pulumi_aws_would_stop_are_a_notice(load: Load, content: dict[str, Any], text: str) -> None:
    content["tables"]["order_lines"]["schema"]["columns"][4] = {"amount": text}
    [notice] = notices(load(content))
    assert notice.path == "tables.order_lines.schema.columns[4]"
    assert "#35787" in str(notice)


def test_columns_that_leave_no_room_for_a_time_to_live_are_a_notice(load: Load, content: dict[str, Any]) -> None:
    columns = content["tables"]["orders_unarchived"]["schema"]["columns"]
    columns.extend({f"c{number}": "int"} for number in range(164))
    assert notices(load(content)) == ()
    columns.append({"one_more": "int"})
    [notice] = notices(load(content))
    assert "167 columns" in notice.text


def test_a_file_without_tables_is_valid_and_says_what_can_run(load: Load, content: dict[str, Any]) -> None:
    del content["tables"]
    migration = load(content)
    assert migration.tables == {}
    [notice] = notices(migration)
    assert notice.path == "tables"
    assert "assess" in notice.text
