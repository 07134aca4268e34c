"""A check through the comparison Lambda: call after call, with a signed note of how far it is in between.

A task that waits is nowhere; what it knows comes back from Airflow's database. So the note is signed with the ledger's
key, says which try of which run it is of, and everything else is made anew from the recorded migration file.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from keyspaces_migration.errors import MigrationError
from keyspaces_provider.comparison_function import ComparisonFunction
from keyspaces_provider.ledger import ledger_keyring
from keyspaces_provider.triggers.comparison import ObjectTrigger

if TYPE_CHECKING:
    from keyspaces_migration.consistency.results import CheckResult
    from keyspaces_migration.entrypoints.comparison_calls import Call, CheckAsked, Progress
    from keyspaces_migration.entrypoints.comparison_result import Result
    from keyspaces_migration.ledger import Keyring
    from keyspaces_provider.run import MigrationRun

_LABEL = b"check by lambda\0"
_LATER = timedelta(minutes=15)
"""How much longer than a call may take Airflow waits for its triggerer, before it fails the task."""


class NoteRefusedError(MigrationError):
    """The note of how far a check is was not written by this task: it is not gone on with. A new try begins anew."""


@dataclass(frozen=True, kw_only=True)
class Note:
    """How far a check is, as Airflow's database keeps it."""

    text: str
    signature: str


