"""The retirement over real stand-ins: a writer that follows the flag in AppConfig, a queue, CloudWatch and a ledger."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import ObjectStoragePath

from keyspaces_migration.consistency.kinds import Leader
from keyspaces_migration.dual_write.flag import WriteMode
from keyspaces_migration.ledger.checks import CheckLedger
from keyspaces_migration.lifecycle import Milestone, Stage, standing
from keyspaces_provider.ledger import ledger_from_connection
from keyspaces_provider.operators.dual_writes import WritersSensor
from keyspaces_provider.operators.retire import (
    FinalReportOperator,
    NotToRetireError,
    RetireEvidenceOperator,
    RetireOperator,
)
from keyspaces_provider.run import recorded_run
from tests.checks import a_check
from tests.integration.flag_world import LEDGER, SOURCE, TARGET, FlagWorld, flag_world, stores_of, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cassandra.cluster import Session

    from rehearsal.cassandra.node import CassandraNode
    from rehearsal.servers.aws import AwsStandIn


@pytest.fixture(scope="module")
def session(cassandra_node: CassandraNode) -> Iterator[Session]:
    with stores_of(cassandra_node) as opened:
        yield opened


class Retiring(FlagWorld):
    """A migration that was cut over ten minutes ago, and checked since."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(stage=Stage.RETIRE, **parts)
        leads = replace(self.base, mode=WriteMode.DUAL_TARGET_LEADS, target_read_percent=100, version=9)
        self.flag.deploy(leads, expected_version=None)
        self._record()

    def _record(self) -> None:
        at = datetime.now(UTC) - timedelta(minutes=10)
        self.start_runs(
            (Stage.ASSESS, "a", (Milestone.ASSESSED,)),
            (Stage.PROVISION, "p", (Milestone.PROVISIONED,)),
            (Stage.START_DUAL_WRITES, "d", (Milestone.DUAL_WRITES_STARTED,)),
            (Stage.HISTORICAL_BACKFILL, "h", (Milestone.BACKFILL_COMPLETE,)),
            (Stage.CUTOVER, "c", (Milestone.CUTOVER_FINISHED,)),
            (Stage.CONSISTENCY_CHECK, "check-1", ()),
            (Stage.RETIRE, self.run_id, ()),
            at=at,
        )
        found = a_check(
            dag_id=f"{self.migration.name}.consistency_check",
            leader=Leader.TARGET,
            started_at=at + timedelta(minutes=1),
            finished_at=at + timedelta(minutes=2),
        )
        CheckLedger(ledger_from_connection(LEDGER)).record(found, tables=(), coverage=(), mismatches=())

    def put_use(self) -> None:
        """Half an hour of metrics: the flights were read and written, nobody asked of anything else."""
        points = [
            {
                "MetricName": metric,
                "Dimensions": [
                    {"Name": "Keyspace", "Value": self.migration.target.keyspace},
                    {"Name": "TableName", "Value": "flights_unarchived"},
                ],
                "Timestamp": datetime.now(UTC) - timedelta(minutes=minute),
                "Unit": "Count",
                "Value": 600.0,
            }
            for metric in ("ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits")
            for minute in range(1, 9)
        ]
        self.client("cloudwatch").put_metric_data(Namespace="AWS/Cassandra", MetricData=points)

    def evidence(self) -> Any:
        RetireEvidenceOperator(task_id="evidence", ledger_conn_id=LEDGER).execute(self.context)
        return recorded_run(self.context, ledger_conn_id=LEDGER).evidence()

    def act(self) -> dict[str, Any]:
        operator = RetireOperator(task_id="retire", migration_file=str(self.file), ledger_conn_id=LEDGER)
        return operator.execute(self.context)

    def have_arrived(self, *, at_least: int = 1) -> bool:
        return WritersSensor(task_id="writers", ledger_conn_id=LEDGER, at_least=at_least).poke(self.context)


@pytest.fixture
def retiring(
    tmp_path: Path,
    cassandra_node: CassandraNode,
    aws_stand_in: AwsStandIn,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Retiring]:
    parts: dict[str, Any] = {"folder": tmp_path, "node": cassandra_node, "aws_stand_in": aws_stand_in}
    with flag_world(Retiring, session=session, monkeypatch=monkeypatch, **parts) as made:
        made.put_use()
        yield made


def test_the_source_is_let_go_with_a_writer_at_work(retiring: Retiring, tmp_path: Path) -> None:
    with (
        retiring.reader() as reader,
        retiring.writer(tmp_path, reader) as writer,
    ):
        with pytest.raises(NotToRetireError, match="dead letters: unmet"):
            _with_a_letter(retiring)
        writer.insert("notes", {"name": "before", "kind": "k"})
        wait_for(retiring.have_arrived)
        assert not retiring.have_arrived(at_least=2)
        wait_for(lambda: "before" in retiring.names(SOURCE))
        evidence = _until_evidence(retiring)
        assert "| writers | met | 1 writer, nothing unsent |" in evidence.page
        assert "throughput: {mode: " in evidence.page
        retiring.approve(evidence)
        assert retiring.act() == {"mode": "TARGET_ONLY", "version": 10}
        wait_for(retiring.have_arrived)
        writer.insert("notes", {"name": "after", "kind": "k"})
        assert retiring.names(TARGET) >= {"before", "after"}
        assert "after" not in retiring.names(SOURCE)
        kept = FinalReportOperator(task_id="report", ledger_conn_id=LEDGER).execute(retiring.context)
    milestones = ledger_from_connection(LEDGER).milestones(retiring.migration.name)
    assert Milestone.RETIRED in standing(each.milestone for each in milestones)
    twin = json.loads(ObjectStoragePath(kept["json"]).read_text())
    assert twin["flag"][-1]["mode"] == "TARGET_ONLY"
    found = twin["capacity"]["tables"]["flights_unarchived"]
    assert found["decision"] == "change"
    assert found["write_peak_per_s"] == 10
    assert found["saving_usd"] > 0


def test_a_queue_that_is_not_there_is_not_taken_for_an_empty_one(retiring: Retiring, tmp_path: Path) -> None:
    retiring.client("sqs").delete_queue(QueueUrl=retiring.queue_url)
    with retiring.reader() as reader, retiring.writer(tmp_path, reader):
        wait_for(retiring.have_arrived)
        with pytest.raises(NotToRetireError, match="dead letters: unknown"):
            retiring.evidence()


def test_without_writers_nobody_knows_what_is_unsent(retiring: Retiring) -> None:
    with pytest.raises(NotToRetireError, match="writers: unmet; observed: no writer is registered"):
        retiring.evidence()


def _with_a_letter(retiring: Retiring) -> None:
    sqs = retiring.client("sqs")
    sqs.send_message(QueueUrl=retiring.queue_url, MessageBody="a letter")
    try:
        retiring.evidence()
    finally:
        (message,) = sqs.receive_message(QueueUrl=retiring.queue_url)["Messages"]
        sqs.delete_message(QueueUrl=retiring.queue_url, ReceiptHandle=message["ReceiptHandle"])


def _until_evidence(retiring: Retiring) -> Any:
    """Once a heartbeat has said that the write is in both stores."""
    found: list[Any] = []

    def kept() -> bool:
        with contextlib.suppress(NotToRetireError):
            found.append(retiring.evidence())
        return bool(found)

    wait_for(kept)
    return found[-1]
