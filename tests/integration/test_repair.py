"""Repairs on real stores: Cassandra as the source, local Keyspaces as the target, one mismatch of each kind."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

from keyspaces_migration.clients import SessionSettings, open_session
from keyspaces_migration.consistency import shape as consistency
from keyspaces_migration.consistency.kinds import Leader, MismatchKind, Store
from keyspaces_migration.consistency.reading import StoreReader
from keyspaces_migration.consistency.repair import CellStore, Repairer
from keyspaces_migration.consistency.wording import shown_by_name
from keyspaces_migration.cql.types import parse_type
from keyspaces_migration.dual_write.clock import system_now_us
from keyspaces_migration.dual_write.shape import TableShape
from keyspaces_migration.ledger.repair_records import PlannedRepair, RepairOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cassandra.cluster import Session

    from keyspaces_migration.dual_write.mutation import Mutation
    from keyspaces_migration.ledger.repair_records import RepairedRow
    from rehearsal.cassandra.node import CassandraNode
    from rehearsal.local_keyspaces.node import LocalKeyspacesNode

SOURCE, TARGET = "repair_source", "repair_target"
TYPES = {
    "customer": "text",
    "day": "date",
    "n": "int",
    "kind": "text",
    "amount": "int",
    "tags": "set<text>",
    "s": "text",
}
SHAPE = TableShape(
    name="events",
    columns={name: parse_type(text) for name, text in TYPES.items()},
    partition_keys=("customer", "day"),
    clustering_keys=("n",),
    static_columns=("s",),
)
CHECKED = consistency.TableShape(
    name="events",
    types=SHAPE.columns,
    partition_key=SHAPE.partition_keys,
    clustering_key=SHAPE.clustering_keys,
    static_columns=SHAPE.static_columns,
    history=consistency.HistoryShape(table="A.B.EVENTS", columns={}),
)
COLUMNS = ", ".join(f"{name} {text}{' static' if name == 's' else ''}" for name, text in TYPES.items())
DDL = f"CREATE TABLE {{}}.events ({COLUMNS}, PRIMARY KEY ((customer, day), n))"
DAY = dt.date(2013, 1, 1)
HOUR = 3_600_000_000
# As `provision` makes tables that are dual-written.
OF_KEYSPACES = (
    " WITH CUSTOM_PROPERTIES = {'client_side_timestamps': {'status': 'enabled'}, 'ttl': {'status': 'enabled'}}"
)


class Pair:
    """Both stores, a repairer over them, and writes by hand with a timestamp of their own."""

    def __init__(self, source: Session, target: Session) -> None:
        self.sessions = {SOURCE: source, TARGET: target}
        self.now_us = system_now_us()
        self.customer = ""
        self.meanwhile: Callable[[], None] = lambda: None

    def repairer(self, *, leader: Leader = Leader.SOURCE) -> Repairer:
        return Repairer(
            shapes={"events": SHAPE},
            source=CellStore(self.sessions[SOURCE], store=Store.SOURCE, keyspace=SOURCE),
            target=CellStore(self.sessions[TARGET], store=Store.TARGET, keyspace=TARGET),
            leader=leader,
            settle=self._settle,
            now_us=system_now_us,
        )

    def _settle(self) -> None:
        self.meanwhile()

    def put(self, *keyspaces: str, n: int, hours_ago: float, ttl_s: int | None = None, **columns: Any) -> None:
        """An UPDATE, so that the row is there by its cells alone."""
        at_us = self.now_us - int(hours_ago * HOUR)
        using = "TIMESTAMP %s" if ttl_s is None else f"TIMESTAMP %s AND TTL {ttl_s}"
        sets = ", ".join(f"{name} = %s" for name in columns)
        for keyspace in keyspaces:
            self.sessions[keyspace].execute(
                f"UPDATE {keyspace}.events USING {using} SET {sets} WHERE customer = %s AND day = %s AND n = %s",
                (at_us, *columns.values(), self.customer, DAY, n),
            )

    def put_static(self, *keyspaces: str, hours_ago: float, value: str | None) -> None:
        at_us = self.now_us - int(hours_ago * HOUR)
        for keyspace in keyspaces:
            self.sessions[keyspace].execute(
                f"UPDATE {keyspace}.events USING TIMESTAMP %s SET s = %s WHERE customer = %s AND day = %s",
                (at_us, value, self.customer, DAY),
            )

    def row(self, keyspace: str, n: int) -> dict[str, Any] | None:
        """Values, write times and times to live of a row."""
        found = (
            self.sessions[keyspace]
            .execute(
                "SELECT kind, amount, tags, WRITETIME(kind) AS w_kind, WRITETIME(amount) AS w_amount, TTL(kind) AS ttl "
                f"FROM {keyspace}.events WHERE customer = %s AND day = %s AND n = %s",
                (self.customer, DAY, n),
            )
            .one()
        )
        return None if found is None else found._asdict()

    def statics(self, keyspace: str) -> Any:
        cql = f"SELECT s FROM {keyspace}.events WHERE customer = %s AND day = %s LIMIT 1"
        found = self.sessions[keyspace].execute(cql, (self.customer, DAY)).one()
        return None if found is None else found.s

    def planned(self, n: int | None, kind: MismatchKind = MismatchKind.VALUE_DIFFERS) -> PlannedRepair:
        """As a check records it."""
        key = (self.customer, DAY) if n is None else (self.customer, DAY, n)
        return PlannedRepair(table="events", kind=kind, key=shown_by_name(SHAPE.primary_key, key), columns=())

    def repair(self, *rows: PlannedRepair, leader: Leader = Leader.SOURCE) -> list[RepairedRow]:
        """Repair, then look again: what the two tasks do."""
        repairer, meanwhile = self.repairer(leader=leader), self.meanwhile
        done = repairer.repair(rows)
        self.meanwhile = lambda: None
        seen = list(repairer.check_again(rows, done=done))
        self.meanwhile = meanwhile
        return seen


@pytest.fixture(scope="module")
def opened(cassandra_node: CassandraNode, local_keyspaces: LocalKeyspacesNode) -> Iterator[Pair]:
    cassandra = SessionSettings(hosts=(cassandra_node.host,), port=cassandra_node.port)
    keyspaces = SessionSettings(hosts=(local_keyspaces.host,), port=local_keyspaces.port)
    with open_session(cassandra) as source, open_session(keyspaces) as target:
        for keyspace, session in ((SOURCE, source), (TARGET, target)):
            session.execute(
                f"CREATE KEYSPACE {keyspace} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
            )
            session.execute(DDL.format(keyspace) + (OF_KEYSPACES if keyspace == TARGET else ""))
        yield Pair(source, target)
        for keyspace, session in ((SOURCE, source), (TARGET, target)):
            session.execute(f"DROP KEYSPACE {keyspace}")


@pytest.fixture
def pair(opened: Pair, request: pytest.FixtureRequest) -> Pair:
    """Each test has a partition of its own."""
    opened.customer, opened.meanwhile, opened.now_us = request.node.name, lambda: None, system_now_us()
    return opened


def outcomes(rows: list[RepairedRow]) -> list[RepairOutcome]:
    found = [row.outcome for row in rows]
    assert all(row.reason == "" for row in rows if row.outcome.is_good)
    return found


def test_a_lost_row_comes_back_at_the_leaders_own_write_times(pair: Pair) -> None:
    pair.put(SOURCE, n=1, hours_ago=3, kind="a")
    pair.put(SOURCE, n=1, hours_ago=2, amount=7)
    assert outcomes(pair.repair(pair.planned(1, MismatchKind.MISSING_IN_TARGET))) == [RepairOutcome.REPAIRED]
    assert pair.row(TARGET, 1) == pair.row(SOURCE, 1)


def test_a_lost_row_that_is_older_than_the_window_comes_at_its_edge(pair: Pair) -> None:
    pair.put(SOURCE, n=1, hours_ago=2_000, kind="a")
    assert outcomes(pair.repair(pair.planned(1))) == [RepairOutcome.REPAIRED]
    found = pair.row(TARGET, 1)
    assert found is not None
    assert found["kind"] == "a"
    assert 0 <= found["w_kind"] - (pair.now_us - 47 * HOUR) < 60_000_000


def test_a_wrong_value_and_a_lost_null_are_put_right_and_the_other_cells_stay(pair: Pair) -> None:
    pair.put(SOURCE, TARGET, n=1, hours_ago=9, kind="a", amount=1)
    pair.put(TARGET, n=1, hours_ago=5, kind="wrong")
    pair.put(SOURCE, TARGET, n=2, hours_ago=9, amount=1)
    pair.put(TARGET, n=2, hours_ago=5, kind="wrong")
    assert outcomes(pair.repair(pair.planned(1), pair.planned(2))) == [RepairOutcome.REPAIRED] * 2
    one, two = pair.row(TARGET, 1), pair.row(TARGET, 2)
    assert one is not None
    assert (one["kind"], one["w_kind"]) == ("a", pair.now_us - 5 * HOUR + 1)
    assert (one["amount"], one["w_amount"]) == (1, pair.now_us - 9 * HOUR)
    assert two is not None
    assert (two["kind"], two["amount"]) == (None, 1)


def test_a_row_too_many_is_deleted_and_one_written_meanwhile_stays(pair: Pair) -> None:
    pair.put(TARGET, n=1, hours_ago=5, kind="extra")
    pair.put(TARGET, n=2, hours_ago=47.5, kind="extra")
    rows = [pair.planned(number, MismatchKind.UNEXPECTED_IN_TARGET) for number in (1, 2)]
    assert outcomes(pair.repair(*rows)) == [RepairOutcome.REPAIRED] * 2
    assert pair.row(TARGET, 1) is None
    assert pair.row(TARGET, 2) is None
    # The delete is stamped just above what it deleted: whatever comes later is there.
    pair.put(TARGET, n=1, hours_ago=4.9, kind="new")
    assert pair.row(TARGET, 1) is not None


def test_the_time_left_to_live_is_kept(pair: Pair) -> None:
    pair.put(SOURCE, n=1, hours_ago=1, ttl_s=5_000, kind="a")
    pair.put(SOURCE, n=2, hours_ago=1, ttl_s=5_000, kind="a")
    pair.put(TARGET, n=2, hours_ago=1, kind="a")
    rows = [pair.planned(1), pair.planned(2, MismatchKind.TTL_DIFFERS)]
    assert outcomes(pair.repair(*rows)) == [RepairOutcome.REPAIRED] * 2
    for number in (1, 2):
        found = pair.row(TARGET, number)
        assert found is not None
        assert 4_000 < found["ttl"] <= 5_000


def test_static_columns_are_repaired_by_the_partition(pair: Pair) -> None:
    pair.put(SOURCE, TARGET, n=1, hours_ago=9, kind="a")
    pair.put_static(SOURCE, hours_ago=8, value="right")
    pair.put_static(TARGET, hours_ago=7, value="wrong")
    assert outcomes(pair.repair(pair.planned(None))) == [RepairOutcome.REPAIRED]
    assert pair.statics(TARGET) == "right"
    pair.put_static(SOURCE, hours_ago=1, value=None)
    assert outcomes(pair.repair(pair.planned(None))) == [RepairOutcome.REPAIRED]
    assert pair.statics(TARGET) is None


def test_the_check_reads_static_columns_of_both_stores(pair: Pair) -> None:
    """Keyspaces refuses SELECT DISTINCT: a check that asked so could confirm no difference in a static column."""
    pair.put(SOURCE, TARGET, n=1, hours_ago=9, kind="a")
    pair.put(SOURCE, TARGET, n=2, hours_ago=9, kind="a")
    pair.put_static(SOURCE, TARGET, hours_ago=8, value="there")
    for keyspace, store in ((SOURCE, Store.SOURCE), (TARGET, Store.TARGET)):
        reader = StoreReader(pair.sessions[keyspace], store=store, keyspace=keyspace, shape=CHECKED)
        assert reader.read_statics([(pair.customer, DAY), ("nobody", DAY)]) == [("there",), None]


def test_what_has_no_write_time_is_parked_and_stays_as_it_is(pair: Pair) -> None:
    pair.put(SOURCE, n=1, hours_ago=2, kind="a", tags={"x"})
    pair.sessions[SOURCE].execute(
        f"INSERT INTO {SOURCE}.events (customer, day, n) VALUES (%s, %s, %s)", (pair.customer, DAY, 2)
    )
    one, two = pair.repair(pair.planned(1), pair.planned(2))
    assert (one.outcome, two.outcome) == (RepairOutcome.PARKED, RepairOutcome.PARKED)
    assert "tags" in one.reason
    assert "nothing but" not in one.reason
    assert "a key and no other value" in two.reason
    assert pair.row(TARGET, 1) is None
    assert pair.row(TARGET, 2) is None


def test_a_newer_write_that_reaches_the_follower_between_look_and_repair_survives(pair: Pair) -> None:
    """The second look has been had: the write arrives on the follower, and on the leader, before the repair's own."""
    pair.put(SOURCE, TARGET, n=1, hours_ago=9, kind="a")
    pair.put(TARGET, n=1, hours_ago=5, kind="wrong")
    repairer = pair.repairer()
    written: list[str] = []
    target = repairer._copier.follower
    write = target.write

    def late(mutation: Mutation) -> None:
        pair.put(SOURCE, TARGET, n=1, hours_ago=0, kind="newer")
        written.append("newer")
        write(mutation)

    setattr(target, "write", late)  # noqa: B010 # a writer beside the repair, at the worst moment
    done = repairer.repair([pair.planned(1)])
    assert written == ["newer"]
    found = pair.row(TARGET, 1)
    assert found is not None
    assert found["kind"] == "newer"
    assert outcomes(list(repairer.check_again([pair.planned(1)], done=done))) == [RepairOutcome.REPAIRED]


