"""The ledger of one run, as the drain uses it."""

from collections.abc import Callable, Sequence
from datetime import datetime

from keyspaces_migration.ledger.letter_records import LetterOutcome, LetterRecord
from keyspaces_migration.ledger.letters import LetterLedger


class RunBook:
    """Records letters under a run. Errors are the ledger's."""

    def __init__(
        self, ledger: LetterLedger, *, migration: str, dag_id: str, run_id: str, now: Callable[[], datetime]
    ) -> None:
        self._ledger = ledger
        self._migration = migration
        self._dag_id = dag_id
        self._run_id = run_id
        self._now = now

    def standing(self, letter_ids: Sequence[str]) -> dict[str, LetterOutcome]:
        """How letters stand that were recorded before."""
        return self._ledger.standing(self._migration, letter_ids)

    def record(self, letters: Sequence[LetterRecord]) -> Sequence[LetterRecord]:
        """Record letters; return those that were new."""
        if not letters:
            return ()
        return self._ledger.record(letters, dag_id=self._dag_id, run_id=self._run_id, now=self._now())
