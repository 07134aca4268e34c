"""The benchmark `backfill-conflicts` at small size: writers that contradict one another, in both orders."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
import snowflake.connector
from fakesnow import server as snowflake_stand_in  # the first call puts a module of that name in its place

from keyspaces_migration.backfill import History, LoggedDeletes
from keyspaces_migration.backfill.deletes import DeletesApplied
from keyspaces_migration.clients import Consistency, SessionSettings, open_session
from keyspaces_migration.config.tables import LoadOrder
from keyspaces_migration.ledger import open_ledger
from keyspaces_migration.ledger.backfills import BackfillLedger
from rehearsal.conflicts.scenario import Conflicts
from tests.keyring import KEYRING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cassandra.cluster import Session
    from snowflake.connector.cursor import SnowflakeCursor

    from rehearsal.cassandra.node import CassandraNode
    from rehearsal.local_keyspaces.node import LocalKeyspacesNode

ROWS = 600


@pytest.fixture(scope="module")
def cursor() -> Iterator[SnowflakeCursor]:
    with (
        snowflake_stand_in() as address,
        closing(snowflake.connector.connect(**address, database="ANALYTICS", schema="PUBLIC")) as connection,
        connection.cursor() as opened,
    ):
        yield opened


@pytest.fixture(scope="module")
def source(cassandra_node: CassandraNode) -> Iterator[Session]:
    with open_session(SessionSettings(hosts=(cassandra_node.host,), port=cassandra_node.port)) as opened:
        yield opened
        opened.execute("DROP KEYSPACE IF EXISTS keyspaces_migration")


@pytest.fixture(scope="module")
def target_settings(local_keyspaces: LocalKeyspacesNode) -> SessionSettings:
    return SessionSettings(
        hosts=(local_keyspaces.host,), port=local_keyspaces.port, consistency=Consistency.LOCAL_QUORUM
    )


@pytest.fixture(scope="module")
def target(target_settings: SessionSettings) -> Iterator[Session]:
    with open_session(target_settings) as opened:
        yield opened


@pytest.fixture
def conflicts(  # noqa: PLR0913, PLR0917 # pytest gives them all
    cursor: SnowflakeCursor,
    source: Session,
    target: Session,
    target_settings: SessionSettings,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[Conflicts]:
    order = getattr(request, "param", LoadOrder.DUAL_WRITES_FIRST)
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db", keyring=KEYRING)
    name = f"c_{request.node.originalname.rpartition('_')[2]}_{order.value.lower()}"
    yield Conflicts(
        name=name,
        order=order,
        source=source,
        target=target,
        target_settings=target_settings,
        history=History(cursor, snowflake.connector.Error),
        ledger=ledger,
        backfills=BackfillLedger(ledger),
        folder=tmp_path,
        rows=ROWS,
        clocks_s=(-1.5, 1.5),
        phase_s=1.5,
        rows_a_split=100,
        progress=print,
    )
    for session in (source, target):
        session.execute(f"DROP KEYSPACE {name}")


@pytest.mark.parametrize("conflicts", list(LoadOrder), ids=str, indirect=True)
def test_beside_writers_that_contradict_one_another_the_target_ends_as_the_source(conflicts: Conflicts) -> None:
    found = conflicts.run()
    assert found.counts() == {"overwritten_newer": 0, "resurrected": 0, "missing": 0}, found.examples


def test_without_logged_deletes_rows_come_back(conflicts: Conflicts, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(_: LoggedDeletes, table: str, *_args: object, **_options: object) -> DeletesApplied:
        return DeletesApplied(table=table, deletes=0)

    monkeypatch.setattr(LoggedDeletes, "after_split", nothing)
    monkeypatch.setattr(LoggedDeletes, "at_end", nothing)
    assert conflicts.run().resurrected > 0
