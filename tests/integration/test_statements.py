"""The judgement of statements, held against a real Cassandra and local Keyspaces."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from cassandra import ConsistencyLevel, DriverException
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, Session
from cassandra.policies import FallthroughRetryPolicy, RoundRobinPolicy
from cassandra.protocol import ErrorMessage
from cassandra.query import SimpleStatement

from keyspaces_migration.statements import read_schema_file
from keyspaces_migration.statements.model import Statement
from keyspaces_migration.statements.parser import parse
from keyspaces_migration.statements.rules import Group, judge
from rehearsal.cassandra.node import CassandraNode, NodeSettings
from rehearsal.local_keyspaces.node import GUARDRAILS_OFF
from rehearsal.ports import free_ports
from tests.integration.statement_cases import CASES, INSERT, ON_CASSANDRA, PROPERTIES, TABLES, Case

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.local_keyspaces.node import LocalKeyspacesNode

SCHEMA = read_schema_file([f"{statement};\n" for statement in TABLES])


def profiles() -> dict[object, ExecutionProfile]:
    return {
        EXEC_PROFILE_DEFAULT: ExecutionProfile(
            load_balancing_policy=RoundRobinPolicy(),
            consistency_level=ConsistencyLevel.LOCAL_QUORUM,
            retry_policy=FallthroughRetryPolicy(),
            request_timeout=60,
        )
    }


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """A Cassandra that takes all that Cassandra can: functions, views, masks, roles."""
    native, storage = free_ports(2)
    settings = NodeSettings(
        home=tmp_path_factory.mktemp("statements-source"),
        name="statements",
        native_port=native,
        storage_port=storage,
        authentication=True,
        overrides=GUARDRAILS_OFF,
    )
    with CassandraNode(settings) as node:
        login = PlainTextAuthProvider(settings.user, settings.password)
        with Cluster([node.host], port=node.port, execution_profiles=profiles(), auth_provider=login) as cluster:
            session = cluster.connect()
            session.execute(
                "CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}"
            )
            for statement in (*TABLES, *ON_CASSANDRA):
                session.execute(statement)
            yield session


@pytest.fixture(scope="module")
def target(local_keyspaces: LocalKeyspacesNode) -> Iterator[Session]:
    with Cluster([local_keyspaces.host], port=local_keyspaces.port, execution_profiles=profiles()) as cluster:
        session = cluster.connect()
        session.execute("CREATE KEYSPACE shop WITH replication = {'class': 'SingleRegionStrategy'}")
        for statement in TABLES:
            session.execute(with_properties(statement))
        yield session
        session.execute("DROP KEYSPACE shop")


def with_properties(statement: str) -> str:
    """As provision makes tables: time to live and client-side timestamps enabled; counters take neither."""
    if "CREATE TABLE" not in statement or "counter" in statement:
        return statement
    joint = "AND" if "CLUSTERING ORDER" in statement else "WITH"
    return f"{statement} {joint} {PROPERTIES}"


def words_of_refusal(session: Session, case: Case) -> str:
    level = ConsistencyLevel.name_to_value[case.consistency]
    try:
        session.execute(SimpleStatement(case.cql, consistency_level=level))
    except (DriverException, ErrorMessage) as error:
        return str(error)
    return ""


def surely_refused(case: Case) -> set[str]:
    statement = parse(case.cql)
    assert isinstance(statement, Statement), statement
    findings = judge(statement, schema=SCHEMA, consistency=case.consistency)
    return {one.rule.id for one in findings if one.rule.group is Group.REFUSED and one.is_certain}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule or 'nothing'}: {case.cql[:60]}")
def test_what_is_judged_refused_is_refused_and_nothing_else_is(source: Session, target: Session, case: Case) -> None:
    assert words_of_refusal(source, case) == ""
    refusal = words_of_refusal(target, case)
    assert bool(surely_refused(case)) == bool(refusal), (refusal, surely_refused(case))
    assert bool(refusal) == case.refused


def test_an_explicit_timestamp_is_taken_within_its_window_only(source: Session, target: Session) -> None:
    now_us = time.time_ns() // 1000
    fresh, old = (
        Case(rule="explicit-timestamp", cql=f"{INSERT} USING TIMESTAMP {at}")
        for at in (now_us, now_us - 3 * 24 * 3600 * 10**6)
    )
    assert words_of_refusal(source, fresh) == words_of_refusal(target, fresh) == words_of_refusal(source, old) == ""
    assert "2 days" in words_of_refusal(target, old)
    statement = parse(old.cql)
    assert isinstance(statement, Statement)
    assert [(one.rule.id, one.is_certain) for one in judge(statement, schema=SCHEMA)] == [("explicit-timestamp", False)]
