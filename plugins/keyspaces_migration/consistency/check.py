"""The check of one table: draw, look at both stores, compare, look again at what differs, judge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyspaces_migration.consistency.comparison import RowComparer
from keyspaces_migration.consistency.errors import HistoryUnreadError
from keyspaces_migration.consistency.evidence import Evidence
from keyspaces_migration.consistency.history import HistoryRow, UnreadableHistoryRow
from keyspaces_migration.consistency.kinds import Draw, Store
from keyspaces_migration.consistency.pairs import Pairs
from keyspaces_migration.consistency.part import TablePart, merged
from keyspaces_migration.consistency.results import CheckResult, TableResult
from keyspaces_migration.consistency.settling import Settling
from keyspaces_migration.consistency.share import Share
from keyspaces_migration.consistency.stores import BothStores
from keyspaces_migration.consistency.tally import Tally
from keyspaces_migration.consistency.units import SweepStart, UnitDraws
from keyspaces_migration.consistency.verdict import judge_all
from keyspaces_migration.consistency.witness import HistoryWitness

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from keyspaces_migration.consistency.history import Drawn
    from keyspaces_migration.consistency.plan import CheckPlan
    from keyspaces_migration.consistency.shape import TableShape
    from keyspaces_migration.consistency.stores import HistoryRows, StoreRows


WHOLE = Share()


class TableCheck:
    """Checks one table once: `run`, or one part of it: `run_part`.

    Memory holds a batch, the differences, and the widest partition in a window.
    """

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
        sweep: SweepStart | None = None,
        share: Share = WHOLE,
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
            sweep: Where the sweep goes on; None where a pass begins.
            share: Which part of the check is made.
        """
        self._sweep, self._share = sweep, share
        self._shape, self._plan, self._history, self._now = shape, plan, history, now
        self._tally = Tally(plan)
        comparer = RowComparer(
            shape, leader=plan.leader, float_tolerance=plan.float_tolerance, ttl_tolerance_s=plan.ttl_tolerance_s
        )
        self._stores = BothStores(source=source, target=target, leader=plan.leader)
        evidence = Evidence(shape, plan=plan, now=now)
        self._settling = Settling(
            plan=plan,
            stores=self._stores,
            comparer=comparer,
            tally=self._tally,
            evidence=evidence,
            settle=settle,
        )
        self._witness = HistoryWitness(
            shape=shape,
            plan=plan,
            leader=self._stores.leader,
            history=history,
            comparer=comparer,
            tally=self._tally,
            evidence=evidence,
            now=now,
        )
        self._pairs = Pairs(
            shape=shape, plan=plan, comparer=comparer, tally=self._tally, settling=self._settling, now=now
        )
        self._units = UnitDraws(
            shape=shape,
            plan=plan,
            stores=self._stores,
            history=history,
            comparer=comparer,
            tally=self._tally,
            pairs=self._pairs,
            witness=self._witness,
        )

    def run(self) -> TableResult:
        """Check the table.

        Raises:
            PartsError: Only a part of the check was asked for.
            HistoryRefusedError: The history can't be sampled as the migration file describes it.
        """
        return merged([self.run_part()], plan=self._plan)

    def run_part(self) -> TablePart:
        """Make the part of the check that was asked for.

        Raises:
            HistoryRefusedError: The history can't be sampled as the migration file describes it.
        """
        started_at = self._now()
        sweep = self._sweep or SweepStart(began_at=started_at)
        self._compare_drawn_keys()
        if self._share.has_units:
            self._compare_units(sweep)
        self._settling.look_again()
        tally = self._tally
        return TablePart(
            table=self._shape.name,
            share=self._share,
            keys=tally.keys(),
            drawn=tally.drawn,
            drew_all=tally.drew_all,
            units=tally.units(),
            found=frozenset(tally.found),
            partitions=frozenset(tally.partitions),
            history=dict(tally.history),
            problems=dict(tally.problems),
            mismatches=tuple(tally.examples),
            started_at=started_at,
            finished_at=self._now(),
            sweep=self._units.swept(sweep),
            read={Store.SOURCE: self._stores.source.reads, Store.TARGET: self._stores.target.reads},
            left_out=tuple(tally.left_out),
        )

    def _compare_units(self, sweep: SweepStart) -> None:
        self._units.source_windows()
        self._units.target_windows()
        self._units.widest_partitions()
        self._units.newest_writes()
        self._units.sweep(sweep)

    def _compare_drawn_keys(self) -> None:
        plan = self._plan
        try:
            for batch in self._history.draw(size=plan.rows_wanted, seed=plan.seed, batch_size=plan.batch_rows):
                self._tally.population = batch.population
                mine = [drawn for drawn in batch.rows if self._share.owns(self._key_of(drawn))]
                self._tally.passed_over += len(batch.rows) - len(mine)
                self._compare_drawn(mine)
                if self._stores.gave_up:
                    return
        except HistoryUnreadError as error:
            self._tally.problems[str(error)] += 1

    def _key_of(self, drawn: Drawn) -> tuple[object, ...]:
        return self._shape.key_of(drawn.row) if isinstance(drawn, HistoryRow) else drawn.key

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
            self._pairs.row(key, leader, follower, draw=Draw.HISTORY_KEYS)
            if isinstance(leader, tuple) and isinstance(follower, tuple):
                self._pairs.statics_once(leader, follower, draw=Draw.HISTORY_KEYS)
        self._witness.judge(list(zip(leaders, readable, strict=True)), draw=Draw.HISTORY_KEYS)


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
