"""What breaks in each stage of the lifecycle, and what must be said of it."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from rehearsal.edited import edited
from rehearsal.faults.ordeal import Breach
from rehearsal.faults.small_disk import filled
from rehearsal.local_keyspaces.admin import Fault, FaultKind, Operation
from rehearsal.processes import WorldError
from rehearsal.run import DUAL_WRITES, ONE_WRITER
from rehearsal.servers.cut_services import CutKind
from rehearsal.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from rehearsal.faults.ordeal import Ordeal

SLOW_WRITES_MS = 200
"""How long the target takes for a write while the history is loaded: a few days of flights are loaded at once else."""
WORDS_TIMEOUT_S = 120.0
PARSED_TIMEOUT_S = 240.0
"""Airflow reads one file of DAGs after the other."""
SHORT_S = 20.0
"""Shorter than the tries of a task of the load last, ten seconds and twenty apart: else the stage fails."""
LONG_S = 600.0
"""Longer than a canary takes to go back."""
LOAD = "historical_backfill"


def before_the_load(ordeal: Ordeal) -> None:
    """What a newcomer meets first: a broken file, a service that does not answer, a wrong password."""
    world, provision = ordeal.world, partial(ordeal.rehearsal.stage, ordeal.api, "provision")

    def broken_file() -> str:
        file = world.airflow.dags / "migrations" / f"{ordeal.rehearsal.subject.name}.yaml"
        with edited(file, "settle_time: PT5S", "settle_time: soon"):
            _have_read(world.airflow.dags)
            said = _wait_for_words(lambda: _import_errors(ordeal), "settle_time", timeout_s=PARSED_TIMEOUT_S)
        _have_read(world.airflow.dags)
        wait_for(
            lambda: _import_errors(ordeal),
            lambda errors: not errors,
            lambda errors: f"Airflow still says {errors}",
            timeout_s=PARSED_TIMEOUT_S,
        )
        provision()
        return said

    ordeal.try_("a migration file that is broken", broken_file, says="consistency.settle_time")
    ordeal.try_stage(
        "Keyspaces' API is away during provision",
        ordeal.stopped(world.keyspaces),
        "provision",
        "preview",
        says="Could not connect to the endpoint",
        then=provision,
    )
    ordeal.try_stage(
        "a wrong password of the target",
        world.airflow.changed_connection("flights_keyspaces", password="wrong"),  # noqa: S106 - that is the point
        "provision",
        "compare_schema",
        says="Check the user name and the password",
        then=provision,
    )
    # Readiness counts no look for drift that is older than the last provision.
    ordeal.rehearsal.stage(ordeal.api, "drift")


def during_the_load(ordeal: Ordeal) -> None:
    """The history is loaded into a slow target, while one thing after the other breaks."""
    world, admin = ordeal.world, ordeal.world.target.admin

    def kill(task: Mapping[str, Any]) -> AbstractContextManager[object]:
        world.airflow.kill_task(task["id"])
        return nullcontext()

    admin.add_fault(Fault(kind=FaultKind.LATENCY, latency_ms=SLOW_WRITES_MS, operation=Operation.WRITE))
    ordeal.during(
        (
            Breach(
                name="a worker is killed during the load", task="load", begin=kill, says="Process terminated by signal"
            ),
            Breach(
                name="Snowflake is away during the load",
                task="load",
                begin=lambda _: ordeal.stopped(world.snowflake),
                says="Could not connect to Snowflake",
                at_most_s=SHORT_S,
            ),
            Breach(
                name="the target stops during the load",
                task="load",
                begin=lambda _: ordeal.stopped(world.target),
                says="the connection is refused",
            ),
        ),
        LOAD,
        conf={"dry_run": False},
    )
    admin.clear_faults()
    missing, others = ordeal.rows_that_differ()
    if missing or others:
        raise WorldError(f"after the load the target lacks {missing} rows, and has {others} that the source has not")


def as_dual_writes_begin(ordeal: Ordeal) -> None:
    """The flag can't be reached, and the application dies on the way to DUAL; then what changed meanwhile is loaded."""
    rehearsal = ordeal.rehearsal
    flag_away_as_dual_writes_begin(ordeal)
    ordeal.try_stage(
        "AWS credentials have expired when dual writes begin",
        ordeal.world.aws.cut_off("appconfig", kind=CutKind.EXPIRED),
        DUAL_WRITES,
        "record_mode",
        says="expired",
        conf=ONE_WRITER,
    )
    ordeal.during(
        [
            Breach(
                name="the application dies on the way to DUAL",
                task="wait_for_dual",
                once="dual_mode",
                begin=lambda _: _application_dead(ordeal),
                says="sample-application",
            )
        ],
        DUAL_WRITES,
        conf=ONE_WRITER,
        also=partial(rehearsal.start_application, ordeal.api),
    )
    rehearsal.stage(ordeal.api, LOAD, conf={"dry_run": False})


def flag_away_as_dual_writes_begin(ordeal: Ordeal) -> None:
    """The stage fails before anything has changed."""
    ordeal.try_stage(
        "AppConfig is away when dual writes begin",
        ordeal.world.aws.cut_off("appconfig"),
        DUAL_WRITES,
        "record_mode",
        conf=ONE_WRITER,
        says="AppConfig, which holds the flag, did not do what it was asked",
    )


