"""A check through the comparison Lambda, as Airflow sees it: the calls to make, and what their results come to. Pure.

Calls are made one after the other, each at the whole rate, as tables are checked one after the other in place. What
they are follows from the recorded migration file and `CheckAsked` alone, so that a task that waited makes them anew and
believes nobody.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from keyspaces_migration.config import Migration
from keyspaces_migration.config.infrastructure import DEAD_LETTERS, EVENT_VERSION, ComparisonLambda
from keyspaces_migration.consistency.assembly import check_plan
from keyspaces_migration.consistency.kinds import Leader, Store
from keyspaces_migration.consistency.part import TablePart, merged
from keyspaces_migration.consistency.plan import CheckPlan
from keyspaces_migration.consistency.results import CheckResult, KeyCounts, StoreReads
from keyspaces_migration.consistency.share import Share
from keyspaces_migration.consistency.split import shares
from keyspaces_migration.consistency.units import SweepStart
from keyspaces_migration.consistency.verdict import judge_all
from keyspaces_migration.entrypoints.comparison_event import ComparisonEvent, canonical, event_digest
from keyspaces_migration.entrypoints.comparison_result import Result, ResultRefusedError, read_result

SILENT_IN_A_ROW = 2
"""After so many calls that left nothing at all, no more are made: each is waited for a long time."""


@dataclass(frozen=True, kw_only=True)
class CheckAsked:
    """What a check is asked beside the migration file: the same for all its calls.

    Attributes:
        dag_id, run_id, attempt: Airflow's ids of the run and the try: no other's results are taken for this one's.
        seed: Of all draws.
        now: When the check began.
        leader: Whose rows are right.
        sweeps: Where the sweep of each table goes on; of the others, a pass begins.
        key_id: The ledger's key that the events' secrets are made with.
    """

    dag_id: str
    run_id: str
    attempt: int
    seed: int
    now: datetime
    leader: Leader
    sweeps: Mapping[str, SweepStart]
    key_id: str


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a check is.

    Attributes:
        asked: The check.
        call: The number of the call that is waited for.
        called_at: When it was made.
        silent: How many calls before it, in a row, have left nothing.
    """

    asked: CheckAsked
    call: int
    called_at: datetime
    silent: int = 0

    def to_json(self) -> str:
        """The text that `from_json` reads."""
        return json.dumps(_PROGRESS.dump_python(self, mode="json"))

    @classmethod
    def from_json(cls, text: str) -> "Progress":
        """Read it back.

        Raises:
            pydantic.ValidationError: The text is none of `to_json`.
        """
        return _PROGRESS.validate_json(text, strict=True)


