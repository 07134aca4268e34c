from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from cassandra import InvalidRequest
from cassandra.cluster import Cluster
from cassandra.protocol import SyntaxException

from rehearsal.local_keyspaces.node import LocalKeyspacesNode, LocalKeyspacesSettings
from rehearsal.ports import free_ports
from rehearsal.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cassandra.cluster import Session

ON = "{'status': 'enabled'}"


@pytest.fixture
def keyspace(session: Session) -> Iterator[str]:
    session.execute("CREATE KEYSPACE changes WITH replication = {'class': 'SingleRegionStrategy'}")
    yield "changes"
    set_delay(session, 0)
    session.execute("DROP KEYSPACE changes")


def set_delay(session: Session, milliseconds: int) -> None:
    session.execute(f"UPDATE local_keyspaces.settings SET value = {milliseconds} WHERE name = 'ddl_delay_ms'")


def shown(session: Session, table: str) -> Any:
    keyspace, name = table.split(".")
    return session.execute(
        "SELECT * FROM system_schema_mcs.tables WHERE keyspace_name = %s AND table_name = %s", (keyspace, name)
    ).one()


def wait_for(node: LocalKeyspacesNode, why_not: Callable[[], str | None]) -> None:
    wait_until(why_not, name=node.name, log=node.log, timeout_s=30)


def test_custom_properties_are_shown_as_they_were_set(session: Session, keyspace: str) -> None:
    session.execute(
        f"""CREATE TABLE {keyspace}.t (a int, b int, "it's -- WITH" text, PRIMARY KEY (a, b)) /* WITH */
        WITH CLUSTERING ORDER BY (b DESC) -- CUSTOM_PROPERTIES = 'none'
        AND custom_properties = {{
            'capacity_mode': {{
                'throughput_mode': 'PROVISIONED', 'read_capacity_units': 10, 'write_capacity_units': 20}},
            'client_side_timestamps': {ON}, 'point_in_time_recovery': {ON}}}
        AND TAGS = {{'key''s': 'value'}} AND comment = 'it''s {{a}} AND WITH' AND default_time_to_live = 3600;"""
    )
    row = shown(session, f"{keyspace}.t")
    assert row.status == "ACTIVE"
    assert row.default_time_to_live == 3600
    assert row.comment == "it's {a} AND WITH"
    assert row.custom_properties == {
        "capacity_mode": {"throughput_mode": "PROVISIONED", "read_capacity_units": "10", "write_capacity_units": "20"},
        "client_side_timestamps": {"status": "enabled"},
        "encryption_specification": {"encryption_type": "AWS_OWNED_KMS_KEY"},
        "point_in_time_recovery": {"status": "enabled"},
        "ttl": {"status": "enabled"},
    }
    order = session.execute(
        "SELECT column_name, clustering_order, kind FROM system_schema_mcs.columns WHERE keyspace_name = %s",
        (keyspace,),
    )
    assert {(each.column_name, each.clustering_order, each.kind) for each in order} == {
        ("a", "none", "partition_key"),
        ("b", "desc", "clustering"),
        ("it's -- WITH", "none", "regular"),
    }


def test_altering_a_property_leaves_the_others_and_the_comment(session: Session, keyspace: str) -> None:
    session.execute(
        f"CREATE TABLE {keyspace}.t (a int PRIMARY KEY) WITH comment = 'kept' AND custom_properties = {{'ttl': {ON}}}"
    )
    session.execute(f"ALTER TABLE {keyspace}.t WITH custom_properties = {{'point_in_time_recovery': {ON}}}")
    row = shown(session, f"{keyspace}.t")
    assert row.comment == "kept"
    assert row.custom_properties["ttl"] == row.custom_properties["point_in_time_recovery"] == {"status": "enabled"}


def test_a_table_made_anew_has_none_of_the_old_ones_properties(session: Session, keyspace: str) -> None:
    session.execute(f"CREATE TABLE {keyspace}.t (a int PRIMARY KEY) WITH custom_properties = {{'ttl': {ON}}}")
    session.execute(f"DROP TABLE {keyspace}.t")
    session.execute(f"CREATE TABLE {keyspace}.t (a int PRIMARY KEY)")
    assert "ttl" not in shown(session, f"{keyspace}.t").custom_properties


@pytest.mark.parametrize(
    "options",
    [
        "CUSTOM_PROPERTIES = {'ttl': {'status': 'enabled'}",
        "CUSTOM_PROPERTIES = 'ttl'",
        "TAGS = {'a' 'b'}",
        "comment = 'x",
    ],
)
def test_a_statement_that_is_no_cql_is_a_syntax_error(session: Session, keyspace: str, options: str) -> None:
    with pytest.raises(SyntaxException):
        session.execute(f"CREATE TABLE {keyspace}.broken (a int PRIMARY KEY) WITH {options}")


