"""The retirement as tasks: the source stops getting writes, by an approval, and the last report is kept."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from keyspaces_migration.errors import MigrationError
from keyspaces_migration.lifecycle import Milestone
from keyspaces_provider.approvals import require_approval
from keyspaces_provider.cutover import letter_queue
from keyspaces_provider.evidence import Evidence
from keyspaces_provider.flag import FlagNotReadyError, change_flag, flag_writer, require_flag, writers_of
from keyspaces_provider.observed import target_use
from keyspaces_provider.operators.run import ActsInRun, OfRun
from keyspaces_provider.run import MigrationRun, recorded_run

if TYPE_CHECKING:
    from airflow.sdk import Context

    from keyspaces_migration.config import Migration
    from keyspaces_migration.dual_write.flag import FlagState
    from keyspaces_migration.retirement.criteria import Retirement, RetirementFacts
    from keyspaces_migration.retirement.final_report import SourceSeen
    from keyspaces_migration.retirement.proposal import CapacityProposal

APPROVAL_VALID_FOR = timedelta(hours=24)
RETIRE_TASK = "retire"
"""The id of the task that acts: the last one asks the ledger for its approval."""

_NO_WAY_BACK = (
    "**After this there is no way back to the source.** Writers write to the target alone; what is written from then "
    "on is not in the source, and a way back would lose it. The check, its repair and the replay of letters end, as "
    "there is nothing left to compare. The source's data stay as they are: nothing is deleted there, and turning the "
    "cluster off is a person's work."
)


class NotToRetireError(MigrationError):
    """A criterion of the retirement is not met, or not known to be; the message lists them. Nothing was done."""


def retire_subject(migration: "Migration") -> str:
    """What approvers are asked, in a line."""
    return f"Let go of the source of {migration.name}: write to the target alone"


class RetireEvidenceOperator(OfRun):
    """Keeps what the approvers are shown: every criterion, the proposed capacity, and what can't be undone."""

    def execute(self, context: "Context") -> dict[str, str]:
        """Keep the evidence.

        Returns:
            Its digest.

        Raises:
            NotToRetireError: a criterion is not met.
        """
        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        facts, retirement, state = _look(run)
        _refuse(retirement)
        proposal, why_none = _proposal(run.migration, facts)
        evidence = _evidence(run, retirement, state, capacity=_capacity_page(run.migration, proposal, why_none))
        self.log.info("%s", evidence.page)
        return {"digest": run.keep_evidence(evidence)}


class RetireOperator(ActsInRun):
    """Ends dual writes: the approval and every criterion are verified in the same call.

    Run again after it has switched the flag, it finds its own change and its own approval, and does nothing.

    Args:
        migration_file: Path of the migration file, as the worker sees it: it must be as the run recorded it.
        ledger_conn_id: Airflow connection of the ledger.
    """

    ui_color = "#f9d6d5"

    def execute(self, context: "Context") -> dict[str, Any]:
        """Put TARGET_ONLY in force.

        Raises:
            ConfigurationChangedError: the migration file has changed since the run began; nothing was done.
            NotToRetireError: a criterion is not met any more.
            ApprovalRefusedError: the answers do not allow it.
            FlagWriteError: the flag was not changed.
        """
        from keyspaces_migration.dual_write.flag import WriteMode

        run = self.unchanged_run(context)
        if (done := _own_change(run)) is not None:
            self.log.info("This run has switched the flag already, to version %d", done.version)
            return {"mode": done.mode.value, "version": done.version}
        _, retirement, state = _look(run)
        _refuse(retirement)
        require_approval(
            run,
            task_id=self.task_id,
            evidence_digest=_evidence(run, retirement, state).digest,
            valid_for=APPROVAL_VALID_FOR,
        )
        writer = flag_writer(run.migration)
        alone = replace(state, mode=WriteMode.TARGET_ONLY, version=writer.next_version())
        change_flag(run, writer, alone, expected_version=state.version)
        self.log.info("Writers write to the target alone, flag version %d", alone.version)
        return {"mode": alone.mode.value, "version": alone.version}


class FinalReportOperator(OfRun):
    """Reaches the last milestone, once every writer has arrived, and keeps the report of before and after."""

    def execute(self, context: "Context") -> dict[str, str]:
        """Keep the report.

        Returns:
            The addresses of its forms.

        Raises:
            FlagNotReadyError: this run did not switch the flag by an approval, or it was switched since.
            ReportNotKeptError: the object store refused.
        """
        run = recorded_run(context, ledger_conn_id=self.ledger_conn_id)
        if _own_change(run) is None:
            found = require_flag(flag_writer(run.migration))
            raise FlagNotReadyError(
                f"The flag is in {found.mode}, version {found.version}, which is nothing that task {RETIRE_TASK} of "
                "this run did by an approval: the migration is not retired. Look who changed the flag."
            )
        run.reach(Milestone.RETIRED)
        kept = _keep_report(run)
        self.log.info("%s is retired. The report is kept: %s", run.migration.name, kept["html"])
        return kept


def _look(run: MigrationRun) -> "tuple[RetirementFacts, Retirement, FlagState]":
    from keyspaces_migration.retirement.criteria import judge_retirement, read_retirement_facts

    state = require_flag(flag_writer(run.migration))
    writers, queue = writers_of(run.migration), letter_queue(run.migration)
    facts = read_retirement_facts(run.ledger, run.migration, writers=writers, flag=state, queue=queue)
    return facts, judge_retirement(facts, run.migration, now=datetime.now(UTC)), state