_PROGRESS: TypeAdapter[Progress] = TypeAdapter(Progress)


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of the function.

    Attributes:
        event: What it is called with, read.
        document: The same, as it is sent, with the secret that the result is signed with.
        sha256: Digest of that.
    """

    event: ComparisonEvent
    document: Mapping[str, Any] = field(repr=False)
    sha256: str

    @property
    def payload(self) -> bytes:
        """What is sent."""
        return canonical(self.document).encode()

    def read(self, text: bytes) -> Result:
        """Read what lies in the place of the call's result, or of its failure.

        Raises:
            ResultRefusedError: It does not count for this call.
        """
        return read_result(text, event=self.event, event_sha256=self.sha256)

    def __str__(self) -> str:
        part = self.event.part()
        return f"table {self.event.table}" + (f", part {part.part + 1} of {part.parts}" if part.parts > 1 else "")


def plan_of(migration: Migration, asked: CheckAsked) -> CheckPlan:
    """The plan of the whole check."""
    return check_plan(migration, seed=asked.seed, now=asked.now, leader=asked.leader)


def calls_of(
    migration: Migration, function: ComparisonLambda, asked: CheckAsked, *, secret: Callable[[bytes], str]
) -> tuple[Call, ...]:
    """The calls of a check, in the order in which they are made.

    Args:
        migration: The recorded file.
        function: Its section about the function.
        asked: The check.
        secret: Makes 32 secret bytes, in hexadecimal, that nobody can make who only knows what they are made from.

    Raises:
        CallTooLongError: What can't be divided takes longer than a call may.
    """
    parts = shares(plan_of(migration, asked), timeout_s=function.timeout.total_seconds())
    return tuple(
        _call(migration, asked, table=table, share=share, secret=secret)
        for table in migration.tables
        for share in parts
    )


def result_of(
    migration: Migration, asked: CheckAsked, found: Sequence[tuple[Call, Result | str]], *, finished_at: datetime
) -> CheckResult:
    """Put together what the calls have found: the check, as if it had been made in place.

    Args:
        migration: The recorded file.
        asked: The check.
        found: Every call, with its result, or why there is none that counts.
        finished_at: When the last of them was read.
    """
    plan = plan_of(migration, asked)
    tables = tuple(
        merged([_part(call, result, plan=plan) for call, result in found if call.event.table == table], plan=plan)
        for table in migration.tables
    )
    verdict, sentence = judge_all(tables)
    return CheckResult(
        plan=plan, verdict=verdict, sentence=sentence, tables=tables, started_at=asked.now, finished_at=finished_at
    )


def judged(call: Call, *, result: bytes | None, failure: bytes | None) -> Result | str | None:
    """Judge what lies in the two places of a call: a result that counts, why none does, or None where nothing lies."""
    text = failure if result is None else result
    if text is None:
        return None
    try:
        return call.read(text)
    except ResultRefusedError as error:
        return f"what lies in the place of its result is refused: {error}"


def where_to_look(migration: Migration) -> str:
    """Where a call that failed has gone, for the person who looks for it."""
    function = migration.comparison_function
    return (
        f"Look into its dead letter queue {function}-{DEAD_LETTERS}, and its log group /aws/lambda/{function}, in "
        f"account {migration.target.account_id}, {migration.target.region}"
    )


def _call(migration: Migration, asked: CheckAsked, *, table: str, share: Share, secret: Callable[[bytes], str]) -> Call:
    plan = plan_of(migration, asked)
    sweep = asked.sweeps.get(table, SweepStart(began_at=asked.now))
    document = {
        "version": EVENT_VERSION,
        "migration": json.loads(migration.of_table(table).canonical_json()),
        "table": table,
        "seed": asked.seed,
        "now": asked.now.isoformat(),
        "leader": asked.leader.value,
        "share": asdict(share),
        "sweep": {"place": sweep.place, "began_at": sweep.began_at.isoformat()} if share.has_units else None,
        "read_units_per_s": plan.max_read_units_per_s,
        "result": _place(migration, asked, table=table, share=share),
        "secret": None,
    }
    signed = document | {"secret": secret(canonical(document).encode())}
    return Call(
        event=ComparisonEvent.model_validate_json(canonical(signed)), document=signed, sha256=event_digest(signed)
    )


def _place(migration: Migration, asked: CheckAsked, *, table: str, share: Share) -> str:
    """Where a call leaves its result: a folder of its own for each try of a run."""
    run = hashlib.sha256(f"{asked.dag_id} {asked.run_id} {asked.attempt}".encode()).hexdigest()[:16]
    part = f"{share.part + 1}-of-{share.parts}"
    return f"checks/{migration.name}/{asked.now:%Y-%m-%dT%H.%M.%SZ}-{run}/{table}-{part}.json"


def _part(call: Call, result: Result | str, *, plan: CheckPlan) -> TablePart:
    if isinstance(result, Result) and result.part is not None:
        return result.part
    why = f"it failed: {result.failure}" if isinstance(result, Result) else result
    return _nothing_seen(call, why=f"the comparison Lambda for {call}: {why}", plan=plan)


def _nothing_seen(call: Call, *, why: str, plan: CheckPlan) -> TablePart:
    """A part that saw nothing, and says why; all its rows count as not looked at."""
    share, nothing = call.event.part(), StoreReads(requests=0, units=0)
    keys = KeyCounts(
        population=0,
        wanted=plan.rows_wanted,
        compared=0,
        mismatched=0,
        transient=0,
        could_not_look=0 if share.parts > 1 and share.has_units else plan.rows_wanted,
    )
    return TablePart(
        table=call.event.table,
        share=share,
        keys=keys,
        drawn=0,
        drew_all=False,
        units={},
        found=frozenset(),
        partitions=frozenset(),
        history={},
        problems={why: 1},
        mismatches=(),
        started_at=call.event.now,
        finished_at=call.event.now,
        sweep=None,
        read=dict.fromkeys((Store.SOURCE, Store.TARGET), nothing),
        left_out=(),
    )


def next_call(progress: Progress, *, answered: bool, count: int) -> int | None:
    """The number of the call that is made after the one that was waited for; None where no more are made."""
    silent = 0 if answered else progress.silent + 1
    following = progress.call + 1
    return None if following >= count or silent >= SILENT_IN_A_ROW else following


def after(progress: Progress, *, answered: bool, call: int, called_at: datetime) -> Progress:
    """How far the check is once call number `call` was made."""
    return replace(progress, call=call, called_at=called_at, silent=0 if answered else progress.silent + 1)
