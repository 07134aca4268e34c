"""What the tasks of a cutover look at: the stores' registries, AWS and the ledger, for the core to judge."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from keyspaces_migration.config import EventKind
from keyspaces_migration.errors import MigrationError
from keyspaces_migration.lifecycle import Milestone
from keyspaces_provider import telemetry
from keyspaces_provider.evidence import Evidence
from keyspaces_provider.flag import could_not_look, flag_writer, require_flag, writers_of
from keyspaces_provider.letters import client, look_at_queue
from keyspaces_provider.notifications import tell
from keyspaces_provider.observed import target_throttling, target_use

if TYPE_CHECKING:
    from airflow.sdk import Context

    from keyspaces_migration.config import Migration
    from keyspaces_migration.cutover.alarms import AlarmState
    from keyspaces_migration.cutover.attempt import Attempt
    from keyspaces_migration.cutover.criteria import Readiness
    from keyspaces_migration.cutover.facts import Facts, LetterQueue
    from keyspaces_migration.cutover.flag_writer import FlagWriter, Lowered
    from keyspaces_migration.cutover.watching import Observation
    from keyspaces_migration.dual_write.flag import FlagState
    from keyspaces_migration.ledger import Ledger
    from keyspaces_migration.ledger.canary_records import CanaryRecord
    from keyspaces_provider.run import MigrationRun

log = logging.getLogger(__name__)
THROTTLES_OF = timedelta(hours=1)
Seen = TypeVar("Seen")


class NotReadyError(MigrationError):
    """The migration is not ready for the cutover (any more); the message lists what is missing. Nothing was done."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look at everything that readiness rests on.

    Attributes:
        readiness: The judgement.
        facts: What it rests on.
        state: The flag in force.
        writer: Of the flag.
    """

    readiness: "Readiness"
    facts: "Facts"
    state: "FlagState"
    writer: "FlagWriter"

    def require_ready(self) -> None:
        """Refuse to go on where a criterion is not met.

        Raises:
            NotReadyError: One is not.
        """
        if not self.readiness.is_ready:
            listed = "; ".join(str(each) for each in self.readiness.missing)
            raise NotReadyError(f"Not ready, so nothing was done: {listed}")


def look(run: "MigrationRun") -> Look:
    """Look for a run of the cutover. Raises what `look_at` raises."""
    return look_at(run.migration, run.ledger, dag_id=run.dag_id, run_id=run.run_id)


def look_at(migration: "Migration", ledger: "Ledger", *, dag_id: str, run_id: str) -> Look:
    """Look, judge every criterion, and keep for the status page how each stands, and which run has looked.

    Raises:
        FlagNotReadyError: No flag is deployed.
        FlagWriteError: AppConfig lacks the flag's parts, or a deployment is on its way.
        StoreError: The source can't be reached.
        LedgerError: The ledger can't be read.
    """
    from keyspaces_migration.cutover.facts import Outside, read_facts
    from keyspaces_migration.cutover.readiness import judge
    from keyspaces_migration.ledger.looks import LookedAt, LookLedger, ReadinessLook

    writer, now = flag_writer(migration), datetime.now(UTC)
    state = require_flag(writer)
    blind: list[str] = []
    outside = Outside(
        writers=writers_of(migration),
        flag=state,
        queue=_unless_blind("the dead letter queue", lambda: letter_queue(migration), blind),
        alarms=_unless_blind("the alarms", lambda: alarms_of(migration, writer), blind),
        throttling=_unless_blind(
            "the throttles",
            lambda: target_throttling(migration, since=_throttles_since(migration, ledger, now), until=now),
            blind,
        ),
    )
    facts = read_facts(ledger, migration, outside=outside)
    readiness = judge(facts, migration, now=datetime.now(UTC))
    LookLedger(ledger).record(
        ReadinessLook(
            migration=migration.name,
            dag_id=dag_id,
            run_id=run_id,
            findings=tuple(
                LookedAt(
                    criterion=str(each.criterion), state=str(each.state), observed=each.observed, required=each.required
                )
                for each in readiness.results
            ),
            looked_at=datetime.now(UTC),
        )
    )
    telemetry.emit(telemetry.Signal.CRITERIA_MISSING, len(readiness.missing), migration=migration.name)
    telemetry.emit(telemetry.Signal.READS_ON_TARGET, state.target_read_percent, migration=migration.name)
    return Look(readiness=readiness, facts=facts, state=state, writer=writer)


def observe(migration: "Migration", ledger: "Ledger", writer: "FlagWriter", raised: "CanaryRecord") -> "Observation":
    """Look at a step that was raised; what can't be looked at is said in the answer, and raises nothing.

    Raises:
        LedgerError: The ledger can't be read.
    """
    from keyspaces_migration.cutover.watching import Observation
    from keyspaces_migration.dual_write.errors import FlagFormatError
    from keyspaces_migration.ledger.checks import CheckLedger

    checks, now = CheckLedger(ledger).runs(migration.name), datetime.now(UTC)
    blind: list[str] = []
    in_force, spoilt = None, None
    try:
        in_force = _unless_blind("the flag", writer.look, blind)
    except FlagFormatError as error:
        spoilt = str(error)
    return Observation(
        in_force=in_force,
        spoilt=spoilt,
        fate=_unless_blind("the deployment", lambda: writer.fate(raised.flag_version), blind),
        alarms=_unless_blind("the alarms", lambda: alarms_of(migration, writer), blind),
        writers=_unless_blind("the writers", lambda: writers_of(migration), blind),
        throttling=_unless_blind(
            "the throttles", lambda: target_throttling(migration, since=raised.at, until=now), blind
        ),
        verdict=checks[-1].verdict if checks else None,
        blind=tuple(blind),
        at=datetime.now(UTC),
    )


def attempt_of(run: "MigrationRun") -> "Attempt":
    """The attempt that a run of the cutover is, from the ledger. Errors are the ledger's."""
    from keyspaces_migration.cutover.attempt import Attempt
    from keyspaces_migration.ledger.canaries import CanaryLedger
    from keyspaces_migration.ledger.flags import FlagLedger

    name = run.migration.name
    with run.ledger.one_state():
        return Attempt.of(
            steps=run.migration.cutover.canary_steps,
            records=CanaryLedger(run.ledger).records(name),
            changes=FlagLedger(run.ledger).changes(name),
            dag_id=run.dag_id,
            run_id=run.run_id,
        )


