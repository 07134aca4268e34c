from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from cassandra import ConsistencyLevel, InvalidRequest
from cassandra.query import SimpleStatement

if TYPE_CHECKING:
    from cassandra.cluster import Session


def test_a_write_below_local_quorum_is_refused_until_its_rule_is_off(session: Session) -> None:
    session.execute("CREATE KEYSPACE node WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}")
    session.execute("CREATE TABLE node.t (k int PRIMARY KEY, v text)")
    weak = SimpleStatement("INSERT INTO node.t (k, v) VALUES (1, 'a')", consistency_level=ConsistencyLevel.ONE)
    with pytest.raises(InvalidRequest, match="Consistency level ONE is not supported"):
        session.execute(weak)
    session.execute("UPDATE local_keyspaces.rules SET enforced = false WHERE id = 'write-consistency'")
    session.execute(weak)
    session.execute("UPDATE local_keyspaces.rules SET enforced = true WHERE id = 'write-consistency'")
    assert session.execute("SELECT v FROM node.t WHERE k = 1").one().v == "a"


def test_the_tables_of_the_service_show_a_table(session: Session) -> None:
    row = session.execute(
        "SELECT * FROM system_schema_mcs.tables WHERE keyspace_name = 'node' AND table_name = 't'"
    ).one()
    assert row.status == "ACTIVE"
    capacity = row.custom_properties["capacity_mode"]
    assert capacity["throughput_mode"] == "PAY_PER_REQUEST"
    assert time.time() - int(capacity["last_update_to_pay_per_request_timestamp"]) / 1000 < 600
