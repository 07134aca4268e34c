from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from keyspaces_migration.ledger import (
    ConfigurationChangedError,
    Ledger,
    LedgerSignatureError,
    MilestoneReached,
    RecordDamagedError,
    Report,
    ReportKind,
    RunConfiguration,
    RunNotRecordedError,
)
from keyspaces_migration.ledger.schema import run_configurations
from keyspaces_migration.lifecycle import Milestone, OutOfOrderError, Stage

NewRun = Callable[..., RunConfiguration]
LATER = datetime(2026, 11, 24, 1, 2, 3, 999999, tzinfo=UTC)
CHANGED = '{"name":"flights","changed":true}'


def reach(ledger: Ledger, run: RunConfiguration, milestone: Milestone, *, at: datetime = LATER) -> None:
    ledger.add_milestone(milestone, dag_id=run.dag_id, run_id=run.run_id, reached_at=at)


def report(ledger: Ledger, run: RunConfiguration, **changes: object) -> None:
    values: dict[str, object] = {
        "kind": ReportKind.ASSESSMENT,
        "dag_id": run.dag_id,
        "run_id": run.run_id,
        "media_type": "text/markdown",
        "path": "s3://bucket/assessment.md",
        "sha256": "a" * 64,
        "created_at": LATER,
    }
    ledger.record_report(**(values | changes))  # type: ignore[arg-type]


def test_a_run_comes_back_as_it_was_recorded(ledger: Ledger, new_run: NewRun) -> None:
    run = new_run()
    assert ledger.record_run(run) == run
    assert ledger.run_configuration(dag_id=run.dag_id, run_id=run.run_id) == run


def test_a_moment_of_any_time_zone_comes_back_as_the_same_microsecond_in_utc(ledger: Ledger, new_run: NewRun) -> None:
    in_tokyo = datetime(2026, 11, 24, 8, 59, 59, 999999, tzinfo=timezone(timedelta(hours=9)))
    recorded = ledger.record_run(replace(new_run(), recorded_at=in_tokyo)).recorded_at
    assert recorded == in_tokyo
    assert recorded.tzinfo is UTC
    assert recorded.isoformat() == "2026-11-23T23:59:59.999999+00:00"


def test_a_moment_without_a_time_zone_is_refused(ledger: Ledger, new_run: NewRun) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        ledger.record_run(replace(new_run(), recorded_at=datetime(2026, 11, 23)))  # noqa: DTZ001 # the point


def test_a_retried_task_finds_the_run_as_it_was_recorded_first(ledger: Ledger, new_run: NewRun) -> None:
    run = new_run()
    ledger.record_run(run)
    assert ledger.record_run(replace(run, recorded_at=LATER, recorded_by="bob")) == run


def test_a_run_that_comes_back_with_another_file_is_refused_naming_both_digests(
    ledger: Ledger, new_run: NewRun
) -> None:
    run, changed = new_run(), new_run(text=CHANGED)
    ledger.record_run(run)
    with pytest.raises(ConfigurationChangedError, match="Start a new run") as refused:
        ledger.record_run(changed)
    assert run.digest in str(refused.value)
    assert changed.digest in str(refused.value)
    assert ledger.run_configuration(dag_id=run.dag_id, run_id=run.run_id) == run


def test_an_acting_task_stops_if_the_file_has_changed_since_the_run_began(ledger: Ledger, new_run: NewRun) -> None:
    run = ledger.record_run(new_run())
    assert ledger.require_unchanged(dag_id=run.dag_id, run_id=run.run_id, digest=run.digest) == run
    with pytest.raises(ConfigurationChangedError):
        ledger.require_unchanged(dag_id=run.dag_id, run_id=run.run_id, digest=new_run(text=CHANGED).digest)


def test_a_configuration_whose_digest_is_not_its_own_is_not_recorded(ledger: Ledger, new_run: NewRun) -> None:
    run = new_run()
    with pytest.raises(RecordDamagedError, match="Do not go on"):
        ledger.record_run(replace(run, canonical_json=CHANGED))
    assert ledger.latest_digest("flights") is None
    ledger.record_run(run)
    with pytest.raises(RecordDamagedError):
        ledger.record_run(replace(run, canonical_json=CHANGED))


def test_a_stored_configuration_that_was_edited_is_refused_by_all_that_stands_on_it(
    ledger: Ledger, new_run: NewRun
) -> None:
    run = ledger.record_run(new_run())
    with ledger.database.writing() as connection:
        connection.execute(sa.update(run_configurations).values(canonical_json=CHANGED))
    for refused in (
        lambda: ledger.run_configuration(dag_id=run.dag_id, run_id=run.run_id),
        lambda: ledger.record_run(run),
        lambda: reach(ledger, run, Milestone.ASSESSED),
    ):
        with pytest.raises(LedgerSignatureError):
            refused()


def test_a_configuration_is_not_spilled_by_the_text_of_a_record(new_run: NewRun) -> None:
    assert "Zürich" not in repr(new_run())


