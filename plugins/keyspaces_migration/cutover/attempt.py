"""One attempt at a cutover, from the ledger's signed records: what it may do next, and what it may not."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from keyspaces_migration.cutover.appconfig import Deployment
from keyspaces_migration.dual_write.flag import FlagState, WriteMode
from keyspaces_migration.errors import MigrationError
from keyspaces_migration.ledger.canary_records import CanaryEvent, CanaryRecord
from keyspaces_migration.ledger.flags import FlagChange


class AttemptRefusedError(MigrationError):
    """This attempt may not do that (any more); the message says why, and what to do. Nothing was done."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """The records of one run of the cutover.

    Attributes:
        steps: The shares of the file, ascending to 100.
        records: Of this run alone, in the order of recording.
        changes: All of the migration's recorded changes of the flag, in order.
    """

    steps: tuple[int, ...]
    records: tuple[CanaryRecord, ...]
    changes: tuple[FlagChange, ...]

    @classmethod
    def of(
        cls,
        *,
        steps: tuple[int, ...],
        records: Iterable[CanaryRecord],
        changes: Sequence[FlagChange],
        dag_id: str,
        run_id: str,
    ) -> Self:
        """The attempt of one run, of all that the ledger has."""
        own = tuple(each for each in records if (each.dag_id, each.run_id) == (dag_id, run_id))
        return cls(steps=steps, records=own, changes=tuple(changes))

    @property
    def reversal(self) -> CanaryRecord | None:
        """Its reversal; None where it was not taken back."""
        return next((each for each in self.records if each.event is CanaryEvent.REVERSED), None)

    def newest(self, step: int, event: CanaryEvent) -> CanaryRecord | None:
        """The newest record of an event of a step."""
        found = [each for each in self.records if (each.step, each.event) == (step, event)]
        return found[-1] if found else None

    def arrival(self, raised: CanaryRecord) -> CanaryRecord | None:
        """When the writers had all arrived at what was raised."""
        found = self.newest(raised.step, CanaryEvent.ARRIVED)
        return found if found is not None and found.flag_version == raised.flag_version else None

    def base(self, in_force: FlagState) -> FlagState:
        """The state that the approval was given for: that in force before the first step.

        Raises:
            AttemptRefusedError: The ledger has no such change.
        """
        if not self.records:
            return in_force
        version = self.records[0].base_version
        for change in reversed(self.changes):
            if change.state.version == version:
                return change.state
        raise AttemptRefusedError(
            f"The ledger has no change of the flag to version {version}, on which this attempt began: do not go on "
            "before you know why. Trigger a new run."
        )

    def require_going(self) -> None:
        """Refuse what was taken back.

        Raises:
            AttemptRefusedError: It was.
        """
        if (back := self.reversal) is not None:
            raise AttemptRefusedError(
                f"This attempt was taken back at {back.target_read_percent} % ({back.reason}), so nothing was done. "
                "Trigger a new run."
            )

    def require_raisable(self, step: int, in_force: FlagState) -> None:
        """Whether the share of a step may be put in force now.

        Args:
            step: Its number, from 1.
            in_force: What readers are given now.

        Raises:
            AttemptRefusedError: It may not.
        """
        self.require_going()
        require_known(in_force, self.changes)
        if step == 1:
            if in_force.target_read_percent or in_force.mode is not WriteMode.DUAL_SOURCE_LEADS:
                raise AttemptRefusedError(
                    f"The first step begins at 0 % with the source leading, and the flag is in {in_force.mode} with "
                    f"{in_force.target_read_percent} %: another attempt is under way, or ended there. Nothing was "
                    "done. To begin anew, run rollback first."
                )
            if self.records and self.records[0].base_version != in_force.version:
                raise AttemptRefusedError(
                    f"This attempt began on flag version {self.records[0].base_version}, for which its approval was "
                    f"given, and version {in_force.version} is in force since. Nothing was done. Trigger a new run."
                )
            return
        before = self.newest(step - 1, CanaryEvent.BAKED)
        if before is None:
            raise AttemptRefusedError(
                f"Step {step} needs the finished bake of step {step - 1} in the ledger, and there is none (marking "
                "its watch successful makes none). Nothing was done."
            )
        if before.flag_version != in_force.version:
            raise AttemptRefusedError(
                f"Step {step - 1} baked at flag version {before.flag_version}, and version {in_force.version} is in "
                f"force with {in_force.target_read_percent} %. Nothing was done. Trigger a new run."
            )

    def require_leadable(self, in_force: FlagState) -> None:
        """Whether the target may lead now: the last step has baked, and is in force.

        Raises:
            AttemptRefusedError: It may not.
        """
        self.require_raisable(len(self.steps) + 1, in_force)


def step_under_way(records: Sequence[CanaryRecord], in_force: FlagState) -> CanaryRecord | None:
    """The record by which the step was raised that is to be watched now, of the newest attempt; None where none is.

    One that has not baked is, even where it is no longer in force: somebody has to say that the attempt is over. One
    that has baked is while it is in force, until the next is raised.
    """
    if not records or records[-1].event is CanaryEvent.REVERSED:
        return None
    newest = records[-1]
    if newest.event is CanaryEvent.BAKED and newest.flag_version != in_force.version:
        return None
    return next(
        each
        for each in reversed(records)
        if each.event is CanaryEvent.RAISED and each.flag_version == newest.flag_version
    )


def already_raised(attempt: Attempt, step: int, in_force: FlagState) -> bool:
    """Whether an earlier try of the same task has put the share of the step in force already."""
    raised = attempt.newest(step, CanaryEvent.RAISED)
    return raised is not None and raised.flag_version == in_force.version


def already_leads(attempt: Attempt, in_force: FlagState) -> bool:
    """Whether an earlier try of the same task has made the target lead."""
    last = attempt.newest(len(attempt.steps), CanaryEvent.BAKED)
    newest = attempt.changes[-1].state if attempt.changes else None
    return in_force.mode is WriteMode.DUAL_TARGET_LEADS and last is not None and newest == in_force


def refuse_taken_back(raised: CanaryRecord | None, fate: Deployment | None) -> None:
    """Refuse to raise again what AppConfig took back before anybody watched.

    Raises:
        AttemptRefusedError: It did.
    """
    if raised is not None and fate is not None and fate.was_taken_back:
        raise AttemptRefusedError(
            f"AppConfig took the step at {raised.target_read_percent} % back ({fate.why}), so nothing was done. Find "
            "out why, then trigger a new run."
        )


def require_known(in_force: FlagState, changes: Sequence[FlagChange]) -> None:
    """Refuse to go on from a state that somebody else put in force.

    Raises:
        AttemptRefusedError: The ledger has no such change.
    """
    if (why := foreign(in_force, changes)) is not None:
        raise AttemptRefusedError(f"{why} Nothing was done. Run rollback, which records what it puts in force.")


def foreign(in_force: FlagState, changes: Sequence[FlagChange]) -> str | None:
    """Why the state in force is none that the ledger allows, in words; None where it is.

    Allowed is what was recorded last, and anything that was recorded before with no greater share of reads on the
    target and the same leader: AppConfig goes back to such a state by itself.
    """
    if not changes:
        return f"The flag is {in_force}, and the ledger has no change of it."
    newest = changes[-1].state
    if in_force not in [change.state for change in changes]:
        return f"The flag is {in_force}, which the ledger has never recorded: somebody else changed it."
    if exceeds(in_force, changes):
        return (
            f"The flag is back at {in_force.target_read_percent} % in {in_force.mode} (version {in_force.version}), "
            f"above the {newest.target_read_percent} % that were recorded last (version {newest.version}): somebody "
            "deployed an old version."
        )
    return None


def exceeds(in_force: FlagState, changes: Sequence[FlagChange]) -> bool:
    """Whether more is read on the target than was recorded last, or the target leads and was not to."""
    if not changes:
        return bool(in_force.target_read_percent) or in_force.mode.target_leads
    newest = changes[-1].state
    more = in_force.target_read_percent > newest.target_read_percent
    return more or (in_force.mode.target_leads and not newest.mode.target_leads)