def test_a_row_that_the_leader_changes_while_it_is_looked_at_is_left_alone(pair: Pair) -> None:
    pair.put(SOURCE, TARGET, n=1, hours_ago=9, kind="a")
    pair.put(TARGET, n=1, hours_ago=5, kind="wrong")
    pair.meanwhile = lambda: pair.put(SOURCE, n=1, hours_ago=0, kind="b")
    (done,) = pair.repairer().repair([pair.planned(1)])
    assert (done.outcome, done.cells) == (RepairOutcome.CHANGED_MEANWHILE, 0)
    found = pair.row(TARGET, 1)
    assert found is not None
    assert found["kind"] == "wrong"


def test_what_has_healed_by_itself_is_not_written(pair: Pair) -> None:
    pair.put(SOURCE, TARGET, n=1, hours_ago=9, kind="a")
    pair.put(SOURCE, n=2, hours_ago=9, kind="a")
    pair.meanwhile = lambda: pair.put(TARGET, n=2, hours_ago=9, kind="a")
    rows = pair.repair(pair.planned(1), pair.planned(2))
    assert [(row.outcome, row.cells) for row in rows] == [(RepairOutcome.IN_LINE, 0)] * 2


def test_a_delete_at_the_follower_that_is_newer_than_the_row_is_said_to_be_still_different(pair: Pair) -> None:
    pair.put(SOURCE, TARGET, n=1, hours_ago=9, kind="a")
    pair.sessions[TARGET].execute(
        f"DELETE FROM {TARGET}.events WHERE customer = %s AND day = %s AND n = %s", (pair.customer, DAY, 1)
    )
    (row,) = pair.repair(pair.planned(1))
    assert row.outcome is RepairOutcome.STILL_DIFFERENT
    assert "may hold a delete" in row.reason