def test_what_a_run_did_not_record_is_refused_not_made_up(ledger: Ledger, new_run: NewRun) -> None:
    run = new_run()
    for refused in (
        lambda: ledger.run_configuration(dag_id=run.dag_id, run_id=run.run_id),
        lambda: ledger.require_unchanged(dag_id=run.dag_id, run_id=run.run_id, digest=run.digest),
        lambda: reach(ledger, run, Milestone.ASSESSED),
        lambda: report(ledger, run),
    ):
        with pytest.raises(RunNotRecordedError, match=r"manual__1 of flights\.assess"):
            refused()
    assert ledger.milestones("flights") == ()
    assert ledger.reports("flights") == ()


def test_the_latest_digest_is_that_of_the_newest_run_of_that_migration(ledger: Ledger, new_run: NewRun) -> None:
    assert ledger.latest_digest("flights") is None
    ledger.record_run(new_run())
    newest = ledger.record_run(new_run(run_id="manual__2", text=CHANGED))
    ledger.record_run(new_run(migration="orders", text="{}"))
    assert ledger.latest_digest("flights") == newest.digest


def test_milestones_come_back_in_the_order_of_recording_whatever_the_clock_said(
    ledger: Ledger, new_run: NewRun
) -> None:
    assess = ledger.record_run(new_run())
    provision = ledger.record_run(new_run(stage=Stage.PROVISION, text=CHANGED))
    other = ledger.record_run(new_run(migration="orders"))
    reach(ledger, assess, Milestone.ASSESSED, at=LATER)
    reach(ledger, other, Milestone.ASSESSED)
    reach(ledger, provision, Milestone.PROVISIONED, at=LATER - timedelta(days=1))
    assert [reached.milestone for reached in ledger.milestones("flights")] == [
        Milestone.ASSESSED,
        Milestone.PROVISIONED,
    ]
    assert ledger.milestones("flights")[1] == MilestoneReached(
        migration="flights",
        milestone=Milestone.PROVISIONED,
        reached_at=LATER - timedelta(days=1),
        dag_id="flights.provision",
        run_id="manual__1",
        digest=provision.digest,
    )


def test_a_run_reaches_a_milestone_once_and_another_run_may_reach_it_again(ledger: Ledger, new_run: NewRun) -> None:
    first, second = ledger.record_run(new_run()), ledger.record_run(new_run(run_id="manual__2"))
    reach(ledger, first, Milestone.ASSESSED, at=LATER)
    reach(ledger, first, Milestone.ASSESSED, at=LATER + timedelta(hours=1))
    reach(ledger, second, Milestone.ASSESSED, at=LATER + timedelta(hours=2))
    assert [(reached.run_id, reached.reached_at) for reached in ledger.milestones("flights")] == [
        ("manual__1", LATER),
        ("manual__2", LATER + timedelta(hours=2)),
    ]


def test_a_start_out_of_order_records_nothing(ledger: Ledger, new_run: NewRun) -> None:
    with pytest.raises(OutOfOrderError, match=r"flights\.assess"):
        ledger.start_run(new_run(stage=Stage.PROVISION))
    assert ledger.latest_digest("flights") is None


def test_a_start_in_order_is_recorded_and_milestones_of_another_migration_do_not_count(
    ledger: Ledger, new_run: NewRun
) -> None:
    assess = ledger.start_run(new_run())
    reach(ledger, assess, Milestone.ASSESSED)
    provision = new_run(stage=Stage.PROVISION)
    assert ledger.start_run(provision) == ledger.start_run(provision) == provision
    with pytest.raises(OutOfOrderError):
        ledger.start_run(new_run(stage=Stage.PROVISION, migration="orders"))


def test_reports_are_found_by_migration_run_and_kind(ledger: Ledger, new_run: NewRun) -> None:
    first, second = ledger.record_run(new_run()), ledger.record_run(new_run(run_id="manual__2"))
    other = ledger.record_run(new_run(migration="orders"))
    report(ledger, first)
    report(ledger, first, kind=ReportKind.TABLES_DRAFT, path="s3://bucket/tables.yaml")
    report(ledger, second)
    report(ledger, other)
    assert len(ledger.reports("flights")) == 3
    assert [found.run_id for found in ledger.reports("flights", kind=ReportKind.ASSESSMENT)] == [
        "manual__1",
        "manual__2",
    ]
    assert ledger.reports("flights", run_id="manual__2") == (
        Report(
            migration="flights",
            stage=Stage.ASSESS,
            dag_id="flights.assess",
            run_id="manual__2",
            kind=ReportKind.ASSESSMENT,
            media_type="text/markdown",
            path="s3://bucket/assessment.md",
            sha256="a" * 64,
            created_at=LATER,
        ),
    )


def test_a_report_written_again_is_one_record_and_with_other_content_two(ledger: Ledger, new_run: NewRun) -> None:
    run = ledger.record_run(new_run())
    report(ledger, run)
    report(ledger, run, created_at=LATER + timedelta(hours=1))
    report(ledger, run, sha256="b" * 64)
    assert [found.sha256[0] for found in ledger.reports("flights")] == ["a", "b"]
