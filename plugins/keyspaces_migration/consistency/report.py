"""A check as a page that a person reads (Markdown), and as its JSON twin."""

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from keyspaces_migration.capacity.prices import US_EAST_1
from keyspaces_migration.capacity.wording import usd
from keyspaces_migration.consistency.epoch import Epoch
from keyspaces_migration.consistency.kinds import Draw, HistoryStanding, Store, Verdict
from keyspaces_migration.consistency.results import CheckResult, Mismatch, SweepSlice, TableResult
from keyspaces_migration.consistency.verdict import one_in
from keyspaces_migration.consistency.windows import FIRST_TOKEN, RING

_EXAMPLES = 20
_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~&-])")
_MILLION = 1_000_000
_DRAWN = {
    Draw.TARGET_WINDOWS: "{units:,} windows read in both stores (sees partitions that only the target has)",
    Draw.WIDEST_PARTITIONS: "The {units:,} widest partitions, whole (sees what goes wrong with many rows of one key)",
    Draw.NEWEST_WRITES: "The {units:,} keys written last, by the history (sees lag, and deleted rows that came back)",
    Draw.SWEEP: "{units:,} ranges of the sweep, in order (sees everything, once it is through)",
}
_MEANING = {
    Verdict.PASS: "the stores agree, as far as the sentence of each table says",
    Verdict.FAIL: "a store does not hold what it should; cutover stays closed",
    Verdict.INCONCLUSIVE: "too little was seen to say; cutover stays closed",
}


def to_markdown(result: CheckResult, *, title: str, epoch: Epoch | None = None) -> str:
    """The page: verdict first, then each table, what was found, what `epoch`'s checks say together, and the rest."""
    lines = [
        f"# {escape(title)}: {result.verdict.value.upper()}",
        "",
        f"{escape(result.sentence)} That means: {_MEANING[result.verdict]}.",
        "",
        *[f"- **{table.verdict.verdict.value.upper()}** {escape(table.verdict.sentence)}" for table in result.tables],
        "",
        *_table_of_counts(result),
    ]
    for table in result.tables:
        lines += _section(table)
    if epoch is not None:
        lines += _together(epoch)
    return "\n".join([*lines, *_how(result)]) + "\n"