def test_while_the_target_leads_the_source_is_the_one_that_is_written(pair: Pair) -> None:
    pair.put(TARGET, n=1, hours_ago=2, kind="right")
    pair.put(SOURCE, n=1, hours_ago=3, kind="wrong")
    assert outcomes(pair.repair(pair.planned(1), leader=Leader.TARGET)) == [RepairOutcome.REPAIRED]
    assert pair.row(SOURCE, 1) == pair.row(TARGET, 1)


def test_a_preview_says_what_would_be_done_and_does_nothing(pair: Pair) -> None:
    pair.put(SOURCE, n=1, hours_ago=3, kind="a")
    pair.put(SOURCE, n=2, hours_ago=3, kind="a", tags={"x"})
    pair.put(SOURCE, TARGET, n=3, hours_ago=3, kind="a")
    seen = pair.repairer().preview([pair.planned(number) for number in (1, 2, 3)])
    assert [row.outcome for row in seen] == [RepairOutcome.WRITTEN, RepairOutcome.PARKED, RepairOutcome.IN_LINE]
    assert pair.row(TARGET, 1) is None


def test_a_store_that_refuses_the_read_is_no_difference(pair: Pair) -> None:
    pair.put(SOURCE, n=1, hours_ago=3, kind="a")
    source = CellStore(pair.sessions[SOURCE], store=Store.SOURCE, keyspace=SOURCE)
    gone = CellStore(pair.sessions[TARGET], store=Store.TARGET, keyspace="nowhere")
    repairer = Repairer(
        shapes={"events": SHAPE},
        source=source,
        target=gone,
        leader=Leader.SOURCE,
        settle=lambda: None,
        now_us=system_now_us,
    )
    (row,) = repairer.repair([pair.planned(1)])
    assert row.outcome is RepairOutcome.COULD_NOT_LOOK
    (again,) = repairer.check_again([pair.planned(1)], done=())
    assert again.outcome is RepairOutcome.COULD_NOT_LOOK