def evidence_facts(migration: "Migration", seen: Look, *, base: "FlagState") -> dict[str, Any]:
    """What is approved, and has the digest; ages, times and counts, which move on, are on the page alone.

    Args:
        migration: As the attempt recorded it.
        seen: A look of just now.
        base: The state that was in force before the first step.
    """
    from keyspaces_migration.dual_write.flag import WriteMode

    return {
        "act": "cutover",
        "migration": migration.name,
        "configuration": migration.digest,
        "from": base.to_json(),
        "steps": list(migration.cutover.canary_steps),
        "then": WriteMode.DUAL_TARGET_LEADS.value,
        "criteria": [{"criterion": each.criterion.value, "required": each.required} for each in seen.readiness.results],
    }


def evidence_of(run: "MigrationRun", seen: Look) -> Evidence:
    """What the approvers of an attempt that begins on the state in force are shown."""
    from keyspaces_migration.cutover.page import cutover_page, read_behind

    migration, base = run.migration, seen.state
    title = f"Move all reads of {migration.name} to the target"
    behind = read_behind(run.ledger, migration, facts=seen.facts, monthly_cost=_monthly_cost(migration))
    page = cutover_page(title=title, migration=migration, base=base, readiness=seen.readiness, behind=behind)
    return Evidence(title=title, facts=evidence_facts(migration, seen, base=base), page=page)


def reverse(  # noqa: PLR0913 -- all by keyword
    migration: "Migration",
    ledger: "Ledger",
    writer: "FlagWriter",
    *,
    raised: "CanaryRecord",
    reason: str,
    context: "Context",
) -> None:
    """Take all reads back from a step, record it, and tell people.

    Raises:
        FlagWriteError: the share was not lowered.
        LedgerError: it is lowered, and the ledger does not know.
    """
    from keyspaces_migration.cutover.reversal import take_back

    done = take_back(writer, ledger, migration=migration.name, raised=raised, reason=reason, now=datetime.now(UTC))
    tell_lowered(done, why=f"from {raised.target_read_percent} %: {reason}", migration=migration, context=context)


def tell_lowered(done: "Lowered", *, why: str, migration: "Migration", context: "Context") -> None:
    """Tell people that all reads went back, and why."""
    happened = f"All reads of {migration.name} went back to the source, flag version {done.state.version}: {why}"
    if done.problem:
        happened += f". And {done.problem}."
    log.error("%s", happened)
    telemetry.reads_taken_back(migration=migration.name)
    tell(EventKind.REVERSAL, happened, migration=migration, context=context)


def alarms_of(migration: "Migration", writer: "FlagWriter") -> "tuple[AlarmState, ...]":
    """How the alarms stand that canaries bake under.

    Raises:
        FlagWriteError: AppConfig lacks the flag's parts.
        AlarmUnknownError: CloudWatch has no such alarm.
        ClientError, BotoCoreError: AWS did not answer.
    """
    from keyspaces_migration.cutover.alarms import read_alarms

    return read_alarms(client("cloudwatch", migration), writer.monitors())


def letter_queue(migration: "Migration") -> "LetterQueue | None":
    """The dead letter queue; None where there is none, and so nobody knows what would be in it.

    Raises:
        ClientError, BotoCoreError: AWS did not answer.
    """
    from keyspaces_migration.cutover.facts import LetterQueue

    found = look_at_queue(migration)
    return None if found is None else LetterQueue(letters=found.letters, oldest_age=found.oldest_age)


def _throttles_since(migration: "Migration", ledger: "Ledger", now: datetime) -> datetime:
    """An hour ago, or the end of the last load, which is throttled on purpose: it finds its rate by that."""
    loads = {Milestone.SNAPSHOT_LOADED, Milestone.BACKFILL_COMPLETE}
    ended = [each.reached_at for each in ledger.milestones(migration.name) if each.milestone in loads]
    return max([now - THROTTLES_OF, *ended])


def _monthly_cost(migration: "Migration") -> str:
    from keyspaces_migration.cutover.cost import LOOK_BACK, requests_cost

    now = datetime.now(UTC)
    try:
        use = target_use(migration, since=now - LOOK_BACK, until=now)
    except could_not_look() as error:
        return f"not known: {error}"
    return requests_cost(use, migration)


def _unless_blind(what: str, ask: Callable[[], Seen], blind: list[str]) -> Seen | None:
    """What is asked for; None where it could not be looked at, which is logged and noted in `blind`."""
    from keyspaces_migration.dual_write.errors import FlagFormatError

    try:
        return ask()
    except FlagFormatError:
        raise  # it was looked at, and is wrong
    except could_not_look() as error:
        log.warning("Could not look at %s: %s: %s", what, type(error).__name__, error)
        blind.append(f"{what} could not be looked at: {error}")
        return None
