"""Metrics, log fields and spans, through Airflow's own backends: a real OTLP receiver, its JSON log, a real tracer."""

from __future__ import annotations

import atexit
import json
import logging
import re
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk._shared.observability.metrics.otel_logger import flush_otel_metrics
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics.stats_utils import get_stats_factory
from opentelemetry import metrics
from opentelemetry.metrics import _internal
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.util._once import Once
from structlog.contextvars import clear_contextvars, get_contextvars

from keyspaces_migration.config import load_migration
from keyspaces_migration.events.watch import Queue
from keyspaces_migration.ledger.flags import FlagLedger
from keyspaces_migration.ledger.repair_records import RepairStep
from keyspaces_migration.lifecycle import Stage
from keyspaces_provider import telemetry
from keyspaces_provider.operators.watch import WatchOperator
from keyspaces_provider.run import recorded_run
from keyspaces_provider.telemetry import Kind, Signal
from tests.unit.keyspaces_provider.recorded import a_recorded_run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FLIGHTS = Path(__file__).parents[3] / "dags/migrations/flights.yaml"
BACKEND: Any = stats.gauge.__globals__
"""The module that keeps the backend which Airflow's configuration names."""


@pytest.fixture(autouse=True)
def nothing_bound() -> Iterator[None]:
    clear_contextvars()
    telemetry._failed.clear()
    yield
    clear_contextvars()