def _refuse(retirement: "Retirement") -> None:
    if not retirement.is_ready:
        raise NotToRetireError(
            "Not to be retired, so nothing was done: " + "; ".join(str(each) for each in retirement.missing)
        )


def _own_change(run: MigrationRun) -> "FlagState | None":
    """The state in force, if it is TARGET_ONLY, put by this run, and by an approval that this run verified."""
    from keyspaces_migration.dual_write.flag import WriteMode
    from keyspaces_migration.ledger.flags import FlagLedger

    name = run.migration.name
    own = [
        each.state
        for each in FlagLedger(run.ledger).changes(name)
        if (each.dag_id, each.run_id, each.state.mode) == (run.dag_id, run.run_id, WriteMode.TARGET_ONLY)
    ]
    approved = any(
        (each.dag_id, each.run_id, each.task_id) == (run.dag_id, run.run_id, RETIRE_TASK)
        for each in run.ledger.approvals(name)
    )
    in_force = require_flag(flag_writer(run.migration))
    return in_force if approved and own and own[-1] == in_force else None


def _evidence(run: MigrationRun, retirement: "Retirement", state: "FlagState", *, capacity: str = "") -> Evidence:
    """The facts are what is approved; ages, times and the proposal, which `provision` asks for anew, are the page's."""
    name = run.migration.name
    facts = {
        "act": "retire",
        "migration": name,
        "configuration": run.migration.digest,
        "from": state.to_json(),
        "to_mode": "TARGET_ONLY",
        "criteria": [{"criterion": each.criterion.value, "required": each.required} for each in retirement.results],
    }
    title = retire_subject(run.migration)
    page = (
        f"# {title}\n\n{_NO_WAY_BACK}\n\nFrom {state.mode}, flag version {state.version}, to TARGET_ONLY. Every "
        f"criterion is judged again in the call that switches it; these are of {retirement.at:%Y-%m-%d %H:%M:%S} UTC."
        f"\n\n{retirement.markdown()}\n\n## Capacity, which this does not change\n\n{capacity}\n"
    )
    return Evidence(title=title, facts=facts, page=page)


def _capacity_page(migration: "Migration", proposal: "CapacityProposal | None", why_none: str) -> str:
    from keyspaces_migration.retirement.page import proposal_lines

    return "\n".join(proposal_lines(migration, proposal, why_none=why_none)).rstrip("\n")


def _proposal(migration: "Migration", facts: "RetirementFacts") -> "tuple[CapacityProposal | None, str]":
    """What is proposed by the use since the cutover; or None, and why. It stands in no one's way."""
    from botocore.exceptions import BotoCoreError, ClientError

    from keyspaces_migration.capacity.prices import US_EAST_1
    from keyspaces_migration.observed.cloudwatch import MetricsUnavailableError
    from keyspaces_migration.retirement.proposal import propose

    if facts.cut_over_at is None:
        return None, "the cutover is not finished"
    try:
        use = target_use(migration, since=facts.cut_over_at, until=datetime.now(UTC))
    except (BotoCoreError, ClientError, MetricsUnavailableError) as error:
        return None, f"what was used could not be looked at: {error}"
    return propose(migration, use, prices=US_EAST_1), ""


def _keep_report(run: MigrationRun) -> dict[str, str]:
    from keyspaces_migration.ledger import ReportKind
    from keyspaces_migration.pages import html
    from keyspaces_migration.retirement.criteria import read_retirement_facts
    from keyspaces_migration.retirement.final_report import FinalReport
    from keyspaces_migration.retirement.story import read_story

    now = datetime.now(UTC)
    facts = read_retirement_facts(run.ledger, run.migration, writers=None, flag=None, queue=None)
    proposal, why_none = _proposal(run.migration, facts)
    report = FinalReport(
        migration=run.migration,
        story=read_story(run.ledger, run.migration.name, now=now),
        source=_source_seen(run),
        proposal=proposal,
        why_no_proposal=why_none,
        at=now,
    )
    kind, page = ReportKind.RETIREMENT, report.markdown()
    sent = html(page, title=report.title, plots={})
    return {
        "html": run.keep_report(kind, name="retirement.html", media_type="text/html", content=sent),
        "markdown": run.keep_report(kind, name="retirement.md", media_type="text/markdown", content=page),
        "json": run.keep_report(kind, name="retirement.json", media_type="application/json", content=report.to_json()),
    }


def _source_seen(run: MigrationRun) -> "SourceSeen | None":
    """The source by the newest assessment; None where none was kept, or it is not the one that was recorded."""
    from airflow.sdk import ObjectStoragePath

    from keyspaces_migration.ledger import ReportKind
    from keyspaces_migration.retirement.final_report import SourceSeen

    kept = run.ledger.reports(run.migration.name, kind=ReportKind.ASSESSMENT)
    twins = [each for each in kept if each.media_type == "application/json"]
    if not twins:
        return None
    try:
        text = ObjectStoragePath(twins[-1].path).read_text(encoding="utf-8")
    except OSError:
        return None
    return SourceSeen.of_assessment(json.loads(text)) if sha256(text.encode()).hexdigest() == twins[-1].sha256 else None