def to_json(result: CheckResult, *, epoch: Epoch | None = None) -> str:
    """All of the result; keys in snake case, moments in ISO 8601."""
    document = result.summary() | {
        "epoch": None if epoch is None else _epoch_document(epoch),
        "plan": {
            "seed": result.plan.seed,
            "leader": result.plan.leader.value,
            "confidence": result.plan.confidence,
            "max_mismatch_rate": result.plan.max_mismatch_rate,
            "tolerated_mismatch_rate": result.plan.tolerated_mismatch_rate,
            "settle_time_s": result.plan.settle_time_s,
            "history_as_of": result.plan.history_as_of.isoformat() if result.plan.history_as_of else None,
        },
        "started_at": result.started_at.isoformat(),
        "tables": {table.table: _table_document(table) for table in result.tables},
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def escape(text: str) -> str:
    """Text that Markdown shows as it is: data in the stores can be anything, and a page is no place for its markup."""
    one_line = "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text)
    return _SPECIAL.sub(r"\\\1", one_line)


def _table_of_counts(result: CheckResult) -> list[str]:
    head = (
        "| table | verdict | rows the history knows | rows compared | differ | healed while settling | not looked at "
        "| wrong rows, at most | windows (rows) | windows that differ |"
    )
    lines = [
        head,
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for table in result.tables:
        keys, windows = table.counts.keys, table.counts.windows
        cells = [
            escape(table.table),
            table.verdict.verdict.value.upper(),
            f"{keys.population:,}",
            f"{keys.compared:,}",
            f"{keys.mismatched:,}",
            f"{keys.transient + windows.transient:,}",
            f"{keys.could_not_look:,}",
            _bound(table.verdict.row_bound),
            f"{windows.compared:,} ({windows.rows:,})",
            f"{windows.mismatched:,}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _bound(bound: float | None) -> str:
    return "unknown" if bound is None else one_in(bound)


def _section(table: TableResult) -> list[str]:
    lines = ["", f"## {escape(table.table)}", ""]
    history = table.counts.history
    lines.append(
        f"History beside the leader: {history.get(HistoryStanding.AGREES, 0):,} rows agree, "
        f"{history.get(HistoryStanding.OLDER, 0):,} are older, {history.get(HistoryStanding.UNDATED, 0):,} differ "
        f"without a date to judge by, {history.get(HistoryStanding.WRONG, 0):,} are wrong."
    )
    lines += _other_draws(table)
    if table.problems:
        lines += ["", "Could not be looked at:", ""]
        lines += [f"- {escape(reason)} ({count:,} times)" for reason, count in table.problems.most_common(_EXAMPLES)]
    if table.mismatches:
        lines += ["", *_mismatches(table)]
    return lines


def _other_draws(table: TableResult) -> list[str]:
    """What was chosen in other ways than at random by key or by window of the source, and what that can see."""
    lines = [
        f"- {_DRAWN[draw].format(units=units.wanted)}: {units.rows:,} rows compared, {units.mismatched_rows:,} differ, "
        f"{units.could_not_look:,} not looked at."
        for draw, units in table.counts.others.items()
    ]
    if table.sweep is not None:
        lines.append(f"- {_swept(table.sweep, population=table.counts.keys.population)}")
    lines += [f"- Left out: {escape(reason)}." for reason in table.left_out]
    for store, read in table.read.items():
        money = f", {usd(read.units / _MILLION * US_EAST_1.read_usd_per_million)} on demand"
        lines.append(
            f"- Read of the {store.value}: {read.requests:,} requests, about {read.units:,} read units"
            f"{money if store is Store.TARGET else ''}."
        )
    return ["", *lines] if lines else []


def _swept(sweep: SweepSlice, *, population: int) -> str:
    seen = (sweep.to_token - FIRST_TOKEN) / RING
    since = sweep.began_at.isoformat(timespec="seconds")
    if sweep.is_end:
        return f"The sweep that began {since} has seen the whole ring; the next check begins anew."
    checks = max(1, math.ceil(population / sweep.rows)) if sweep.rows else 0
    period = f"; at this pace the whole takes about {checks:,} checks" if checks else ""
    return f"The sweep that began {since} has seen {seen:.1%} of the token ring{period}."


def _mismatches(table: TableResult) -> list[str]:
    found: dict[tuple[str, str, str], list[Mismatch]] = {}
    for mismatch in table.mismatches:
        found.setdefault((mismatch.store, mismatch.kind, json.dumps(mismatch.key)), []).append(mismatch)
    total = sum(table.counts.rows_out_of_line.values())
    shown = list(found.values())[:_EXAMPLES]
    lines = [
        f"Out of line: {total:,}; here are {len(shown):,}.",
        "",
        "| store out of line | what | key | columns | values | found by |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for same in shown:
        mismatch = same[0]
        cells = [
            mismatch.store.value,
            mismatch.kind.value.replace("_", " "),
            _json(mismatch.key),
            escape(", ".join(mismatch.columns)),
            _json(mismatch.values) if mismatch.values is not None else ("withheld" if mismatch.columns else ""),
            ", ".join(each.draw.value.replace("_", " ") for each in same),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _together(epoch: Epoch) -> list[str]:
    since = f"since {epoch.began.isoformat(timespec='seconds')}" if epoch.began else "so far"
    said = (
        f"All checks {since}, when something other than the application last wrote to the stores, as one. The bounds "
        f"hold at {epoch.confidence * 100:.4g} % confidence for all tables and on all days at once."
    )
    lines = [
        "",
        "## Over several days",
        "",
        said,
        "",
        "| table | checks | left out, as not all could be looked at | rows compared | differ | wrong rows, at most |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for pooled in epoch.tables:
        cells = [
            escape(pooled.table),
            f"{pooled.checks:,}",
            f"{pooled.left_out:,}",
            f"{pooled.compared:,}",
            f"{pooled.mismatched:,}",
            _bound(pooled.bound if pooled.compared else None),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _epoch_document(epoch: Epoch) -> dict[str, Any]:
    return {
        "began": epoch.began.isoformat() if epoch.began else None,
        "confidence": epoch.confidence,
        "tables": {pooled.table: vars(pooled) for pooled in epoch.tables},
    }


def _how(result: CheckResult) -> list[str]:
    plan = result.plan
    watermark = plan.history_as_of.isoformat() if plan.history_as_of else "unknown, so the history is not blamed"
    leader, follower = plan.leader.store.value, plan.leader.follower.value
    leading = (
        f"- The {leader} leads: its rows are right, and the {follower} is compared with them. A difference counts only "
        f"if it is still there after {plan.settle_time_s:g} s, with the {leader}'s row unchanged meanwhile."
    )
    bound = (
        f"- The bound on rows is Clopper and Pearson's at {plan.confidence * 100:.4g} % confidence for each table by "
        "itself, over keys drawn at random from the history. Windows of the source's token ring are read whole and "
        "counted as windows: their rows lie together, so they do not make the bound on rows smaller."
    )
    start, end = (moment.isoformat(timespec="seconds") for moment in (result.started_at, result.finished_at))
    return [
        "",
        "## How it was done",
        "",
        leading,
        bound,
        f"- Seed {plan.seed}; the history's watermark: {watermark}.",
        f"- From {start} to {end}.",
        "- Not seen: static columns against the history; times to live of collections.",
    ]


def _table_document(table: TableResult) -> dict[str, Any]:
    keys, windows = table.counts.keys, table.counts.windows
    return {
        "verdict": table.verdict.verdict.value,
        "sentence": table.verdict.sentence,
        "row_bound": table.verdict.row_bound,
        "window_bound": table.verdict.window_bound,
        "keys": vars(keys),
        "windows": vars(windows),
        "other_draws": {draw.value: vars(units) for draw, units in table.counts.others.items()},
        "sweep": None if table.sweep is None else vars(table.sweep) | {"began_at": table.sweep.began_at.isoformat()},
        "read": {store.value: vars(read) for store, read in table.read.items()},
        "left_out": list(table.left_out),
        "history": {standing.value: count for standing, count in table.counts.history.items()},
        "mismatch_counts": [
            {"store": store.value, "kind": kind.value, "count": count}
            for (store, kind), count in table.counts.rows_out_of_line.items()
        ],
        "problems": dict(table.problems),
        "mismatches": _mismatch_documents(table.mismatches),
    }


def _mismatch_documents(mismatches: Sequence[Mismatch]) -> list[dict[str, Any]]:
    return [
        {
            "kind": mismatch.kind.value,
            "store": mismatch.store.value,
            "draw": mismatch.draw.value,
            "key": mismatch.key,
            "columns": list(mismatch.columns),
            "values": mismatch.values,
            "seen_at": mismatch.seen_at.isoformat(),
            "confirmed_at": mismatch.confirmed_at.isoformat(),
        }
        for mismatch in mismatches
    ]


def _json(value: object) -> str:
    return escape(json.dumps(value, ensure_ascii=False))
