"""The check of one table: draw, look at both stores, compare, look again at what differs, judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyspaces_migration.consistency.comparison import RowComparer
from keyspaces_migration.consistency.errors import HistoryUnreadError
from keyspaces_migration.consistency.evidence import Evidence
from keyspaces_migration.consistency.history import HistoryRow, UnreadableHistoryRow
from keyspaces_migration.consistency.kinds import Draw, Leader
from keyspaces_migration.consistency.reading import CouldNotLook
from keyspaces_migration.consistency.results import CheckResult, TableResult
from keyspaces_migration.consistency.settling import Settling, Suspect
from keyspaces_migration.consistency.stores import BothStores
from keyspaces_migration.consistency.tally import Tally
from keyspaces_migration.consistency.verdict import judge, judge_all
from keyspaces_migration.consistency.windows import draw_windows, window_width
from keyspaces_migration.consistency.witness import HistoryWitness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from keyspaces_migration.consistency.history import Drawn
    from keyspaces_migration.consistency.plan import CheckPlan
    from keyspaces_migration.consistency.reading import Key, Look, Row
    from keyspaces_migration.consistency.shape import TableShape
    from keyspaces_migration.consistency.stores import HistoryRows, StoreRows
    from keyspaces_migration.consistency.windows import Window


class TableCheck:
    """Checks one table once: `run`. Memory holds a batch, the differences, and the widest partition in a window."""

    def __init__(  # noqa: PLR0913 # all by keyword
        self,
        *,
        shape: TableShape,
        plan: CheckPlan,
        source: StoreRows,
        target: StoreRows,
        history: HistoryRows,
        settle: Callable[[float], None],
        now: Callable[[], datetime],
    ) -> None:
        """Keep what is needed.

        Args:
            shape: The table's.
            plan: What to do.
            source: Reads the table on Cassandra.
            target: Reads it on Keyspaces.
            history: Reads it in Snowflake.
            settle: Waits the seconds it is given, as `time.sleep` does.
            now: The clock, with a time zone.
        """
        self._shape, self._plan, self._history, self._now = shape, plan, history, now
        self._tally = Tally(plan)
        self._comparer = RowComparer(
            shape, leader=plan.leader, float_tolerance=plan.float_tolerance, ttl_tolerance_s=plan.ttl_tolerance_s
        )
        self._stores = BothStores(source=source, target=target, leader=plan.leader)
        evidence = Evidence(shape, plan=plan, now=now)
        self._settling = Settling(
            plan=plan,
            stores=self._stores,
            comparer=self._comparer,
            tally=self._tally,
            evidence=evidence,
            settle=settle,
        )
        self._witness = HistoryWitness(
            shape=shape,
            plan=plan,
            leader=self._stores.leader,
            history=history,
            comparer=self._comparer,
            tally=self._tally,
            evidence=evidence,
            now=now,
        )
        self._partitions_seen: set[tuple[object, ...]] = set()

    def run(self) -> TableResult:
        """Check the table.

        Raises:
            HistoryRefusedError: The history can't be sampled as the migration file describes it.
        """
        started_at = self._now()
        self._compare_drawn_keys()
        self._compare_windows()
        self._settling.look_again()
        counts = self._tally.counts()
        return TableResult(
            table=self._shape.name,
            counts=counts,
            verdict=judge(self._shape.name, counts, plan=self._plan, problems=self._tally.problems),
            problems=self._tally.problems,
            mismatches=tuple(self._tally.examples),
            started_at=started_at,
            finished_at=self._now(),
        )

    def _compare_drawn_keys(self) -> None:
        plan = self._plan
        try:
            for batch in self._history.draw(size=plan.rows_wanted, seed=plan.seed, batch_size=plan.batch_rows):
                self._tally.population = batch.population
                self._compare_drawn(batch.rows)
                if self._stores.gave_up:
                    return
        except HistoryUnreadError as error:
            self._tally.problems[str(error)] += 1

    def _compare_drawn(self, rows: Sequence[Drawn]) -> None:
        self._tally.drawn += len(rows)
        for drawn in rows:
            if isinstance(drawn, UnreadableHistoryRow):
                self._tally.unread_keys += 1
                self._tally.problems[f"history: {drawn.reason}"] += 1
        readable = [drawn.row for drawn in rows if isinstance(drawn, HistoryRow)]
        keys = [self._shape.key_of(row) for row in readable]
        leaders, followers = self._stores.look(keys)
        for key, leader, follower in zip(keys, leaders, followers, strict=True):
            self._compare_row(key, leader, follower, draw=Draw.HISTORY_KEYS)
            if isinstance(leader, tuple) and isinstance(follower, tuple):
                self._compare_statics_once(leader, follower, draw=Draw.HISTORY_KEYS)
        self._witness.judge(list(zip(leaders, readable, strict=True)), draw=Draw.HISTORY_KEYS)

    def _compare_row(self, key: Key, leader: Look, follower: Look, *, draw: Draw, window: int | None = None) -> None:
        unread = isinstance(leader, CouldNotLook) or isinstance(follower, CouldNotLook)
        difference = None
        if not isinstance(leader, CouldNotLook) and not isinstance(follower, CouldNotLook):
            difference = self._comparer.rows(leader, follower)
        if unread or difference:
            # An unread follower says nothing of whether the leader's row will have changed by the next look.
            last_seen = follower if isinstance(follower, CouldNotLook) else leader
            self._settling.suspect(
                Suspect(key=key, draw=draw, leader=last_seen, difference=difference, window=window, seen_at=self._now())
            )

    def _compare_statics_once(
        self, leader: Row | None, follower: Row | None, *, draw: Draw, window: int | None = None
    ) -> None:
        partition = self._shape.partition_of(leader or follower or ())
        identity = self._comparer.identity(partition)
        if not self._shape.static_columns or identity in self._partitions_seen:
            return
        self._partitions_seen.add(identity)
        self._tally.partitions += 1
        statics = self._shape.static_of(leader) if leader else None
        difference = self._comparer.statics(statics, self._shape.static_of(follower) if follower else None)
        if difference is not None:
            suspect = Suspect(
                key=partition,
                draw=draw,
                is_static=True,
                leader=statics,
                difference=difference,
                window=window,
                seen_at=self._now(),
            )
            self._settling.suspect(suspect)

    def _compare_windows(self) -> None:
        plan, tally = self._plan, self._tally
        width = window_width(rows=tally.population, rows_per_window=plan.rows_per_window)
        windows = draw_windows(seed=plan.seed, table=self._shape.name, count=plan.windows, width=width)
        if self._stores.gave_up:
            tally.lose_windows(range(len(windows)), self._stores.gave_up)
            return
        for number, window in enumerate(windows):
            try:
                for partitions in self._whole_partitions(number, window):
                    self._compare_partitions(number, partitions)
            except HistoryUnreadError as error:
                tally.lose_windows([number], str(error))

    def _whole_partitions(self, number: int, window: Window) -> Iterator[list[list[Row]]]:
        """The window's partitions as the source has them, about `batch_rows` rows at a time."""
        batch: list[list[Row]] = []
        for row in self._stores.source.read_window(window):
            if isinstance(row, CouldNotLook):
                self._tally.lose_windows([number], str(row))
                # The last partition may have been cut off, and would look as if the source lacked rows.
                yield batch[:-1]
                return
            if batch and self._shape.partition_of(batch[-1][0]) == self._shape.partition_of(row):
                batch[-1].append(row)
                continue
            if sum(map(len, batch)) >= self._plan.batch_rows:
                yield batch
                batch = []
            batch.append([row])
        yield batch

    def _compare_partitions(self, number: int, partitions: list[list[Row]]) -> None:
        keys = [self._shape.partition_of(rows[0]) for rows in partitions]
        for of_source, of_target in zip(partitions, self._target_partitions(keys), strict=True):
            if isinstance(of_target, CouldNotLook):
                self._tally.lose_windows([number], str(of_target))
            elif self._plan.leader is Leader.SOURCE:
                self._compare_partition(number, of_source, of_target)
            else:
                self._compare_partition(number, of_target, of_source)
        if self._plan.leader is Leader.SOURCE:
            rows = [row for rows in partitions for row in rows if not self._is_static_only(row)]
            self._witness.judge_rows_of(rows, draw=Draw.SOURCE_WINDOWS)

    def _target_partitions(self, keys: Sequence[Key]) -> list[tuple[Row, ...] | CouldNotLook]:
        """The target's partitions; what could not be read is tried once more, as a slow read says nothing."""
        found = list(self._stores.target.read_partitions(keys))
        unread = [place for place, rows in enumerate(found) if isinstance(rows, CouldNotLook)]
        for place, rows in zip(
            unread, self._stores.target.read_partitions([keys[place] for place in unread]), strict=True
        ):
            found[place] = rows
        return found

    def _compare_partition(self, number: int, leading: Sequence[Row], following: Sequence[Row]) -> None:
        leaders, followers = self._by_key(leading), self._by_key(following)
        for identity in {**leaders, **followers}:
            leader, follower = leaders.get(identity), followers.get(identity)
            key = self._shape.key_of(leader or follower or ())
            self._tally.window_rows += 1
            self._compare_row(key, leader, follower, draw=Draw.SOURCE_WINDOWS, window=number)
        if (leading and following) or not (leaders or followers):
            one, other = next(iter(leading), None), next(iter(following), None)
            self._compare_statics_once(one, other, draw=Draw.SOURCE_WINDOWS, window=number)

    def _by_key(self, rows: Sequence[Row]) -> dict[tuple[object, ...], Row]:
        return {self._comparer.identity(self._shape.key_of(row)): row for row in rows if not self._is_static_only(row)}

    def _is_static_only(self, row: Row) -> bool:
        """A partition that has static values and no row is read as a row whose clustering key is null."""
        return None in self._shape.key_of(row)


def run_check(checks: Sequence[TableCheck], *, plan: CheckPlan, now: Callable[[], datetime]) -> CheckResult:
    """Check the tables one after the other, and judge them together.

    Raises:
        HistoryRefusedError: A history can't be sampled as the migration file describes it.
    """
    started_at = now()
    tables = tuple(check.run() for check in checks)
    verdict, sentence = judge_all(tables)
    return CheckResult(
        plan=plan, verdict=verdict, sentence=sentence, tables=tables, started_at=started_at, finished_at=now()
    )