class CheckByLambda:
    """One check of one try of a run.

    Args:
        run: The run.
        attempt: Airflow's number of the try.
        look_every: How often to look for a result.
    """

    def __init__(self, run: "MigrationRun", *, attempt: int, look_every: timedelta) -> None:
        self._run, self._attempt, self._look_every = run, attempt, look_every
        self._function = ComparisonFunction(run.migration)
        self._calls: dict[str, tuple[Call, ...]] = {}

    def begin(self, *, seed: int, leader: str) -> "Progress":
        """Make the first call.

        Raises:
            CallTooLongError: A table can't be divided into calls that end in time; nothing was called.
            FunctionNotCalledError: The function can't be called, or its results can't be looked at.
        """
        from keyspaces_migration.consistency.kinds import Leader
        from keyspaces_migration.consistency.recording import sweeps_go_on
        from keyspaces_migration.entrypoints.comparison_calls import CheckAsked, Progress

        asked = CheckAsked(
            dag_id=self._run.dag_id,
            run_id=self._run.run_id,
            attempt=self._attempt,
            seed=seed,
            now=_now(),
            leader=Leader(leader),
            sweeps=sweeps_go_on(self._run.ledger, self._run.migration.name),
            key_id=self._keyring.current,
        )
        calls = self.calls(asked)
        self._function.require_results()
        self._function.invoke(calls[0])
        return Progress(asked=asked, call=0, called_at=_now())

    def calls(self, asked: "CheckAsked") -> "tuple[Call, ...]":
        """All calls of the check.

        Raises:
            CallTooLongError: A table can't be divided into calls that end in time.
        """
        from keyspaces_migration.entrypoints.comparison_calls import calls_of

        def secret(label: bytes) -> str:
            return self._keyring.derive(_LABEL + label, key_id=asked.key_id)

        known = repr(asked)
        if known not in self._calls:
            self._calls[known] = calls_of(self._run.migration, self._function.settings, asked, secret=secret)
        return self._calls[known]

    def go_on(self, progress: "Progress") -> "Progress | None":
        """Make the next call, if the one that is waited for has ended; None where all are over.

        Raises:
            FunctionNotCalledError: The function can't be called any more.
        """
        from keyspaces_migration.entrypoints.comparison_calls import after, next_call

        calls = self.calls(progress.asked)
        has_ended = self._has_ended(calls[progress.call])
        if not has_ended and _now() < self.until(progress):
            return progress
        following = next_call(progress, answered=has_ended, count=len(calls))
        if following is None:
            return None
        self._function.invoke(calls[following])
        return after(progress, answered=has_ended, call=following, called_at=_now())

    def result(self, progress: "Progress") -> "CheckResult":
        """What all calls have found; what is missing or refused counts as not looked at, with the reason."""
        from keyspaces_migration.entrypoints.comparison_calls import result_of

        calls = self.calls(progress.asked)
        found = [(call, self._found(number, call, progress)) for number, call in enumerate(calls)]
        return result_of(self._run.migration, progress.asked, found, finished_at=_now())

    def until(self, progress: "Progress") -> datetime:
        """When the call that is waited for can't leave a result any more."""
        return progress.called_at + self._function.settings.longest_wait

    def trigger(self, progress: "Progress") -> ObjectTrigger:
        """What waits for the call."""
        call = self.calls(progress.asked)[progress.call]
        return self._function.trigger(call, until=self.until(progress), look_every=self._look_every)

    @property
    def longest(self) -> timedelta:
        """How long Airflow waits for the trigger."""
        return self._function.settings.longest_wait + _LATER

    def note(self, progress: "Progress") -> Note:
        """Write down how far the check is."""
        text = progress.to_json()
        return Note(text=text, signature=self._keyring.derive(_noted(text), key_id=progress.asked.key_id))

    def read(self, note: Note) -> "Progress":
        """Read how far the check is.

        Raises:
            NoteRefusedError: The note is not as this try of this run wrote it.
        """
        import hmac

        from pydantic import ValidationError

        from keyspaces_migration.entrypoints.comparison_calls import Progress

        try:
            progress = Progress.from_json(note.text)
            signature = self._keyring.derive(_noted(note.text), key_id=progress.asked.key_id)
        except (ValidationError, KeyError) as error:
            raise NoteRefusedError(
                f"The note of how far the check is can't be read ({type(error).__name__}). Clear the task check"
            ) from error
        mine = (self._run.dag_id, self._run.run_id, self._attempt)
        asked = progress.asked
        if not hmac.compare_digest(signature, note.signature) or (asked.dag_id, asked.run_id, asked.attempt) != mine:
            raise NoteRefusedError(
                f"The note of how far the check is was not written by try {mine[2]} of run {mine[1]} of {mine[0]}: "
                "someone has changed it. Clear the task check, and look into who can write to Airflow's database"
            )
        return progress

    def describe(self, progress: "Progress") -> str:
        """Which call is waited for, and how long, for the log."""
        calls = self.calls(progress.asked)
        until = self.until(progress).isoformat(timespec="seconds")
        return (
            f"{self._run.migration.comparison_function} was called for {calls[progress.call]} (call "
            f"{progress.call + 1} of {len(calls)}); its result is waited for until {until}"
        )

    def _has_ended(self, call: "Call") -> bool:
        """Whether something lies in a call's places, after which nothing more will: a failure may be followed."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            result, failure = self._function.left(call)
        except (BotoCoreError, ClientError):
            # Nothing is known; `result` says so, if it is still so then.
            return False
        return result is not None or (failure is not None and not self._function.settings.max_retries)

    def _found(self, number: int, call: "Call", progress: "Progress") -> "Result | str":
        from botocore.exceptions import BotoCoreError, ClientError

        from keyspaces_migration.entrypoints.comparison_calls import judged, where_to_look

        look = where_to_look(self._run.migration)
        if number > progress.call:
            return f"it was not called, as the calls before it left nothing. {look}"
        try:
            result, failure = self._function.left(call)
        except (BotoCoreError, ClientError) as error:
            return f"its result could not be read ({error})"
        found = judged(call, result=result, failure=failure)
        if found is None:
            return f"it left no result in the time that a call may take. {look}"
        return found if not isinstance(found, str) else f"{found}. {look}"

    @cached_property
    def _keyring(self) -> "Keyring":
        return ledger_keyring()


def _noted(text: str) -> bytes:
    return _LABEL + b"note\0" + hashlib.sha256(text.encode()).digest()


def _now() -> datetime:
    return datetime.now(UTC)
