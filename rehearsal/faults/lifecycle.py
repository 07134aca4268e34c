"""What breaks in each stage of the lifecycle, and what must be said of it."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from rehearsal.edited import edited
from rehearsal.faults.ordeal import Breach, wait_for_words
from rehearsal.faults.small_disk import filled
from rehearsal.local_keyspaces.admin import Fault, FaultKind, Operation
from rehearsal.processes import WorldError
from rehearsal.run import DUAL_WRITES
from rehearsal.servers.cut_services import CutKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from rehearsal.faults.ordeal import Ordeal

SLOW_WRITES_MS = 200
"""How long the target takes for a write while the history is loaded: a few days of flights are loaded at once else."""
WORDS_TIMEOUT_S = 120.0
PARSED_TIMEOUT_S = 240.0
"""Airflow reads a file of DAGs once a minute, and one after the other."""
NONE = "none"
SHORT_S = 20.0
"""Shorter than the tries of a task of the load last, ten seconds and twenty apart: else the stage fails."""
LOAD = "historical_backfill"


def before_the_load(ordeal: Ordeal) -> None:
    """What a newcomer meets first: a wrong password, and services that do not answer."""
    airflow = ordeal.world.airflow

    def wrong_password() -> str:
        with airflow.changed_connection("flights_keyspaces", password="wrong"):  # noqa: S106 - that is the point
            said = ordeal.stage_fails("provision", "compare_schema")
        ordeal.rehearsal.stage(ordeal.api, "provision")
        return said

    def broken_file() -> str:
        file = airflow.dags / "migrations" / f"{ordeal.rehearsal.subject.name}.yaml"
        with edited(file, "settle_time: PT5S", "settle_time: soon"):
            said = wait_for_words(lambda: _import_errors(ordeal), "settle_time", timeout_s=PARSED_TIMEOUT_S)
        wait_for_words(lambda: _import_errors(ordeal) or NONE, NONE, timeout_s=PARSED_TIMEOUT_S)
        ordeal.rehearsal.stage(ordeal.api, "provision")
        return said

    def no_keyspaces() -> str:
        with ordeal.keyspaces_stopped():
            said = ordeal.stage_fails("provision", "preview")
        ordeal.rehearsal.stage(ordeal.api, "provision")
        return said

    ordeal.try_("a migration file that is broken", broken_file, says="consistency.settle_time")
    ordeal.try_("Keyspaces' API is away during provision", no_keyspaces, says="Could not connect to the endpoint")
    ordeal.try_("a wrong password of the target", wrong_password, says="Check the user name and the password")


def during_the_load(ordeal: Ordeal) -> None:
    """The history is loaded into a slow target, while one thing after the other breaks."""
    world, admin = ordeal.world, ordeal.world.target.admin
    slow = Fault(kind=FaultKind.LATENCY, latency_ms=SLOW_WRITES_MS, operation=Operation.WRITE)

    def kill(task: Mapping[str, Any]) -> AbstractContextManager[object]:
        world.airflow.kill_task(task["id"])
        return nullcontext()

    def no_target(_: Mapping[str, Any]) -> AbstractContextManager[object]:
        return ordeal.target_stopped()

    def no_history(_: Mapping[str, Any]) -> AbstractContextManager[object]:
        return ordeal.history_stopped()

    breaches = (
        Breach(name="a worker is killed during the load", task="load", begin=kill, says="Process terminated by signal"),
        Breach(
            name="Snowflake is away during the load",
            task="load",
            begin=no_history,
            says="Could not connect to Snowflake",
            at_most_s=SHORT_S,
        ),
        Breach(name="the target stops during the load", task="load", begin=no_target, says="target"),
    )
    admin.add_fault(slow)

    def run(meanwhile: Callable[[str], None]) -> str:
        return ordeal.rehearsal.stage(ordeal.api, LOAD, conf={"dry_run": False}, meanwhile=meanwhile)

    ordeal.during(breaches, run, LOAD)
    admin.clear_faults()
    missing, others = ordeal.rows_that_differ()
    if missing or others:
        raise WorldError(f"after the load the target lacks {missing} rows, and has {others} that the source has not")


def during_dual_writes(ordeal: Ordeal) -> None:
    """Dual writes begin, and go on."""
    world, rehearsal, api = ordeal.world, ordeal.rehearsal, ordeal.api
    application = world.application

    def no_flag() -> str:
        with world.aws.cut_off("appconfig"):
            return ordeal.stage_fails(DUAL_WRITES, "record_mode")

    def expired() -> str:
        with world.aws.cut_off("appconfig", kind=CutKind.EXPIRED):
            return ordeal.stage_fails(DUAL_WRITES, "record_mode")

    ordeal.try_("AppConfig is away when dual writes begin", no_flag, says="AppConfig")
    ordeal.try_("AWS credentials have expired when dual writes begin", expired, says="expired")

    def writer_dies(_: Mapping[str, Any]) -> AbstractContextManager[object]:
        return _application_dead(ordeal)

    breaches = (
        Breach(
            name="the application dies on the way to DUAL",
            task="wait_for_dual",
            begin=writer_dies,
            says="sample-application",
        ),
    )

    def run(meanwhile: Callable[[str], None]) -> str:
        def both(run_id: str) -> None:
            rehearsal.start_application(api, run_id)
            meanwhile(run_id)

        return rehearsal.stage(api, DUAL_WRITES, meanwhile=both)

    ordeal.during(breaches, run, DUAL_WRITES)
    rehearsal.stage(api, LOAD, conf={"dry_run": False})

    def no_queue() -> str:
        with world.aws.cut_off("sqs", "s3"), ordeal.target_stopped():
            said = _logged_since(ordeal, "letters")
            application.kill()
            application.start()
            _wait_for(ordeal, lambda status: status["unsent"] > 0)
        return said

    ordeal.try_("the target and SQS are away, and the application is killed", no_queue, says="letter")

    def full_disk() -> str:
        with filled(application.folder / "journal"):
            said = _logged_since(ordeal, "disk is full")
        application.kill()
        application.start()
        return said

    ordeal.try_(
        "the disk of the journal is full", full_disk, says="Make room or mend the disk, then start the writer again"
    )

    def expired_later() -> str:
        with world.aws.cut_off("sqs", "appconfig", kind=CutKind.EXPIRED):
            return _logged_since(ordeal, "expired")

    ordeal.try_("the application's AWS credentials expire", expired_later, says="expired")


def during_checks(ordeal: Ordeal) -> None:
    """A store is away while the stores are compared: that is never a verdict on them."""
    world, rehearsal, api = ordeal.world, ordeal.rehearsal, ordeal.api

    def no_history() -> str:
        with ordeal.history_stopped():
            said = ordeal.stage_fails("consistency_check", "check")
        rehearsal.check(api)
        return said

    def no_ledger() -> str:
        with world.airflow.changed_connection("flights_ledger", host="/nowhere/ledger.db"):
            said = ordeal.stage_fails("consistency_check", "record_run")
        rehearsal.check(api)
        return said

    ordeal.try_("Snowflake is away during a check", no_history, says="history")
    ordeal.try_("the ledger is away during a check", no_ledger, says="ledger")


def during_the_cutover(ordeal: Ordeal) -> None:
    """Reads go up, and come back, while Airflow, the flag's service or the target fail."""
    world, rehearsal, api = ordeal.world, ordeal.rehearsal, ordeal.api
    step = rehearsal.subject.first_step

    def no_target() -> str:
        planted: list[Any] = []

        def stop(run_id: str) -> None:
            tasks = {each["task_id"]: each["state"] for each in api.task_instances("flights.cutover", run_id)}
            if tasks.get(f"raise_to_{step}") == "success" and not planted:
                planted.append(ordeal.target_stopped())
                planted[0].__enter__()

        try:
            run_id = rehearsal.stage(api, "cutover", meanwhile=stop, expected="failed")
        finally:
            if planted:
                planted[0].__exit__(None, None, None)
        said = ordeal.said("cutover", run_id, f"watch_{step}")
        status = world.application.ask("status")
        if status["target_read_percent"]:
            raise WorldError(f"reads stayed on a target that did not answer: {status}")
        return said

    ordeal.try_("the target stops while a canary bakes", no_target, says="All reads went back to the source")
    rehearsal.check_until_ready(api)

    def scheduler(_: Mapping[str, Any]) -> AbstractContextManager[object]:
        world.airflow.kill("scheduler")
        world.airflow.start_again("scheduler")
        return nullcontext()

    def no_flag(_: Mapping[str, Any]) -> AbstractContextManager[object]:
        return world.aws.cut_off("appconfig")

    steps = rehearsal.subject.migration.cutover.canary_steps
    breaches = (
        Breach(
            name="AppConfig is away while a canary bakes", task=f"watch_{steps[0]}", begin=no_flag, says="AppConfig"
        ),
        Breach(name="the scheduler dies while a canary bakes", task=f"watch_{steps[1]}", begin=scheduler, says="baked"),
    )

    def run(meanwhile: Callable[[str], None]) -> str:
        return rehearsal.stage(api, "cutover", meanwhile=meanwhile)

    ordeal.during(breaches, run, "cutover")

    def rollback_without_flag() -> str:
        conf = {"confirm_migration": rehearsal.subject.name}
        with world.aws.cut_off("appconfig"):
            said = ordeal.stage_fails("rollback", "lower_share", conf=conf)
        rehearsal.roll_back(api)
        return said

    ordeal.try_("AppConfig is away during a rollback", rollback_without_flag, says="AppConfig")


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
    return wait_for_words(lambda: log.read_bytes()[begin:].decode(errors="replace"), words, timeout_s=WORDS_TIMEOUT_S)


def _wait_for(ordeal: Ordeal, holds: Callable[[Mapping[str, Any]], bool]) -> None:
    wait_for_words(
        lambda: "yes" if holds(ordeal.world.application.ask("status")) else "no", "yes", timeout_s=WORDS_TIMEOUT_S
    )