def while_both_are_written(ordeal: Ordeal) -> None:
    """What the application must bear."""
    target_and_queue_away(ordeal)
    application = ordeal.world.application

    def full_disk() -> str:
        with filled(application.folder / "journal"):
            said = _logged_since(ordeal, "Make room or mend the disk")
        application.kill()
        application.start()
        return said

    def expired() -> str:
        with ordeal.world.aws.cut_off("sqs", "appconfig", kind=CutKind.EXPIRED):
            return _logged_since(ordeal, "expired")

    ordeal.try_(
        "the disk of the journal is full", full_disk, says="Make room or mend the disk, then start the writer again"
    )
    ordeal.try_("the application's AWS credentials expire", expired, says="expired")


def target_and_queue_away(ordeal: Ordeal) -> None:
    """Writes wait in the journal, and the application dies over them."""
    application = ordeal.world.application

    def away() -> str:
        with ordeal.world.aws.cut_off("sqs", "s3"), ordeal.stopped(ordeal.world.target):
            said = _logged_since(ordeal, "letters")
            application.kill()
            application.start()
            wait_for(
                lambda: int(application.ask("status")["unsent"]),
                bool,
                lambda _: "the application has no write that waits",
                timeout_s=WORDS_TIMEOUT_S,
            )
        return said

    ordeal.try_("the target and SQS are away, and the application is killed", away, says="letter")


def during_checks(ordeal: Ordeal) -> None:
    """A store is away while the stores are compared: that is never a verdict on them."""
    world, check = ordeal.world, partial(ordeal.rehearsal.check, ordeal.api)
    ordeal.try_stage(
        "Snowflake is away during a check",
        ordeal.stopped(world.snowflake),
        "consistency_check",
        "check",
        says="Snowflake can't be reached through connection",
        then=check,
    )
    ordeal.try_stage(
        "the ledger is away during a check",
        world.airflow.changed_connection("flights_ledger", host="/nowhere/ledger.db"),
        "consistency_check",
        "record_run",
        says="ledger",
        then=check,
    )


def during_the_cutover(ordeal: Ordeal) -> None:
    """Reads go up, and come back, while Airflow, the flag's service or the target fail."""
    world, rehearsal, api = ordeal.world, ordeal.rehearsal, ordeal.api
    first, second = (f"watch_{percent}" for percent in rehearsal.subject.migration.cutover.canary_steps[:2])
    stops = Breach(
        name="the target stops while a canary bakes",
        task=first,
        begin=lambda _: ordeal.stopped(world.target),
        says="All reads went back to the source",
        at_most_s=LONG_S,
    )
    ordeal.during([stops], "cutover", expected="failed")
    status = world.application.ask("status")
    if status["target_read_percent"]:
        raise WorldError(f"reads stayed on a target that did not answer: {status}")
    rehearsal.check_until_ready(api)

    def scheduler(_: Mapping[str, Any]) -> AbstractContextManager[object]:
        world.airflow.kill("scheduler")
        world.airflow.start_again("scheduler")
        return nullcontext()

    ordeal.during(
        (
            Breach(
                name="AppConfig is away while a canary bakes",
                task=first,
                begin=lambda _: world.aws.cut_off("appconfig"),
                says="AppConfig, which holds the flag, did not do what it was asked",
            ),
            Breach(
                name="the scheduler dies while a canary bakes",
                task=second,
                begin=scheduler,
                says="Success criteria met",
            ),
        ),
        "cutover",
    )
    flag_away_during_a_rollback(ordeal)


def flag_away_during_a_rollback(ordeal: Ordeal) -> None:
    """Reads stay where they are, and go back once it answers."""
    ordeal.try_stage(
        "AppConfig is away during a rollback",
        ordeal.world.aws.cut_off("appconfig"),
        "rollback",
        "lower_share",
        says="AppConfig, which holds the flag, did not do what it was asked",
        conf={"confirm_migration": ordeal.rehearsal.subject.name},
        then=partial(ordeal.rehearsal.roll_back, ordeal.api),
    )


def _have_read(dags: Path) -> None:
    """Have Airflow read the DAG files anew, as it does at once with those that changed."""
    for file in dags.glob("*.py"):
        file.touch()


def _import_errors(ordeal: Ordeal) -> str:
    """What Airflow says above its list of DAGs."""
    return "\n".join(ordeal.api.import_errors().values())


@contextmanager
def _application_dead(ordeal: Ordeal) -> Iterator[None]:
    ordeal.world.application.kill()
    try:
        yield
    finally:
        ordeal.world.application.start()


def _logged_since(ordeal: Ordeal, words: str) -> str:
    """Wait until the application's log says something new with these words; return what it said since."""
    log = ordeal.world.application.log
    begin = log.stat().st_size
    return _wait_for_words(lambda: log.read_bytes()[begin:].decode(errors="replace"), words, timeout_s=WORDS_TIMEOUT_S)


def _wait_for_words(look: Callable[[], str], words: str, *, timeout_s: float) -> str:
    return wait_for(
        look,
        lambda said: words in said,
        lambda said: f"{words!r} was not said: {said[-3000:]}",
        timeout_s=timeout_s,
    )
