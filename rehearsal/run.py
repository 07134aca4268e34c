"""`make rehearsal`: brings the local world up and takes a migration through every stage that is built."""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rich.markdown import Markdown

from rehearsal.application.truth import FILE_NAME as TRUTH
from rehearsal.approvals import Approver
from rehearsal.damage import TABLE, damage
from rehearsal.estimates import Took, as_page, compare, consumed_write_units
from rehearsal.local_keyspaces.admin import Fault, FaultKind, Operation
from rehearsal.notifications import counts, read_messages
from rehearsal.processes import WorldError
from rehearsal.summary import summary
from rehearsal.synthetic.damage import NothingToDamageError, damageable, known_keys
from rehearsal.synthetic.damage import damage as damage_own

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rich.console import Console

    from rehearsal.adapted import Adapted
    from rehearsal.airflow_api import AirflowApi
    from rehearsal.reporter import Reporter
    from rehearsal.subject import Subject
    from rehearsal.world import World

DUAL_WRITES = "start_dual_writes"
ONE_WRITER = {"expected_writers": 1}
"""What `start_dual_writes` is given: the sample application is one process."""
# As many as the sample's migration file asks for in a row before the cutover.
CHECKS = 2
STAGE_TIMEOUT_S = 1800.0
LETTERS = 3
LETTERS_TIMEOUT_S = 180.0
KEPT = "rehearsed"
"""Folder in the world's home: a person's own file as it was run, and what was changed in it."""