def test_the_declared_replication_is_shown(session: Session, keyspace: str) -> None:
    row = session.execute("SELECT * FROM system_schema_mcs.keyspaces WHERE keyspace_name = %s", (keyspace,)).one()
    assert row.replication == {"class": "SingleRegionStrategy", "replication_factor": "3"}


def test_a_table_is_creating_then_active_updating_then_active_deleting_then_gone(
    session: Session, keyspace: str, local_keyspaces: LocalKeyspacesNode
) -> None:
    table = f"{keyspace}.slow"

    def why_not_active() -> str | None:
        return None if shown(session, table).status == "ACTIVE" else "not ACTIVE"

    set_delay(session, 1500)
    began = time.monotonic()
    session.execute(f"CREATE TABLE {table} (a int PRIMARY KEY)")
    assert shown(session, table).status == "CREATING"
    with pytest.raises(InvalidRequest, match="unconfigured table slow"):
        session.execute(f"INSERT INTO {table} (a) VALUES (1)")
    wait_for(local_keyspaces, why_not_active)
    assert time.monotonic() - began >= 1.5
    session.execute(f"ALTER TABLE {table} ADD b int")
    assert shown(session, table).status == "UPDATING"
    session.execute(f"INSERT INTO {table} (a, b) VALUES (1, 2)")
    wait_for(local_keyspaces, why_not_active)
    session.execute(f"DROP TABLE {table}")
    assert shown(session, table).status == "DELETING"
    with pytest.raises(InvalidRequest, match="DELETING"):
        session.execute(f"SELECT * FROM {table}")
    wait_for(local_keyspaces, lambda: "still there" if shown(session, table) else None)
    with pytest.raises(InvalidRequest):
        session.execute(f"SELECT * FROM {table}")


def test_the_servers_time_is_taken_on_a_table_without_client_side_timestamps(session: Session, keyspace: str) -> None:
    session.execute(f"CREATE TABLE {keyspace}.plain (a int PRIMARY KEY, b int)")
    generator, session.cluster.timestamp_generator = session.cluster.timestamp_generator, lambda: 1
    try:
        session.execute(f"INSERT INTO {keyspace}.plain (a, b) VALUES (1, 1)")
        session.execute(f"BEGIN UNLOGGED BATCH INSERT INTO {keyspace}.plain (a, b) VALUES (2, 2); APPLY BATCH")
    finally:
        session.cluster.timestamp_generator = generator
    session.execute("UPDATE local_keyspaces.rules SET enforced = false WHERE id = 'writetime-needs-cst'")
    try:
        rows = session.execute(f"SELECT WRITETIME(b) AS written FROM {keyspace}.plain").all()
    finally:
        session.execute("UPDATE local_keyspaces.rules SET enforced = true WHERE id = 'writetime-needs-cst'")
    assert len(rows) == 2
    assert all(abs(row.written / 1e6 - time.time()) < 600 for row in rows)


def test_properties_and_unfinished_changes_survive_a_kill(tmp_path: Path) -> None:
    native, storage = free_ports(2)
    settings = LocalKeyspacesSettings(home=tmp_path, native_port=native, storage_port=storage)
    node = LocalKeyspacesNode(settings)
    try:
        node.start()
        with Cluster([node.host], port=node.port) as cluster:
            session = cluster.connect()
            session.execute("CREATE KEYSPACE k WITH replication = {'class': 'SingleRegionStrategy'}")
            session.execute(f"CREATE TABLE k.kept (a int PRIMARY KEY) WITH custom_properties = {{'ttl': {ON}}}")
            session.execute("CREATE TABLE k.doomed (a int PRIMARY KEY)")
            set_delay(session, 600_000)
            session.execute("CREATE TABLE k.slow (a int PRIMARY KEY)")
            set_delay(session, 1)
            session.execute("UPDATE local_keyspaces.settings SET value = 1 WHERE name = 'ddl_frozen'")
            session.execute("DROP TABLE k.doomed")
        node.stop(grace_s=0)
        node.start()
        with Cluster([node.host], port=node.port) as cluster:
            session = cluster.connect()
            assert shown(session, "k.kept").custom_properties["ttl"] == {"status": "enabled"}
            assert shown(session, "k.slow").status == "CREATING"
            wait_for(node, lambda: "still there" if shown(session, "k.doomed") else None)
    finally:
        node.stop()
