"""Letters in the ledger: each once, how they stand, and when they change rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from keyspaces_migration.consistency.pooling import current_epoch
from keyspaces_migration.ledger import Ledger, LedgerSignatureError, RunNotRecordedError, schema
from keyspaces_migration.ledger.letter_records import LetterCounts, LetterOutcome
from keyspaces_migration.ledger.letters import LetterLedger
from keyspaces_migration.lifecycle import Stage
from tests.unit.keyspaces_migration.ledger.full_ledger import MIGRATION, NOW, a_letter

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from keyspaces_migration.ledger.letter_records import LetterRecord
    from tests.unit.keyspaces_migration.ledger.conftest import NewRun

DAG = f"{MIGRATION}.replay_dead_letters"
PARKED, REPLAYED, CLOSED = LetterOutcome.PARKED, LetterOutcome.REPLAYED, LetterOutcome.CLOSED


@pytest.fixture
def letters(ledger: Ledger, new_run: NewRun) -> LetterLedger:
    for run_id in ("one", "two"):
        ledger.record_run(new_run(run_id=run_id, stage=Stage.REPLAY_DEAD_LETTERS))
    return LetterLedger(ledger)


def record(letters: LetterLedger, *given: LetterRecord, run_id: str = "one") -> Sequence[str]:
    found = letters.record(given, dag_id=DAG, run_id=run_id, now=NOW)
    return [each.letter_id for each in found]


def test_each_letter_is_recorded_once_however_often_it_comes(letters: LetterLedger) -> None:
    assert record(letters, a_letter("a", REPLAYED), a_letter("b"), a_letter("b")) == ["a", "b"]
    assert record(letters, a_letter("a", REPLAYED), a_letter("c", REPLAYED), run_id="two") == ["c"]
    # What was replayed does not become parked by coming again.
    assert record(letters, a_letter("a", PARKED), run_id="two") == []
    assert letters.counts(MIGRATION) == LetterCounts(replayed=2, parked=1)
    assert letters.standing(MIGRATION, ["a", "b", "x"]) == {"a": REPLAYED, "b": PARKED}


def test_a_parked_letter_is_taken_up_again_and_ends_once(letters: LetterLedger) -> None:
    record(letters, a_letter("a"), a_letter("b"), a_letter("c"))
    record(letters, a_letter("a", reason="still too large"), a_letter("b", REPLAYED), run_id="two")
    assert [(each.letter_id, each.reason) for each in letters.parked(MIGRATION)] == [
        ("c", "too old"),
        ("a", "still too large"),
    ]
    assert letters.counts(MIGRATION) == LetterCounts(replayed=1, parked=2)
    record(letters, a_letter("a", CLOSED), a_letter("c", CLOSED), run_id="two")
    assert letters.parked(MIGRATION) == ()
    assert letters.counts(MIGRATION) == LetterCounts(replayed=1, parked=0, closed=2)


def test_a_parked_letter_keeps_its_message_and_a_replayed_one_its_digest(letters: LetterLedger) -> None:
    long, body = a_letter("a", REPLAYED, body="x" * 300_000), '{"letter":1,"text":"ünïcode"}'
    record(letters, long, a_letter("b", body=body))
    (parked,) = letters.parked(MIGRATION)
    assert parked == a_letter("b", body=body)
    first, second = letters.of_run(dag_id=DAG, run_id="one")
    assert (first.body, first.body_sha256, second.body) == (None, long.body_sha256, None)


def test_a_message_that_was_changed_is_refused_though_it_is_signed_by_its_digest_alone(
    letters: LetterLedger, ledger: Ledger
) -> None:
    record(letters, a_letter("a"))
    with ledger.database.writing() as connection:
        connection.execute(sa.update(schema.letters).values(body='{"write":"another"}'))
    with pytest.raises(LedgerSignatureError, match="its message does not have the digest"):
        letters.parked(MIGRATION)


def test_a_letter_that_somebody_put_in_to_hide_a_parked_one_is_noticed(letters: LetterLedger, ledger: Ledger) -> None:
    record(letters, a_letter("a"))
    columns = [column.name for column in schema.letters.c if column.name not in {"id", "outcome"}]
    forged = sa.select(sa.literal("closed"), *(schema.letters.c[name] for name in columns))
    with ledger.database.writing() as connection:
        connection.execute(sa.insert(schema.letters).from_select(["outcome", *columns], forged))
    with pytest.raises(LedgerSignatureError, match="1 letters are parked by the signed batches, and 0 are there"):
        letters.parked(MIGRATION)
    with pytest.raises(LedgerSignatureError, match="digest"):
        letters.standing(MIGRATION, ["a"])


def test_a_run_that_recorded_no_configuration_records_no_letter(letters: LetterLedger) -> None:
    with pytest.raises(RunNotRecordedError):
        record(letters, a_letter("a"), run_id="unheard of")


def test_replayed_letters_begin_a_consistency_epoch_and_parked_ones_do_not(
    letters: LetterLedger, ledger: Ledger
) -> None:
    def began() -> dt.datetime | None:
        return current_epoch(ledger, MIGRATION, tables=["weather"], confidence=0.99).began

    record(letters, a_letter("a"))
    assert (letters.replayed_at(MIGRATION), began()) == (None, None)
    record(letters, a_letter("a", REPLAYED), run_id="two")
    assert letters.replayed_at(MIGRATION) == began() == NOW