class StageFailedError(WorldError):
    """A stage of the rehearsal did not end as it should; the message holds the end of the failed task's log."""


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What the person who rehearses chose.

    Attributes:
        approve: Answer approvals without asking.
        keep: Leave the world up at the end, until Ctrl-C.
    """

    approve: bool
    keep: bool

    @classmethod
    def of(cls, environment: Mapping[str, str], *, terminal: bool) -> Self:
        """From APPROVE and KEEP; without a terminal nobody could answer, or press Ctrl-C."""
        approve = environment.get("APPROVE", "0" if terminal else "1")
        keep = environment.get("KEEP", "1" if terminal else "0")
        for name, value in (("APPROVE", approve), ("KEEP", keep)):
            if value not in {"0", "1"}:
                raise WorldError(f"{name} is {value!r}; it is 0 or 1")
        return cls(approve=approve == "1", keep=keep == "1")


@dataclass
class Rehearsal:
    """One run through the stages on a world that is up."""

    world: World
    choices: Choices
    console: Console
    reporter: Reporter
    seconds: dict[str, float] = field(default_factory=dict)
    assessment: dict[str, Any] = field(default_factory=dict)
    estimates: list[dict[str, Any]] = field(default_factory=list)
    provisioned: dict[str, Any] = field(default_factory=dict)
    rows_by_table: Counter[str] = field(default_factory=Counter)
    sampled_rows: int = 0
    verdicts: list[str] = field(default_factory=list)
    repaired: dict[str, int] = field(default_factory=dict)
    letters: dict[str, int] = field(default_factory=dict)
    breach: str = ""
    cutover: str = ""
    rollback: str = ""
    retired: str = ""
    audit: dict[str, Any] = field(default_factory=dict)
    application_runs: bool = False
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def subject(self) -> Subject:
        """What is rehearsed."""
        return self.world.subject

    def _dag_id(self, stage: str) -> str:
        return self.subject.dag_id(stage)

    def _task_states(self, api: AirflowApi, stage: str, run_id: str) -> dict[str, str]:
        return {task["task_id"]: task["state"] for task in api.task_instances(self._dag_id(stage), run_id)}

    def run(self) -> None:
        """Every stage that is built, in the lifecycle's order.

        Raises:
            StageFailedError: a stage failed.
        """
        with self.world.airflow.api() as api:
            self.prepare(api)
            self.check(api)
            self.damage_and_repair(api)
            self.replay_letters(api)
            self.check_until_ready(api)
            self.breach_canary(api)
            self.cut_over(api)
            self.check(api)
            self.roll_back(api)
            self.check(api)
            self.cut_over(api)
            self.audit_application()
            self.retire(api)
        self.end_application()

    def prepare(self, api: AirflowApi) -> None:
        """Everything up to the first check: both stores are complete and get every write."""
        self.make_target(api)
        self.load(api)
        self.write_to_both(api)

    def make_target(self, api: AirflowApi) -> None:
        """Everything before the first load."""
        if errors := api.import_errors():
            raise StageFailedError(f"Airflow could not import DAG files: {errors}")
        self._assess(api)
        self._provision(api)

    def load(self, api: AirflowApi) -> None:
        """Load the history, where a table asks for that before dual writes."""
        if self.subject.loads_before_barrier:
            self._backfill(api)
        else:
            self._skip(
                "the load before dual writes", "a table's order is DUAL_WRITES_FIRST: all is loaded at the barrier"
            )

    def write_to_both(self, api: AirflowApi) -> None:
        """Start dual writes, and load what changed since."""
        self.stage(api, DUAL_WRITES, conf=ONE_WRITER, meanwhile=partial(self.start_application, api))
        self._backfill(api)

    def check_until_ready(self, api: AirflowApi) -> None:
        """As many checks in a row as the cutover asks for."""
        for _ in range(CHECKS):
            self.check(api)

    def damage_and_repair(self, api: AirflowApi) -> None:
        """Damage the target, and repair what a check finds."""
        if (reason := self._why_undamaged()) is not None:
            self._skip("damage and repair", reason)
            return
        try:
            self.damage(api)
        except NothingToDamageError as error:
            self._skip("damage and repair", str(error))
            return
        self.repair(api)

    def damage(self, api: AirflowApi) -> None:
        """Damage the target, and let a check find it, name it, and lay it at the target's door."""
        self.reporter.done(f"damaged on the target: {self._damage()}")
        found = self.check(api, expected="failed")
        doors = {store for table in found["tables"].values() for store in table["out_of_line"]}
        if (found["verdict"], doors) != ("fail", {"target"}):
            raise StageFailedError(f"the damage was not found at the target: {found}")

    def _damage(self) -> str:
        own = None if self.subject.adapted is None else damageable(self.subject.migration)
        with self.world.target.session() as session:
            if own is None:
                damaged = damage(session)
                return f"{TABLE} {damaged.changed} changed, {damaged.extra} made up"
            known = known_keys(self.world.application.folder / TRUTH, own.shape.name)
            return damage_own(session, self.subject.migration.target.keyspace, own, known=known)

    def _why_undamaged(self) -> str | None:
        if self.subject.adapted is None:
            return None
        if not self.subject.migration.consistency.repair.enabled:
            return "consistency.repair.enabled is false in the file, so nothing would mend it"
        if damageable(self.subject.migration) is None:
            return "no table of rows that live for ever has a plain column, a key of many values and no collection"
        return None

    def _skip(self, what: str, reason: str) -> None:
        self.skipped[what] = reason
        self.reporter.done(f"not rehearsed: {what}: {reason}")

    def repair(self, api: AirflowApi) -> None:
        """Repair what the newest check found, once the approvers allow it."""
        run_id = self.stage(api, "repair", conf={"dry_run": False})
        self.repaired = api.returned(self._dag_id("repair"), run_id, "check_again")
        self.reporter.done(f"repaired on the target, and looked at again: {self.repaired}")

    def replay_letters(self, api: AirflowApi) -> None:
        """Let the target take no write of a table until some have become letters; then bring them back."""
        admin, table = self.world.target.admin, self.subject.on_target(self.subject.letter_table)
        fault = admin.add_fault(Fault(kind=FaultKind.TIMEOUT_BEFORE, table=table, operation=Operation.WRITE))
        try:
            self._wait_for_letters()
        finally:
            admin.remove_fault(fault)
        run_id = self.stage(api, "replay_dead_letters")
        found = api.returned(self._dag_id("replay_dead_letters"), run_id, "replay")
        self.letters = {name: found[name] for name in ("replayed", "parked", "left_in_queue")}
        self.reporter.done(f"dead letters of {table}, brought back: {self.letters}; {found['html']}")

    def _wait_for_letters(self) -> None:
        deadline = time.monotonic() + LETTERS_TIMEOUT_S
        while (sent := self.world.application.ask("status")["accounts"].get("letter", 0)) < LETTERS:
            if time.monotonic() > deadline:
                raise StageFailedError(f"only {sent} of {LETTERS} letters within {LETTERS_TIMEOUT_S:.0f} s")
            time.sleep(1)

    def breach_canary(self, api: AirflowApi) -> None:
        """Let reads on the target fail while a canary bakes: it goes back by itself, and nobody is asked."""
        admin, table = self.world.target.admin, self.subject.on_target(self.subject.breach_table)
        first_step = self.subject.first_step
        planted: list[int] = []

        def break_reads(run_id: str) -> None:
            tasks = self._task_states(api, "cutover", run_id)
            if tasks.get(f"raise_to_{first_step}") == "success" and not planted:
                fault = Fault(kind=FaultKind.SERVER_ERROR, table=table, operation=Operation.READ)
                planted.append(admin.add_fault(fault))
                self.reporter.done(f"reads of {table} on the target fail from now on")

        try:
            run_id = self.stage(api, "cutover", meanwhile=break_reads, expected="failed")
        finally:
            for fault in planted:
                admin.remove_fault(fault)
        log = api.task_log(self._dag_id("cutover"), run_id, f"watch_{first_step}", try_number=1)
        said = next((line for line in log.splitlines() if "All reads went back to the source" in line), None)
        status = self.world.application.ask("status")
        if said is None or status["target_read_percent"]:
            raise StageFailedError(f"the canary did not go back by itself: {status}; its watch said: {log[-2000:]}")
        self.breach = said[said.index("All reads") :][:300]
        self.reporter.done(f"{self.breach}; the application: {_reads(status)}")

    def cut_over(self, api: AirflowApi) -> None:
        """All reads to the target, step by step, once readiness and the approvers allow it; then the target leads."""
        run_id = self.stage(api, "cutover")
        led = api.returned(self._dag_id("cutover"), run_id, "target_leads")
        self.cutover = led["mode"]
        self.reporter.done(f"the target leads: {_reads(self.world.application.ask('status'))}")

    def roll_back(self, api: AirflowApi) -> None:
        """All reads back to the source."""
        run_id = self.stage(api, "rollback", conf={"confirm_migration": self.subject.name})
        found = api.returned(self._dag_id("rollback"), run_id, "lower_share")
        self.rollback = "lossless" if found["lossless"] else f"at risk: {'; '.join(found['at_risk'])}"
        self.reporter.done(f"rolled back: {found['statement']}")

    def retire(self, api: AirflowApi) -> None:
        """Let go of the source, once the cutover has stood for as long as the file asks, and a check has passed."""
        began = time.monotonic()
        self.check(api)
        stood_s = self.subject.migration.cutover.retire_after.total_seconds()
        time.sleep(max(0.0, stood_s - (time.monotonic() - began)))  # the file asks for it, and the stage refuses before
        run_id = self.stage(api, "retire")
        self.retired = api.returned(self._dag_id("retire"), run_id, "retire")["mode"]
        report = api.returned(self._dag_id("retire"), run_id, "report")
        self.reporter.done(f"the source is let go; the last report is kept, as a page to send: {report['html']}")
        # The source stands still from now on, so the target alone is compared.
        self.audit["audit"]["target"] = self.world.application.ask("audit")["audit"]["target"]

    def audit_application(self) -> None:
        """Have the application compare both stores with what it wrote."""
        self.audit = self.world.application.ask("audit")

    def end_application(self) -> None:
        """End the application, and say what it found."""
        self.audit |= {name: found for name, found in self.world.application.ask("stop").items() if name != "audit"}
        self.reporter.done(f"the application's audit: {self.audit}")
        messages = read_messages(self.world.airflow.notifications)
        told = ", ".join(f"{count} {kind}" for kind, count in counts(messages).items()) or "none"
        self.reporter.done(f"messages to people, as files in {self.world.airflow.notifications}: {told}")

    def result(self, *, wall_s: float) -> dict[str, Any]:
        """What happened, for the last line."""
        return {
            "rehearsal": "ok",
            "migration": self.subject.name,
            "wall_s": round(wall_s, 1),
            "stages": self.seconds,
            "provisioned": self.provisioned,
            "estimates": self.estimates,
            "rows_backfilled": self.rows_by_table.total(),
            "rows_by_table": dict(self.rows_by_table),
            "sampled_rows": self.sampled_rows,
            "lost_writes": sum(self.audit["audit"][store]["lost_writes"] for store in ("source", "target")),
            "wrong_reads": self.audit["wrong_reads"],
            "verdicts": self.verdicts,
            "repaired": self.repaired,
            "letters": self.letters,
            "bake_s": self.subject.migration.cutover.bake_time.total_seconds(),
            "reversals": 1 if self.breach else 0,
            "cutover": self.cutover,
            "rollback": self.rollback,
            "retired": self.retired,
            "skipped": self.skipped,
            "notifications": counts(read_messages(self.world.airflow.notifications)),
        }

    def _provision(self, api: AirflowApi) -> None:
        """Make the target; then look that a second plan is empty and that nobody has changed anything."""
        first = self.stage(api, "provision")
        made = api.returned(self._dag_id("provision"), first, "preview")["changes"]
        again = self.stage(api, "provision")
        left = api.returned(self._dag_id("provision"), again, "preview")["changes"]
        if left:
            raise StageFailedError(f"a second provision still has something to do: {left}")
        drift = self.stage(api, "drift")
        outputs = api.returned(self._dag_id("provision"), first, "outputs")["outputs"]
        self.provisioned = {
            "changes": made,
            "second_run": left,
            "drifted": api.returned(self._dag_id("drift"), drift, "drift")["drifted"],
        }
        for name, value in outputs.items():
            self.reporter.done(f"provisioned {name}: {value}")

    def start_application(self, api: AirflowApi, run_id: str) -> None:
        """Once the flag is deployed: the application can't run without one, and the stage waits for its writers."""
        tasks = self._task_states(api, DUAL_WRITES, run_id)
        if tasks.get("record_mode") == "success" and not self.application_runs:
            self.application_runs = True
            self.world.application.start()
            self.reporter.done("the sample application writes, updates, deletes and reads")

    def check(self, api: AirflowApi, *, expected: str = "success") -> dict[str, Any]:
        """Compare the stores; return what the check says."""
        run_id = self.stage(api, "consistency_check", expected=expected)
        found = api.returned(self._dag_id("consistency_check"), run_id, "check")
        self.verdicts.append(found["verdict"])
        self.sampled_rows += found["rows_compared"]
        self.reporter.done(f"verdict {found['verdict']}, {found['rows_compared']:,} rows compared: {found['markdown']}")
        return dict(found)

    def _backfill(self, api: AirflowApi) -> None:
        dag_id, before = self._dag_id("historical_backfill"), consumed_write_units(self.world.target.admin.metrics())
        run_id = self.stage(api, "historical_backfill", conf={"dry_run": False})
        found = api.returned(dag_id, run_id, "verify")
        after = consumed_write_units(self.world.target.admin.metrics())
        if not self.rows_by_table:
            # The second load is what changed since the first, which the sample application decides.
            took = Took(
                rows=found["tables"],
                seconds=found["took_s"],
                consumed_units=after - before,
                planned_units=api.returned(dag_id, run_id, "plan")["write_units"],
            )
            self.estimates = compare(self.assessment, took)
            self.console.print(Markdown(as_page(self.estimates)))
        self.rows_by_table.update(found["tables"])
        self.reporter.done(f"{found['rows_backfilled']:,} rows were loaded; the report is kept: {found['report']}")

    def _assess(self, api: AirflowApi) -> None:
        statements = self.subject.statements
        if statements is None:
            self._skip("what your applications send", "give `assess` their statements: docs/guides/statements.md")
        conf = None if statements is None else {"statements": str(statements)}
        run_id = self.stage(api, "assess", conf=conf)
        reports = api.returned(self._dag_id("assess"), run_id, "assess")
        page = Path(reports["markdown"].removeprefix("file://"))
        self.assessment = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
        self.console.print(Markdown(page.read_text(encoding="utf-8")))
        self.reporter.done(f"the report is kept, as a page to send: {page.with_suffix('.html')}")

    def stage(
        self,
        api: AirflowApi,
        stage: str,
        *,
        conf: Mapping[str, Any] | None = None,
        meanwhile: Callable[[str], None] = lambda _: None,
        expected: str = "success",
    ) -> str:
        """Trigger a stage, wait for it, and return its run's id."""
        dag_id, began = self._dag_id(stage), time.monotonic()
        api.wait_for_dag(dag_id)
        run_id = api.trigger(dag_id, conf=conf)
        self.reporter.done(f"triggered {dag_id}: {self.world.airflow.url}/dags/{dag_id}/runs/{run_id}")
        approver = Approver(
            api=api,
            migration=self.subject.name,
            ask=not self.choices.approve,
            console=self.console,
            reporter=self.reporter,
            may_answer=self.world.airflow.has_let_go,
        )

        def look(seen: str) -> None:
            self.reporter.working(seen)
            approver.look(dag_id, run_id)
            meanwhile(run_id)

        state = api.wait_for_run(dag_id, run_id, timeout_s=STAGE_TIMEOUT_S, progress=look)
        taken = time.monotonic() - began
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + taken, 1)
        if state != expected:
            raise StageFailedError(
                _why_failed(api, dag_id, run_id) if state == "failed" else f"run {run_id} of {dag_id} ended as {state}"
            )
        self.reporter.done(f"{dag_id} is {'green' if state == 'success' else 'red'} after {taken:.0f} s")
        return run_id


