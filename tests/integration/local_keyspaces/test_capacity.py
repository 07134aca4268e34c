from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from cassandra import ConsistencyLevel, InvalidRequest, ReadTimeout, WriteTimeout
from cassandra.concurrent import execute_concurrent_with_args
from cassandra.query import BatchStatement, BatchType, SimpleStatement

from rehearsal.local_keyspaces.rules import RULES, Enforcer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cassandra.cluster import Session

    from rehearsal.local_keyspaces.admin import LocalKeyspacesAdmin

KB = 1024
PLENTY = 1_000_000


@pytest.fixture(scope="module")
def keyspace(session: Session) -> Iterator[str]:
    session.execute("CREATE KEYSPACE capacity WITH REPLICATION = {'class': 'SingleRegionStrategy'}")
    yield "capacity"
    session.execute("DROP KEYSPACE capacity")


@pytest.fixture
def table(session: Session, keyspace: str) -> str:
    return make(session, keyspace)


def make(session: Session, keyspace: str, *, reads: int = 0, writes: int = 0) -> str:
    """A table on demand, or with so many units a second."""
    name = f"{keyspace}.t{uuid4().hex[:12]}"
    mode = (
        f" WITH CUSTOM_PROPERTIES = {{'capacity_mode': {{'throughput_mode': 'PROVISIONED', "
        f"'read_capacity_units': {reads}, 'write_capacity_units': {writes}}}}}"
        if writes
        else ""
    )
    session.execute(f"CREATE TABLE {name} (p int, c int, s blob static, v blob, PRIMARY KEY (p, c)){mode}")
    return name


def unlimited(admin: LocalKeyspacesAdmin) -> None:
    """Capacity on, without a limit: a test sets the one that it is about."""
    admin.change_settings(
        capacity=True,
        burst_s=0,
        on_demand_write_units_per_s=PLENTY,
        on_demand_read_units_per_s=PLENTY,
        table_units_per_s=PLENTY,
        partition_write_units_per_s=PLENTY,
        partition_read_units_per_s=PLENTY,
        connection_requests_per_s=PLENTY,
    )


def write_many(
    session: Session, table: str, count: int, *, partitions: int | None = None, first: int = 0
) -> tuple[list[Any], float]:
    """Write rows as fast as possible. The errors, and how many seconds it took."""
    insert = session.prepare(f"INSERT INTO {table} (p, c, v) VALUES (?, ?, 0x01)")
    began = time.monotonic()
    values = [(first + i % (partitions or count), i) for i in range(count)]
    done = execute_concurrent_with_args(session, insert, values, concurrency=50, raise_on_first_error=False)
    return [result for succeeded, result in done if not succeeded], time.monotonic() - began


def read_many(session: Session, table: str, count: int) -> list[Any]:
    select = session.prepare(f"SELECT v FROM {table} WHERE p = ? AND c = 0")
    done = execute_concurrent_with_args(
        session, select, [(i,) for i in range(count)], concurrency=50, raise_on_first_error=False
    )
    return [result for succeeded, result in done if not succeeded]


def stored(session: Session, table: str) -> int:
    return len(list(session.execute(SimpleStatement(f"SELECT p FROM {table}", fetch_size=5000))))


def assert_throttled(errors: list[Any], kind: type[Exception]) -> None:
    assert errors
    assert {type(error) for error in errors} == {kind}
    assert {error.received_responses for error in errors} == {0}


def test_a_provisioned_table_serves_its_units_and_throttles_the_rest(
    session: Session, admin: LocalKeyspacesAdmin, keyspace: str
) -> None:
    unlimited(admin)
    table = make(session, keyspace, reads=1000, writes=50)
    errors, elapsed_s = write_many(session, table, 500)
    assert_throttled(errors, WriteTimeout)
    served = 500 - len(errors)
    assert served == admin.total("ConsumedWriteCapacityUnits", table) == stored(session, table)
    assert 50 <= served <= 50 + 50 * elapsed_s + 1
    assert admin.total("WriteThrottleEvents", table) == len(errors)
    assert admin.total("SuccessfulRequestCount", table) >= served
    assert admin.total("ProvisionedWriteCapacityUnits", table) == 50
    admin.turn_rules({"table-throughput": False})
    assert write_many(session, table, 500)[0] == []


def test_reads_of_a_provisioned_table_are_throttled_apart_from_writes(
    session: Session, admin: LocalKeyspacesAdmin, keyspace: str
) -> None:
    unlimited(admin)
    table = make(session, keyspace, reads=20, writes=40_000)
    errors = read_many(session, table, 300)
    assert_throttled(errors, ReadTimeout)
    assert admin.total("ReadThrottleEvents", table) == len(errors)
    assert admin.total("WriteThrottleEvents", table) == 0
    assert write_many(session, table, 300)[0] == []


