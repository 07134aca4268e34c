"""A rehearsal in the course of which things break, and what was seen of each fault."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rehearsal.airflow_api import AirflowApiError
from rehearsal.data import source as sample_source
from rehearsal.faults.trial import NotSaidError, Trial, line_with
from rehearsal.processes import WorldError, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from rehearsal.airflow_api import AirflowApi
    from rehearsal.reporter import Reporter
    from rehearsal.run import Rehearsal
    from rehearsal.servers.service import Service
    from rehearsal.world import World

START_TIMEOUT_S = 240.0
QUIET_TIMEOUT_S = 240.0
BROKEN_AT_MOST_S = 90.0
RUNS = frozenset({"running", "up_for_reschedule", "deferred"})
"""States of a task that has begun and has not ended: between two looks, a sensor is in one of the last two."""


@dataclass(frozen=True, kw_only=True)
class Breach:
    """What breaks while a stage runs.

    Attributes:
        name: In words.
        task: The task of the stage that meets it.
        once: The task whose run lets it begin, where that is another one.
        begin: Breaks it, once a try of the task runs; entered and left by the thread that waits for the stage.
        says: What the task's log must say of it, in any of its tries.
        at_most_s: After which it is mended even if nothing was said, and the trial is lost.
    """

    name: str
    task: str
    begin: Callable[[Mapping[str, Any]], AbstractContextManager[object]]
    says: str
    at_most_s: float = BROKEN_AT_MOST_S
    once: str | None = None


class Ordeal:
    """A rehearsal, and the faults in its course.

    Attributes:
        rehearsal: The lifecycle, stage by stage.
        trials: What was tried so far.
    """

    def __init__(self, rehearsal: Rehearsal, api: AirflowApi, *, reporter: Reporter) -> None:
        self.rehearsal, self.api = rehearsal, api
        self._reporter = reporter
        self.trials: list[Trial] = []
        self._wrong_reads = 0

    @property
    def world(self) -> World:
        """Where it takes place."""
        return self.rehearsal.world

    def try_(self, name: str, act: Callable[[], str], *, says: str) -> None:
        """Break something.

        Args:
            name: What is broken, and when.
            act: Breaks it, mends it, lets the lifecycle go on, and returns what was said meanwhile.
            says: What must have been said.

        Raises:
            WorldError: The lifecycle did not go on; the trial is noted.
        """
        try:
            said = act()
        except WorldError as error:
            self._note(Trial(name=name, survived=False, said=str(error)))
            raise
        self._judge(name, said, says=says)

    def try_stage(  # noqa: PLR0913 - a sentence in parts
        self,
        name: str,
        broken: AbstractContextManager[object],
        stage: str,
        task_id: str,
        *,
        says: str,
        then: Callable[[], object] = lambda: None,
        **given: Any,  # noqa: ANN401 - as `Rehearsal.stage` takes
    ) -> None:
        """Break something, run a stage that must fail for it, mend it, and go on.

        Args:
            name: What is broken, and when.
            broken: Within it, it is.
            stage: The stage.
            task_id: Its task that must fail and say why.
            says: What that must say.
            then: Shows that the lifecycle goes on.
            given: More for `Rehearsal.stage`.

        Raises:
            WorldError: The stage did not fail, or the lifecycle did not go on; the trial is noted.
        """

        def act() -> str:
            with broken:
                run_id = self.rehearsal.stage(self.api, stage, expected="failed", **given)
                said = self.said(stage, run_id, task_id)
            then()
            return said

        self.try_(name, act, says=says)

    def during(
        self,
        breaches: Sequence[Breach],
        stage: str,
        *,
        also: Callable[[str], None] = lambda _: None,
        **given: Any,  # noqa: ANN401 - as `Rehearsal.stage` takes
    ) -> None:
        """Break one thing after the other while a stage runs to its end, each once the one before is mended.

        Args:
            breaches: What breaks.
            stage: The stage.
            also: What else is done at each look, with the run's id.
            given: More for `Rehearsal.stage`.

        Raises:
            WorldError: The stage did not end as it should; what was broken by then is noted.
        """
        waiting = list(breaches)
        try:
            with ExitStack() as open_ones:
                broken: list[tuple[Breach, float]] = []

                def meanwhile(run_id: str) -> None:
                    also(run_id)
                    if broken:
                        breach, since = broken[0]
                        is_late = time.monotonic() > since + breach.at_most_s
                        if is_late or breach.says in self.said(stage, run_id, breach.task):
                            open_ones.close()
                            broken.clear()
                            self._reporter.done(f"mended: {breach.name}")
                    elif waiting and (running := self._running(stage, run_id, waiting[0])) is not None:
                        breach = waiting.pop(0)
                        broken.append((breach, time.monotonic()))
                        self._reporter.done(f"broken: {breach.name}")
                        open_ones.enter_context(breach.begin(running))

                run_id = self.rehearsal.stage(self.api, stage, meanwhile=meanwhile, **given)
        except WorldError as error:
            for breach in breaches[: len(breaches) - len(waiting)]:
                self._note(Trial(name=breach.name, survived=False, said=str(error)))
            raise
        for breach in breaches:
            if breach in waiting:
                self._note(Trial(name=breach.name, survived=False, said="the stage ended before it could be broken"))
            else:
                self._judge(breach.name, self.said(stage, run_id, breach.task), says=breach.says)

    def said(self, stage: str, run_id: str, task_id: str) -> str:
        """What a task said in all its tries, and all its parts."""
        dag_id = self.rehearsal.subject.dag_id(stage)
        texts = []
        for task in self.api.task_instances(dag_id, run_id):
            if task["task_id"] != task_id:
                continue
            for number in range(1, task["try_number"] + 1):
                try:
                    texts.append(
                        self.api.task_log(dag_id, run_id, task_id, try_number=number, map_index=task["map_index"])
                    )
                except AirflowApiError as error:
                    texts.append(f"(no log of try {number}: {error})")
        return "\n".join(texts)

    def _running(self, stage: str, run_id: str, breach: Breach) -> Mapping[str, Any] | None:
        task_id = breach.once or breach.task
        tasks = self.api.task_instances(self.rehearsal.subject.dag_id(stage), run_id)
        return next((task for task in tasks if task["task_id"] == task_id and task["state"] in RUNS), None)

    def _judge(self, name: str, said: str, *, says: str) -> None:
        """Note what came of a fault that is over: whether the right words were said, and what the audit finds."""
        try:
            line, survived = line_with(says, said), True
        except NotSaidError as error:
            line, survived = str(error), False
        self._note(self._audited(Trial(name=name, survived=survived, said=line)))

    def _note(self, trial: Trial) -> None:
        self.trials.append(trial)
        what = "survived" if trial.survived else "NOT survived"
        self._reporter.done(f"fault: {trial.name}: {what}, {trial.lost} lost, {trial.wrong} wrong: {trial.said}")

    def _audited(self, trial: Trial) -> Trial:
        """The trial with what the application finds in both stores, once all is delivered."""
        if not self.rehearsal.application_runs:
            return trial
        self.bring_letters_back()
        found = self.world.application.ask("audit")
        sides = [found["audit"][store] for store in ("source", "target")]
        wrong_reads, self._wrong_reads = found["wrong_reads"] - self._wrong_reads, found["wrong_reads"]
        return replace(
            trial,
            lost=sum(side["missing"] for side in sides) + found["audit"]["unsent"],
            wrong=sum(side["lost_writes"] - side["missing"] for side in sides) + max(0, wrong_reads),
        )

    def bring_letters_back(self) -> None:
        """Wait until the application has sent all that it can, and replay what became letters."""
        wait_until(
            lambda: f"{unsent} unsent" if (unsent := self.world.application.ask("status")["unsent"]) else None,
            name="the application's journal",
            log=self.world.application.log,
            timeout_s=QUIET_TIMEOUT_S,
        )
        if self.letters_in_queue():
            self.rehearsal.stage(self.api, "replay_dead_letters")

    def letters_in_queue(self) -> int:
        """How many letters wait."""
        sqs = self.world.aws.client("sqs")
        url = sqs.get_queue_url(QueueName=self.rehearsal.subject.letters)["QueueUrl"]
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        return sum(
            int(count) for count in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()
        )

    @contextmanager
    def stopped(self, part: Service) -> Iterator[None]:
        """Within it, the processes of a part of the world do not run."""
        part.stop()
        try:
            yield
        finally:
            part.launch()
            wait_until(part.why_not_healthy, name=part.name, log=part.log, timeout_s=START_TIMEOUT_S)

    def rows_that_differ(self) -> tuple[int, int]:
        """Every row of both stores, with nothing written meanwhile: rows that the target lacks; others that it has."""
        missing = others = 0
        keyspace = self.rehearsal.subject.migration.target.keyspace
        world = self.world
        with sample_source.opened(world.source.host, world.source.port) as source, world.target.session() as target:
            for table in self.rehearsal.subject.migration.tables:
                there, here = (
                    {tuple(map(repr, row)) for row in session.execute(f"SELECT * FROM {keyspace}.{table}")}  # noqa: S608 -- ours
                    for session in (source, target)
                )
                missing += len(there - here)
                others += len(here - there)
        return missing, others