class Receiver:
    """An OTLP receiver, as a collector is one."""

    def __init__(self) -> None:
        self.requests: list[ExportMetricsServiceRequest] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/v1/metrics":
                    receiver.requests.append(ExportMetricsServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing into the tests' output."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def points(self, name: str) -> list[tuple[dict[str, str], float]]:
        """Tags and value of each point of a metric, from the newest request that has it."""
        for request in reversed(self.requests):
            for resource in request.resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        if metric.name == name:
                            kind = metric.WhichOneof("data")
                            return [_point(point) for point in getattr(metric, str(kind)).data_points]
        return []

    def is_sum(self, name: str) -> bool:
        found = [
            metric
            for request in self.requests
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
        ]
        return bool(found[-1].WhichOneof("data") == "sum" and found[-1].sum.is_monotonic)


def _point(point: Any) -> tuple[dict[str, str], float]:
    value = point.as_double if point.WhichOneof("value") == "as_double" else float(point.as_int)
    return {each.key: each.value.string_value for each in point.attributes}, value


@pytest.fixture
def otlp(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Airflow's metrics, sent by its own OpenTelemetry backend to a receiver here."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.http.serve_forever)
    thread.start()
    monkeypatch.setenv("AIRFLOW__METRICS__OTEL_ON", "True")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{receiver.http.server_address[1]}")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "airflow")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    # A process has one provider of meters for good; this test has its own.
    monkeypatch.setattr(_internal, "_METER_PROVIDER", None)
    monkeypatch.setattr(_internal, "_METER_PROVIDER_SET_ONCE", Once())
    monkeypatch.setitem(BACKEND, "_backend", None)
    monkeypatch.setitem(BACKEND, "_factory", get_stats_factory())
    yield receiver
    provider: Any = metrics.get_meter_provider()
    provider.shutdown()
    atexit.unregister(flush_otel_metrics)
    receiver.http.shutdown()
    thread.join()
    receiver.http.server_close()


def flush() -> None:
    provider: Any = metrics.get_meter_provider()
    assert provider.force_flush()


def test_what_an_operator_tells_arrives_at_a_collector_with_its_tags(
    otlp: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "flights.yaml"
    file.write_text(FLIGHTS.read_text())
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS_LEDGER", f"sqlite://{tmp_path}/ledger.db")
    run = a_recorded_run(load_migration(file), ledger=tmp_path / "ledger.db", stage=Stage.START_DUAL_WRITES)
    at = datetime.now(UTC) - timedelta(hours=41)
    barrier_us = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    FlagLedger(run.ledger).fix_barrier(barrier_us, dag_id=run.dag_id, run_id="run-1", now=at)
    monkeypatch.setattr(WatchOperator, "_tell", lambda *_, **__: [])
    where = {"dag_id": "flights.watch", "run_id": "run", "task_id": "watch", "log_url": "http://airflow/x"}
    context: Any = {"ti": SimpleNamespace(**where)}
    monkeypatch.setattr("keyspaces_provider.operators.watch.unusable_channels", lambda _: [])
    WatchOperator(task_id="watch", migration_file=str(file), ledger_conn_id="flights_ledger").execute(context)
    flush()
    assert otlp.points("airflow.keyspaces_migration.watch.conditions") == [({"migration": "flights"}, 1.0)]
    assert get_contextvars()["migration"] == "flights"


def a_split(*, table: str = "planes", written: int = 7) -> Any:
    return SimpleNamespace(
        claimed=SimpleNamespace(table=SimpleNamespace(table_name=table), split=SimpleNamespace(number=2)),
        counts=SimpleNamespace(written=written, expired=1, dead=0),
        usage=SimpleNamespace(write_units=9, throttled_units=3),
    )


def test_splits_add_up_and_each_worker_slot_has_a_series_of_its_own(otlp: Receiver) -> None:
    for slot, written in ((1, 7), (1, 5), (2, 11)):
        telemetry.split_finished(a_split(written=written), migration="flights", slot=slot)
    flush()
    name = "airflow.keyspaces_migration.backfill.rows_written"
    tags = {"migration": "flights", "table": "planes"}
    assert sorted(otlp.points(name), key=str) == [({**tags, "slot": "1"}, 12.0), ({**tags, "slot": "2"}, 11.0)]
    assert otlp.is_sum(name)
    assert otlp.points("airflow.keyspaces_migration.backfill.throttled_units")[0][1] == pytest.approx(6)
    # A series that nothing was added to yet is there all the same: an alarm on its increase needs its beginning.
    assert otlp.points("airflow.keyspaces_migration.backfill.rows_dead")[0][1] == pytest.approx(0)


def test_every_signal_arrives_under_its_name(otlp: Receiver) -> None:
    for signal in Signal:
        telemetry.emit(signal, 1, **{tag: f"a-{tag}" for tag in signal.tags})
    flush()
    for signal in Signal:
        assert otlp.points(f"airflow.{signal.metric}") == [({tag: f"a-{tag}" for tag in signal.tags}, 1.0)], signal
        assert otlp.is_sum(f"airflow.{signal.metric}") == (signal.kind is Kind.COUNTER)


class Backend:
    """Takes what it is given, as a backend of Airflow's does, or fails."""

    def __init__(self, *, fails: bool = False) -> None:
        self.told: list[tuple[str, float, Mapping[str, str]]] = []
        self.fails = fails

    def gauge(self, stat: str, value: float, *, tags: Mapping[str, str]) -> None:
        if self.fails:
            raise ConnectionRefusedError("nobody listens")
        self.told.append((stat, value, tags))

    def incr(self, stat: str, *, count: int, tags: Mapping[str, str]) -> None:
        self.gauge(stat, count, tags=tags)


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Backend:
    made = Backend()
    monkeypatch.setitem(BACKEND, "_backend", made)
    return made


def test_a_backend_that_fails_is_said_once_and_fails_nothing(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    backend.fails = True
    with caplog.at_level(logging.WARNING, logger="keyspaces_provider.telemetry"):
        for _ in range(3):
            telemetry.reads_taken_back(migration="flights")
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 3
    assert "cutover.reversals (ConnectionRefusedError: nobody listens); said once" in said[0]
    assert "cutover.reversed_at_s" in said[1]
    assert "cutover.target_read_percent" in said[2]


@pytest.mark.parametrize("tags", [{}, {"migration": "flights", "table": "t"}])
def test_a_number_with_other_tags_than_its_own_is_not_told(
    tags: dict[str, str], backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="keyspaces_provider.telemetry"):
        telemetry.emit(Signal.DRIFTED, 1, **tags)
    assert backend.told == []
    assert "it has the tags migration" in caplog.text


def test_a_number_of_the_core_that_has_no_signal_is_said(backend: Backend, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="keyspaces_provider.telemetry"):
        telemetry.emit_named(
            [("keyspaces_migration.letters.no_such", 1, {}), (Signal.DRIFTED.metric, 2, {"migration": "f"})]
        )
    assert "letters.no_such" in caplog.text
    assert backend.told == [("keyspaces_migration.provision.drifted", 2.0, {"migration": "f"})]


def test_a_queue_that_nobody_knows_gives_no_number(backend: Backend) -> None:
    telemetry.queue_seen(None, migration="flights")
    assert backend.told == []
    telemetry.queue_seen(Queue(name="q", letters=3, oldest_age=None), migration="flights")
    assert [name for name, *_ in backend.told] == [Signal.LETTERS_QUEUED.metric]
    telemetry.queue_seen(Queue(name="q", letters=3, oldest_age=timedelta(minutes=2)), migration="flights")
    assert backend.told[-1] == (Signal.LETTERS_OLDEST.metric, 120.0, {"migration": "flights"})


def test_the_numbers_of_a_core_that_fails_at_them_fail_nothing(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    def numbers() -> Iterator[tuple[str, float, dict[str, str]]]:
        yield Signal.DRIFTED.metric, 2, {"migration": "flights"}
        raise ZeroDivisionError

    with caplog.at_level(logging.WARNING, logger="keyspaces_provider.telemetry"):
        telemetry.emit_named(numbers())
    assert [value for _, value, _ in backend.told] == [2]
    assert "ZeroDivisionError" in caplog.text


def test_repaired_rows_are_told_by_step_and_outcome(backend: Backend) -> None:
    telemetry.rows_repaired({"repaired": 4, "in_line": 1}, step=RepairStep.REPAIR, migration="flights")
    assert [(value, tags["step"], tags["outcome"]) for _, value, tags in backend.told] == [
        (4, "repair", "repaired"),
        (1, "repair", "in_line"),
    ]


def test_a_task_of_a_run_binds_its_migration_and_takes_the_table_of_the_task_before_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS_LEDGER", f"sqlite://{tmp_path}/ledger.db")
    run = a_recorded_run(load_migration(FLIGHTS), ledger=tmp_path / "ledger.db", stage=Stage.ASSESS)
    telemetry.bind(table="planes", slot=2, split=5)
    of_run: Any = {"dag_run": SimpleNamespace(dag_id=run.dag_id, run_id=run.run_id)}
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("airflow").start_as_current_span("task_run"):
        recorded_run(of_run, ledger_conn_id="flights_ledger")
        telemetry.split_begun(a_split().claimed)
        assert get_contextvars() == {"migration": "flights", "stage": "assess", "split": 3}
        telemetry.split_finished(a_split(), migration="flights", slot=1)
    assert get_contextvars() == {"migration": "flights", "stage": "assess"}
    (span,) = exporter.get_finished_spans()
    assert span.attributes is not None
    assert span.attributes["keyspaces_migration.migration"] == "flights"
    assert span.attributes["keyspaces_migration.stage"] == "assess"
    (event,) = span.events
    assert event.name == "keyspaces_migration.split_finished"
    assert event.attributes is not None
    assert event.attributes["backfill.rows_written"] == 7


IN_A_TASK = """
import io, logging, sys
from airflow.sdk.log import configure_logging
configure_logging(json_output=True, output=sys.stdout.buffer)
from keyspaces_provider import telemetry
telemetry.bind(migration="flights", table="planes", split=3)
logging.getLogger("keyspaces_migration.backfill").warning("%s rows", 7)
"""


def test_the_cores_own_log_lines_carry_the_fields_in_airflows_json(tmp_path: Path) -> None:
    answer = subprocess.run([sys.executable, "-c", IN_A_TASK], capture_output=True, text=True, check=True, cwd=tmp_path)
    lines = [json.loads(line) for line in answer.stdout.splitlines() if line.startswith("{")]
    (line,) = [each for each in lines if each["event"] == "7 rows"]
    assert line["logger"] == "keyspaces_migration.backfill"
    assert (line["migration"], line["table"], line["split"]) == ("flights", "planes", 3)


def test_names_are_unique_and_what_every_backend_takes() -> None:
    names = [signal.metric for signal in Signal]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z_]+\.[a-z_]+\.[a-z_]+", name) for name in names)
    assert all(signal.tags[0] == "migration" for signal in Signal)