def test_unused_capacity_is_kept_for_a_burst(session: Session, admin: LocalKeyspacesAdmin, keyspace: str) -> None:
    unlimited(admin)
    admin.change_settings(burst_s=300)
    table = make(session, keyspace, reads=1, writes=100)
    errors, _ = write_many(session, table, 50)
    assert errors == []
    # Time itself is what is tested here: two seconds of it are 200 units.
    time.sleep(2)
    errors, elapsed_s = write_many(session, table, 1000)
    served = 1000 - len(errors)
    assert served >= 200
    assert served <= 50 + (2 + 60) * 100 + 100 * elapsed_s
    admin.change_settings(burst_s=0)
    errors, elapsed_s = write_many(session, table, 1000)
    assert 1000 - len(errors) <= 100 + 100 * elapsed_s + 1, "without a burst, a second's units at most"


def test_altered_capacity_holds_at_once(session: Session, admin: LocalKeyspacesAdmin, keyspace: str) -> None:
    unlimited(admin)
    table = make(session, keyspace, reads=1, writes=10)
    assert_throttled(write_many(session, table, 200)[0], WriteTimeout)
    session.execute(
        f"ALTER TABLE {table} WITH CUSTOM_PROPERTIES = {{'capacity_mode': {{'throughput_mode': 'PROVISIONED', "
        "'read_capacity_units': 1, 'write_capacity_units': 5000}}"
    )
    assert write_many(session, table, 200)[0] == []


def test_an_on_demand_table_starts_with_its_limit(session: Session, admin: LocalKeyspacesAdmin, table: str) -> None:
    unlimited(admin)
    admin.change_settings(on_demand_write_units_per_s=60)
    errors, elapsed_s = write_many(session, table, 500)
    assert_throttled(errors, WriteTimeout)
    assert 500 - len(errors) <= 60 + 60 * elapsed_s + 1
    admin.turn_rules({"on-demand-throughput": False})
    assert write_many(session, table, 500)[0] == []


def test_warm_throughput_raises_the_start(session: Session, admin: LocalKeyspacesAdmin, keyspace: str) -> None:
    unlimited(admin)
    admin.change_settings(on_demand_write_units_per_s=60)
    name = f"{keyspace}.warm"
    session.execute(
        f"CREATE TABLE {name} (p int, c int, v blob, PRIMARY KEY (p, c)) WITH CUSTOM_PROPERTIES = "
        "{'warm_throughput': {'read_units_per_second': 12000, 'write_units_per_second': 5000}}"
    )
    assert write_many(session, name, 500)[0] == []


def test_a_hot_partition_is_throttled_and_others_are_not(
    session: Session, admin: LocalKeyspacesAdmin, table: str
) -> None:
    unlimited(admin)
    admin.change_settings(partition_write_units_per_s=40)
    errors, elapsed_s = write_many(session, table, 400, partitions=1)
    assert_throttled(errors, WriteTimeout)
    assert 400 - len(errors) <= 40 + 40 * elapsed_s + 1
    assert admin.total("StoragePartitionThroughputCapacityExceeded", table) == len(errors)
    assert admin.total("WriteThrottleEvents", table) == 0
    assert write_many(session, table, 400, first=1)[0] == []
    admin.turn_rules({"partition-throughput": False})
    assert write_many(session, table, 400, partitions=1)[0] == []


def test_a_connection_has_a_request_rate_and_each_subquery_counts(
    session: Session, admin: LocalKeyspacesAdmin, table: str
) -> None:
    unlimited(admin)
    in_list = ",".join(str(i) for i in range(50))
    session.execute(f"INSERT INTO {table} (p, c) VALUES (0, 0)")
    admin.change_settings(connection_requests_per_s=120)
    errors: list[Any] = []
    served = 0
    began = time.monotonic()
    for _ in range(20):
        try:
            session.execute(f"SELECT v FROM {table} WHERE p IN ({in_list})")
            served += 1
        except ReadTimeout as error:
            errors.append(error)
    assert_throttled(errors, ReadTimeout)
    assert 50 * served <= 120 + 120 * (time.monotonic() - began) + 50
    admin.change_settings(connection_requests_per_s=PLENTY)
    assert admin.total("PerConnectionRequestRateExceeded", table) == len(errors)
    admin.change_settings(connection_requests_per_s=1)
    admin.turn_rules({"connection-request-rate": False})
    session.execute(f"SELECT v FROM {table} WHERE p IN ({in_list})")


def test_capacity_off_meters_and_throttles_nothing(session: Session, admin: LocalKeyspacesAdmin, keyspace: str) -> None:
    unlimited(admin)
    table = make(session, keyspace, reads=1, writes=1)
    assert_throttled(write_many(session, table, 200)[0], WriteTimeout)
    before = admin.total("ConsumedWriteCapacityUnits", table)
    admin.change_settings(capacity=False)
    assert write_many(session, table, 200)[0] == []
    assert admin.total("ConsumedWriteCapacityUnits", table) == before


