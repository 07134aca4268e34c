"""Splits, deadlines, stamps and remaining lives."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.backfill.deadline import check_deadline
from keyspaces_migration.backfill.encoding import EXPIRED_S, NEVER_MS, remaining_ttl_s
from keyspaces_migration.backfill.errors import DeadlineError, PlanRefusedError, RefusalReason
from keyspaces_migration.backfill.history import History
from keyspaces_migration.backfill.names import address_of, column_of, snapshot_address
from keyspaces_migration.backfill.plan import make_splits, plan_backfill
from keyspaces_migration.backfill.snapshot import BUCKETS
from keyspaces_migration.backfill.statements import FOR_EVER, Target, delete_text
from keyspaces_migration.config import Migration, load_migration

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
NOW_US = int(NOW.timestamp()) * 1_000_000
HOUR = dt.timedelta(hours=1)
FILE = Path(__file__).parents[4] / "dags/migrations/flights.yaml"


@given(
    bucket_rows=st.dictionaries(st.integers(0, BUCKETS - 1), st.integers(1, 500), max_size=300),
    rows_a_split=st.integers(1, 2_000),
)
def test_every_bucket_and_row_is_in_exactly_one_split(bucket_rows: dict[int, int], rows_a_split: int) -> None:
    splits = make_splits(bucket_rows, rows_a_split=rows_a_split)
    covered = [bucket for split in splits for bucket in range(split.first_bucket, split.end_bucket)]
    assert covered == list(range(BUCKETS))
    assert sum(split.planned_rows for split in splits) == sum(bucket_rows.values())
    for split in splits:
        in_it = sum(rows for bucket, rows in bucket_rows.items() if split.first_bucket <= bucket < split.end_bucket)
        assert split.planned_rows == in_it
    assert [(split.number, split.of) for split in splits] == [(number, len(splits)) for number in range(len(splits))]
    assert all(split.planned_rows < rows_a_split + 500 for split in splits[:-1])
    assert splits == make_splits(dict(reversed(bucket_rows.items())), rows_a_split=rows_a_split)


def test_a_load_stamped_with_the_barrier_stops_four_hours_before_its_stamps_are_too_old() -> None:
    check_deadline(barrier_us=NOW_US, now=NOW + 43 * HOUR, remaining=HOUR)
    with pytest.raises(DeadlineError, match=r"would end at 2026-11-25 08:01.*must end by 2026-11-25 08:00.*HISTORY_F"):
        check_deadline(barrier_us=NOW_US, now=NOW + 43 * HOUR, remaining=HOUR + dt.timedelta(minutes=1))


@pytest.mark.parametrize(
    ("left_ms", "expected"),
    [(1_999, 1), (1_000, 1), (999, EXPIRED_S), (0, EXPIRED_S), (-1, EXPIRED_S), (86_400_000, 86_400)],
)
def test_the_remaining_life_is_rounded_down_and_over_at_zero(left_ms: int, expected: int) -> None:
    assert remaining_ttl_s(np.array([NOW_US // 1000 + left_ms]), now=NOW).tolist() == [expected]


def test_a_row_without_expiry_lives_for_ever() -> None:
    assert remaining_ttl_s(np.array([NEVER_MS]), now=NOW).tolist() == [FOR_EVER] == [0]


def test_a_life_beyond_what_an_int_holds_is_left_to_the_target_to_refuse() -> None:
    assert remaining_ttl_s(np.array([NEVER_MS - 1]), now=NOW).tolist() == [2**31 - 1]


def test_names_are_read_as_snowflake_reads_them() -> None:
    assert address_of('analytics."my.schema"."a""b"') == '"ANALYTICS"."my.schema"."a""b"'
    assert column_of("deleted") == '"DELETED"'
    assert column_of('"Deleted"') == '"Deleted"'


def test_each_run_has_snapshots_of_its_own_beside_the_history() -> None:
    def address(run_id: str, table: str = "t") -> str:
        return snapshot_address("A.B.T", migration="my-migration", table=table, run_id=run_id)

    assert address("one").startswith('"A"."B"."KM_MY_MIGRATION_T_')
    assert address("one") == address("one")
    assert len({address("one"), address("two"), address("one", "u")}) == 3


def changed(table: str, **changes: object) -> Migration:
    content = json.loads(load_migration(FILE).canonical_json())
    content["tables"] = {table: content["tables"][table] | changes}
    return Migration.from_canonical_json(json.dumps(content))


class Untouched:
    """A ledger and a history that must not be asked: what they would do is not defined."""


@pytest.mark.parametrize(
    ("migration", "barrier_us", "reason"),
    [
        (changed("weather", order="DUAL_WRITES_FIRST"), None, RefusalReason.NO_BARRIER),
        (
            changed(
                "planes",
                schema={"columns": [{"tailnum": "text"}, {"delays": "list<int>"}], "partition_keys": ["tailnum"]},
            ),
            NOW_US,
            RefusalReason.LIST_STAMPED_ALIKE,
        ),
        (
            changed("departures", history={"table": "A.B.C", "expiry_column": "E", "version_column": "V"}),
            None,
            RefusalReason.STATIC_WITH_TTL,
        ),
    ],
)
def test_what_is_never_safe_is_refused_before_the_history_is_touched(
    migration: Migration, barrier_us: int | None, reason: RefusalReason
) -> None:
    history = History(Untouched(), Exception)  # type: ignore[arg-type] # it must not be used
    with pytest.raises(PlanRefusedError) as refused:
        plan_backfill(
            history,
            Untouched(),  # type: ignore[arg-type] # as above
            migration,
            dag_id="d",
            run_id="r",
            barrier_us=barrier_us,
            now=NOW,
        )
    assert [refusal.reason for refusal in refused.value.refusals] == [reason]


def test_deletes_name_their_columns_and_are_quoted() -> None:
    target = Target(keyspace="k", name="planes", table=load_migration(FILE).tables["planes"])
    assert delete_text(target, ("tailnum",)) == 'DELETE  FROM "k"."planes" USING TIMESTAMP ? WHERE "tailnum" = ?'
    assert delete_text(target, ("tailnum",), ("year",)).startswith('DELETE "year" FROM')
    assert target.repeats_alike