def rehearse(world: World, *, choices: Choices, console: Console, reporter: Reporter) -> dict[str, Any]:
    """Run every stage that is built and return what happened, for the last line.

    Raises:
        StageFailedError: a stage failed.
    """
    began = time.monotonic()
    if not choices.keep:
        reporter.done("the world is taken down at the end (KEEP=1 leaves it up)")
    if world.subject.adapted is not None:
        _keep(world.subject.adapted, world.home / KEPT)
    rehearsal = Rehearsal(world=world, choices=choices, console=console, reporter=reporter)
    rehearsal.run()
    console.print(summary(world.home, world.subject.name))
    return rehearsal.result(wall_s=time.monotonic() - began)


def _keep(adapted: Adapted, folder: Path) -> None:
    """Leave what was run, and what was changed in it, in the world's home."""
    folder.mkdir(exist_ok=True)
    (folder / f"{adapted.migration.name}.yaml").write_text(adapted.as_yaml(), encoding="utf-8")
    (folder / "changed.md").write_text(adapted.as_page(), encoding="utf-8")


def choices_of_this_terminal() -> Choices:
    """The choices in the environment; a terminal is there when somebody can answer and see the question."""
    return Choices.of(os.environ, terminal=sys.stdin.isatty() and sys.stdout.isatty())


def _reads(status: Mapping[str, Any]) -> str:
    """What the application says of its reads."""
    counts = status["counts"]
    by_store = ", ".join(f"{counts.get(f'read_{store}', 0)} on the {store}" for store in ("source", "target"))
    return (
        f"{by_store}, {counts.get('read_failed', 0)} failed, {status['wrong_reads']} wrong; "
        f"compared {status['shadow_reads']}"
    )


def _why_failed(api: AirflowApi, dag_id: str, run_id: str) -> str:
    failed = [task for task in api.task_instances(dag_id, run_id) if task["state"] == "failed"]
    if not failed:
        return f"run {run_id} of {dag_id} failed, and none of its tasks did: look at it in Airflow's UI"
    task = failed[0]
    log = api.task_log(dag_id, run_id, task["task_id"], try_number=task["try_number"], map_index=task["map_index"])
    tail = "\n".join(log.splitlines()[-40:])
    return f"task {task['task_id']} of {dag_id}, run {run_id}, failed. The end of its log:\n{tail}"
