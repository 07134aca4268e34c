"""Dead letters of dual writes on real stores and a real queue: sent by the writer, brought back by the replay."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from keyspaces_migration.clients import Consistency, SessionSettings, open_session
from keyspaces_migration.dual_write.accounts import Fate
from keyspaces_migration.dual_write.control_tables import create_control_tables
from keyspaces_migration.dual_write.failures import ReasonClass
from keyspaces_migration.dual_write.writer import FollowerFate
from keyspaces_migration.ledger.letter_records import LetterCounts, LetterOutcome
from tests.integration.letter_world import (
    CONTROL,
    DDL,
    MIGRATION,
    OF_KEYSPACES,
    SOURCE,
    TARGET,
    LetterWorld,
    Queue,
    wait_for,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cassandra.cluster import Session

    from rehearsal.cassandra.node import CassandraNode
    from rehearsal.local_keyspaces.node import LocalKeyspacesNode
    from rehearsal.servers.aws import AwsStandIn

LONG_NAME = "n" * 900
"""A clustering key that Cassandra takes and Keyspaces, at 850 bytes, refuses."""


@pytest.fixture(scope="module")
def sessions(cassandra_node: CassandraNode, local_keyspaces: LocalKeyspacesNode) -> Iterator[tuple[Session, Session]]:
    cassandra = SessionSettings(
        hosts=(cassandra_node.host,), port=cassandra_node.port, consistency=Consistency.LOCAL_QUORUM
    )
    keyspaces = SessionSettings(
        hosts=(local_keyspaces.host,), port=local_keyspaces.port, consistency=Consistency.LOCAL_QUORUM
    )
    replication: dict[str, str | int] = {"class": "SimpleStrategy", "replication_factor": 1}
    with open_session(cassandra) as source, open_session(keyspaces) as target:
        for keyspace, session in ((SOURCE, source), (TARGET, target)):
            session.execute(
                f"CREATE KEYSPACE {keyspace} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
            )
            session.execute(DDL.format(keyspace) + (OF_KEYSPACES if keyspace == TARGET else ""))
        create_control_tables(source, replication=replication, keyspace=CONTROL)
        yield source, target
        for keyspace, session in ((SOURCE, source), (TARGET, target), (CONTROL, source)):
            session.execute(f"DROP KEYSPACE {keyspace}")


@pytest.fixture
def world(
    sessions: tuple[Session, Session], aws_stand_in: AwsStandIn, tmp_path: Path, request: pytest.FixtureRequest
) -> LetterWorld:
    return LetterWorld(*sessions, Queue(aws_stand_in), tmp_path, request.node.name)


def test_what_the_follower_refuses_for_good_becomes_a_letter_and_blocks_nothing(world: LetterWorld) -> None:
    with world.writer() as writer:
        refused = writer.insert("notes", {**world.key(LONG_NAME), "kind": "long"})
        assert refused.follower is FollowerFate.JOURNALLED
        after = [writer.insert("notes", {**world.key(f"n{number}"), "kind": "short"}) for number in range(3)]
        assert {result.follower for result in after} == {FollowerFate.ACKNOWLEDGED}
        assert writer.drain(timeout_s=20) == 0
        accounts = writer.accounts()
        assert (accounts.fates, accounts.unaccounted) == ({Fate.BOTH: 3, Fate.LETTER: 1}, 0)
        assert writer.report().journal_depth == 0
    (body,) = world.queue.bodies()
    letter = json.loads(body)
    assert letter["reason"]["class"] == "TOO_LARGE"
    assert "850" in letter["reason"]["text"]
    assert (letter["migration"], letter["writer"], letter["store"]) == (MIGRATION, "test/0", "TARGET")
    assert letter["attempts"] == 1
    assert json.loads(letter["write"])["key"] == world.key(LONG_NAME)
    assert world.row(SOURCE, LONG_NAME) is not None

    done = world.drain()
    assert done.counts == {(LetterOutcome.PARKED, ReasonClass.TOO_LARGE): 1}
    assert world.queue.depth() == 0
    (parked,) = world.letters.parked(MIGRATION)
    assert (parked.body, parked.table_name) == (body, "notes")
    assert world.letters.counts(MIGRATION) == LetterCounts(parked=1)


def test_a_follower_s_missing_column_is_mended_and_the_parked_letter_retried(world: LetterWorld) -> None:
    target = world.sessions[TARGET]
    target.execute(f"DROP TABLE {TARGET}.notes")
    with world.writer() as writer:
        writer.insert("notes", {**world.key("a"), "kind": "k", "amount": 7, "tags": {"x", "y"}})
        writer.update("notes", {"customer": world.customer}, {"s": "static"})
        wait_for(lambda: world.queue.depth() == 2, "two letters")
        assert writer.drain(timeout_s=20) == 0
    first = world.drain()
    assert first.counts == {(LetterOutcome.PARKED, ReasonClass.SCHEMA): 2}
    target.execute(DDL.format(TARGET) + OF_KEYSPACES)
    second = world.drain(retry=True)
    assert second.of(LetterOutcome.REPLAYED) == 2
    assert world.letters.counts(MIGRATION) == LetterCounts(replayed=2)
    assert world.letters.parked(MIGRATION) == ()
    found = world.agree("a")
    assert found is not None
    assert (found["kind"], found["amount"], found["tags"], found["s"]) == ("k", 7, {"x", "y"}, "static")
