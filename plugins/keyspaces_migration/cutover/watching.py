"""Whether a canary step goes well: a pure function of what was seen. What could not be looked at never counts as well.

A breach takes all reads back at once. What only lacks, such as time or compared reads, is waited for.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol, Self

from keyspaces_migration.config import Migration
from keyspaces_migration.consistency.bounds import lower_bound
from keyspaces_migration.consistency.kinds import Verdict
from keyspaces_migration.cutover.alarms import AlarmState
from keyspaces_migration.cutover.appconfig import Deployment
from keyspaces_migration.cutover.flag_writer import FlagInForce
from keyspaces_migration.dual_write.registry import WriterRecord, missing_writers
from keyspaces_migration.dual_write.store import StoreName
from keyspaces_migration.ledger.canary_records import CanaryRecord

if TYPE_CHECKING:
    from keyspaces_migration.dual_write.read_accounts import StoreReads

SURE = 0.99
"""Confidence at which a share of failed reads is taken for more than what is tolerated."""

ENOUGH_READS = 100
"""Fewer have no 99th percentile to speak of."""


class ThrottlingSeen(Protocol):
    """What is asked of the throttles that were seen."""

    @property
    def share(self) -> float | None:
        """Of all requests; None where nothing is known."""


@dataclass(frozen=True, kw_only=True)
class WriterCounts:
    """A writer's counters at one moment, which only grow while its process lives."""

    began: str
    target_reads: int
    target_failed: int
    compared: int
    differing: int

    @classmethod
    def of(cls, writer: WriterRecord) -> Self:
        """As its row shows them."""
        target = writer.reads.get(StoreName.TARGET)
        return cls(
            began=str(writer.started_at),
            target_reads=target.count if target else 0,
            target_failed=target.failed if target else 0,
            compared=writer.reads_compared,
            differing=writer.reads_differing,
        )

    def since(self, before: "WriterCounts | None") -> "WriterCounts":
        """What was added; all of it where the process is another than before."""
        if before is None or before.began != self.began:
            return self
        return WriterCounts(
            began=self.began,
            target_reads=self.target_reads - before.target_reads,
            target_failed=self.target_failed - before.target_failed,
            compared=self.compared - before.compared,
            differing=self.differing - before.differing,
        )


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """Where counting begins, and how long reads took on the source before any went to the target.

    Attributes:
        writers: Counters by writer.
        source_p99_us: The longest of the writers' 99th percentiles on the source; None where none had enough reads.
    """

    writers: Mapping[str, WriterCounts]
    source_p99_us: int | None

    @classmethod
    def of(cls, writers: Sequence[WriterRecord], *, before: "Baseline | None" = None) -> Self:
        """As writers stand now; the time on the source is that of the attempt's first baseline."""
        known = [slowest for each in writers if (slowest := _p99(each, StoreName.SOURCE)) is not None]
        return cls(
            writers={each.writer_id: WriterCounts.of(each) for each in writers},
            source_p99_us=max(known, default=None) if before is None else before.source_p99_us,
        )

    def to_json(self) -> str:
        """The text that the ledger keeps."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read it back."""
        found = json.loads(text)
        return cls(
            writers={name: WriterCounts(**counts) for name, counts in found["writers"].items()},
            source_p99_us=found["source_p99_us"],
        )


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What was looked at. None: could not be looked at, which `blind` explains.

    Attributes:
        in_force: What readers are given.
        spoilt: Why what is deployed is no flag of ours, in words; None: it is one, or could not be looked at.
        fate: What became of the step's deployment.
        alarms: Those that deployments bake under.
        writers: As listed just now.
        throttling: Of the target's tables since the step was raised.
        verdict: Of the newest check.
        blind: What could not be looked at, and why, in words.
        at: When.
    """

    in_force: FlagInForce | None
    spoilt: str | None
    fate: Deployment | None
    alarms: tuple[AlarmState, ...] | None
    writers: tuple[WriterRecord, ...] | None
    throttling: ThrottlingSeen | None
    verdict: Verdict | None
    blind: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Watched:
    """The judgement of one look.

    Attributes:
        breaches: Why all reads go back now, in words; empty: they stay.
        waits: What the step still lacks; empty, with no breach: it has baked.
        arrived: Whether every writer follows the step.
        summary: What was counted, in words.
    """

    breaches: tuple[str, ...]
    waits: tuple[str, ...]
    arrived: bool
    summary: str

    @property
    def has_baked(self) -> bool:
        """Whether the next step may be raised."""
        return not self.breaches and not self.waits


def judge_step(raised: CanaryRecord, arrived: CanaryRecord | None, seen: Observation, migration: Migration) -> Watched:
    """Judge a step that was raised.

    Args:
        raised: Its record.
        arrived: The record of when every writer followed it; None: not yet.
        seen: What was looked at just now.
        migration: Whose limits hold.
    """
    first = Baseline.from_json(raised.seen)
    counted = _counted(seen.writers, first)
    missing = _missing(raised, seen)
    breaches = (
        *_against_flag(raised, seen),
        *_against_alarms(seen),
        *_against_reads(counted, migration),
        *_against_time(seen.writers or (), first, migration),
        *_against_throttles(seen, migration),
        *(["the newest consistency check failed"] if seen.verdict is Verdict.FAIL else []),
    )
    waits = (*seen.blind, *missing, *_lacks(arrived, seen, migration))
    total = _total(counted)
    summary = (
        f"{total.target_reads} reads on the target, {total.target_failed} failed; {total.compared} compared, "
        f"{total.differing} differ"
    )
    return Watched(
        breaches=tuple(breaches), waits=waits, arrived=seen.writers is not None and not missing, summary=summary
    )


def _against_flag(raised: CanaryRecord, seen: Observation) -> Iterator[str]:
    if seen.spoilt is not None:
        yield f"somebody deployed what is no flag of ours ({seen.spoilt})"
    elif seen.fate is not None and seen.fate.was_taken_back:
        yield f"AppConfig took the step back ({seen.fate.why})"
    elif seen.in_force is not None and seen.in_force.state.version != raised.flag_version:
        state = seen.in_force.state
        yield (
            f"the flag was changed, by a rollback or by hand: version {state.version} with "
            f"{state.target_read_percent} % in {state.mode} is in force, and this step is version {raised.flag_version}"
        )
    elif seen.in_force is not None and seen.in_force.state.target_read_percent != raised.target_read_percent:
        yield f"the flag has {seen.in_force.state.target_read_percent} %, and this step {raised.target_read_percent} %"


def _against_alarms(seen: Observation) -> Iterator[str]:
    yield from (f"alarm {alarm}" for alarm in seen.alarms or () if alarm.fires)


def _against_reads(counted: Mapping[str, WriterCounts], migration: Migration) -> Iterator[str]:
    limits, total = migration.cutover.watch, _total(counted)
    if total.differing > limits.max_differing_reads:
        yield (
            f"{total.differing} of {total.compared} compared reads differ between the stores; allowed: "
            f"{limits.max_differing_reads}"
        )
    at_least = lower_bound(mismatches=total.target_failed, looked_at=total.target_reads, confidence=SURE)
    if at_least > limits.max_failed_share:
        yield (
            f"{total.target_failed} of {total.target_reads} reads on the target failed: more than "
            f"{limits.max_failed_share:.2%}, with {SURE:.0%} confidence"
        )


def _against_time(writers: Iterable[WriterRecord], first: Baseline, migration: Migration) -> Iterator[str]:
    limits = migration.cutover.watch
    for writer in writers:
        found = _p99(writer, StoreName.TARGET)
        usual = _p99(writer, StoreName.SOURCE) or first.source_p99_us
        if found is None or found <= limits.tolerated_p99_ms * 1000:
            continue
        if usual is None or found > limits.max_p99_ratio * usual:
            than = "nothing to compare with" if usual is None else f"{usual / 1000:.1f} ms on the source"
            yield (
                f"reads of {writer.writer_id} on the target take {found / 1000:.1f} ms at the 99th percentile, with "
                f"{than}; allowed: {limits.max_p99_ratio:g} times as long, or {limits.tolerated_p99_ms} ms"
            )


def _against_throttles(seen: Observation, migration: Migration) -> Iterator[str]:
    limit = migration.cutover.watch.max_throttled_share
    share = None if seen.throttling is None else seen.throttling.share
    if share is not None and share > limit:
        yield f"{share:.2%} of the requests to the target are throttled; allowed: {limit:.2%}"


def _missing(raised: CanaryRecord, seen: Observation) -> tuple[str, ...]:
    if seen.writers is None or seen.in_force is None or seen.in_force.state.version != raised.flag_version:
        return ()
    if not seen.writers:
        return ("no writer is registered",)
    return tuple(str(each) for each in missing_writers(seen.writers, seen.in_force.state))


def _lacks(arrived: CanaryRecord | None, seen: Observation, migration: Migration) -> Iterator[str]:
    cutover = migration.cutover
    if arrived is None:
        yield "the bake begins when every writer follows the step"
        return
    baked = seen.at - arrived.at
    if not timedelta() <= baked or baked < cutover.bake_time:
        yield f"{max(0.0, (cutover.bake_time - baked).total_seconds()):.0f} s of the bake are left"
    compared = _total(_counted(seen.writers, Baseline.from_json(arrived.seen))).compared
    if seen.writers is not None and compared < cutover.min_compared_reads:
        yield f"{compared} reads were compared since every writer follows; needed: {cutover.min_compared_reads}"
    if seen.in_force is not None and seen.in_force.bakes:
        yield f"AppConfig still watches deployment {seen.in_force.deployment}"
    yield from (f"alarm {alarm}" for alarm in seen.alarms or () if not alarm.is_ok and not alarm.fires)
    if seen.alarms is not None and not seen.alarms:
        yield "no alarm watches the flag's environment: run provision"


def _counted(writers: Sequence[WriterRecord] | None, since: Baseline) -> dict[str, WriterCounts]:
    return {each.writer_id: WriterCounts.of(each).since(since.writers.get(each.writer_id)) for each in writers or ()}


def _total(counted: Mapping[str, WriterCounts]) -> WriterCounts:
    return WriterCounts(
        began="",
        target_reads=sum(each.target_reads for each in counted.values()),
        target_failed=sum(each.target_failed for each in counted.values()),
        compared=sum(each.compared for each in counted.values()),
        differing=sum(each.differing for each in counted.values()),
    )


def _p99(writer: WriterRecord, store: StoreName) -> int | None:
    found: StoreReads | None = writer.reads.get(store)
    return None if found is None or found.recent < ENOUGH_READS else found.p99_us