def consumed(admin: LocalKeyspacesAdmin, table: str) -> tuple[float, float]:
    return admin.total("ConsumedWriteCapacityUnits", table), admin.total("ConsumedReadCapacityUnits", table)


@pytest.mark.parametrize(
    ("size", "units"), [(1, 1), (1000, 1), (KB + 1, 2), (10 * KB, 11)], ids=["tiny", "below", "above", "large"]
)
def test_a_write_takes_a_unit_for_each_kb(
    session: Session, admin: LocalKeyspacesAdmin, table: str, size: int, units: int
) -> None:
    unlimited(admin)
    session.execute(session.prepare(f"INSERT INTO {table} (p, c, v) VALUES (?, ?, ?)"), (1, 1, b"x" * size))
    assert consumed(admin, table) == (units, 0)


def test_a_logged_batch_takes_twice_the_units(session: Session, admin: LocalKeyspacesAdmin, table: str) -> None:
    unlimited(admin)
    insert = session.prepare(f"INSERT INTO {table} (p, c, v) VALUES (?, ?, 0x01)")
    taken = []
    for kind in (BatchType.UNLOGGED, BatchType.LOGGED):
        before, _ = consumed(admin, table)
        batch = BatchStatement(kind)
        for i in range(10):
            batch.add(insert, (1, i))
        session.execute(batch)
        taken.append(consumed(admin, table)[0] - before)
    assert taken == [10, 20]


def test_static_data_is_metered_apart(session: Session, admin: LocalKeyspacesAdmin, table: str) -> None:
    unlimited(admin)
    session.execute(session.prepare(f"INSERT INTO {table} (p, s) VALUES (?, ?)"), (1, b"x" * 1500))
    assert consumed(admin, table)[0] == 2
    session.execute(
        session.prepare(f"INSERT INTO {table} (p, c, s, v) VALUES (?, ?, ?, ?)"), (1, 1, b"x" * 1500, b"x" * 2500)
    )
    assert consumed(admin, table)[0] == 2 + 2 + 3


def test_a_failed_condition_takes_the_units_of_the_row_that_is_there(
    session: Session, admin: LocalKeyspacesAdmin, table: str
) -> None:
    unlimited(admin)
    insert = session.prepare(f"INSERT INTO {table} (p, c, v) VALUES (?, ?, ?) IF NOT EXISTS")
    assert session.execute(insert, (1, 1, b"x" * 5 * KB)).one().applied
    assert consumed(admin, table)[0] == 6
    assert not session.execute(insert, (1, 1, b"y")).one().applied
    assert consumed(admin, table)[0] == 6 + 6
    update = session.prepare(f"UPDATE {table} SET v = ? WHERE p = ? AND c = ? IF EXISTS")
    assert not session.execute(update, (b"z" * 3 * KB, 9, 9)).one().applied
    assert consumed(admin, table)[0] == 6 + 6 + 1
    assert admin.total("ConditionalCheckFailedRequests", table) == 2


def test_a_range_delete_takes_a_unit_for_each_row(session: Session, admin: LocalKeyspacesAdmin, table: str) -> None:
    unlimited(admin)
    write_many(session, table, 30, partitions=1)
    session.execute(f"DELETE FROM {table} WHERE p = 0 AND c < 20")
    assert consumed(admin, table)[0] == 30 + 20


def test_a_read_takes_a_unit_for_each_4_kb_and_half_of_it_at_local_one(
    session: Session, admin: LocalKeyspacesAdmin, table: str
) -> None:
    unlimited(admin)
    insert = session.prepare(f"INSERT INTO {table} (p, c, v) VALUES (?, ?, ?)")
    session.execute(insert, (1, 1, b"x" * 6 * KB))
    session.execute(insert, (2, 1, b"x"))
    taken = []
    for key in (1, 2, 3):
        for level in (ConsistencyLevel.LOCAL_QUORUM, ConsistencyLevel.LOCAL_ONE):
            before = consumed(admin, table)[1]
            session.execute(
                SimpleStatement(f"SELECT v FROM {table} WHERE p = {key} AND c = 1", consistency_level=level)
            )
            taken.append(consumed(admin, table)[1] - before)
    assert taken == [2, 1, 1, 0.5, 1, 0.5]


def test_errors_are_counted_by_whose_they_are(session: Session, admin: LocalKeyspacesAdmin, table: str) -> None:
    unlimited(admin)
    with pytest.raises(InvalidRequest):
        session.execute(SimpleStatement(f"INSERT INTO {table} (p, c) VALUES (1, null)"))
    assert admin.total("UserErrors", table) == 1
    assert admin.total("SystemErrors", table) == 0


def test_each_rule_of_capacity_has_a_switch(admin: LocalKeyspacesAdmin) -> None:
    ids = {rule.id for rule in RULES if rule.enforcer is Enforcer.CAPACITY}
    assert len(ids) == 5
    assert ids <= set(admin.rules())
