"""The last report of a migration: before and after, and what lay between. What is not known is said to be so."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from keyspaces_migration.capacity.wording import hours_text
from keyspaces_migration.config import Migration
from keyspaces_migration.markdown import code, table, text
from keyspaces_migration.retirement.page import UNKNOWN, money, proposal_document, proposal_lines
from keyspaces_migration.retirement.proposal import CapacityProposal, units_text
from keyspaces_migration.retirement.story import LoadStory, StageStory, Story

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSeen:
    """What the newest assessment saw of the source.

    Attributes:
        name: The cluster's.
        version: Of Cassandra.
        nodes: How many it has.
        data_centers: How many they are in.
        keyspace_bytes: What the keyspace holds, by the nodes' own estimates; None where they did not say.
        assessed_at: When.
    """

    name: str
    version: str
    nodes: int
    data_centers: int
    keyspace_bytes: int | None
    assessed_at: datetime

    @classmethod
    def of_assessment(cls, document: Mapping[str, Any]) -> "SourceSeen":
        """Return it from the assessment's JSON.

        Raises:
            KeyError: It is no such document.
        """
        cluster = document["cluster"]
        sizes = [each.get("estimate") for each in document["keyspace"]["tables"]]
        known = all(size is not None and size.get("bytes") is not None for size in sizes)
        return cls(
            name=cluster["name"],
            version=cluster["version"],
            nodes=len(cluster["nodes"]),
            data_centers=len({node["data_center"] for node in cluster["nodes"]}),
            keyspace_bytes=sum(size["bytes"] for size in sizes) if known else None,
            assessed_at=datetime.fromisoformat(document["assessed_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalReport:
    """What it is made of.

    Attributes:
        migration: As it was retired.
        story: From the ledger.
        source: None where no assessment was kept, or it can't be read.
        proposal: Of the target's capacity; None where there is none.
        why_no_proposal: Why there is none.
        at: When the report was made.
    """

    migration: Migration
    story: Story
    source: SourceSeen | None
    proposal: CapacityProposal | None
    why_no_proposal: str
    at: datetime

    @property
    def title(self) -> str:
        """For a person."""
        return f"{self.migration.name}: before and after"

    @property
    def alone_since(self) -> datetime:
        """When the flag was switched for the last time, as the ledger has it; the report's moment without that."""
        return self.story.flag[-1].requested_at if self.story.flag else self.at

    def markdown(self) -> str:
        """The page."""
        lines = [
            f"# {text(self.title)}",
            "",
            (
                f"The target alone is written to and read since {self.alone_since:%Y-%m-%d %H:%M} UTC. There is no "
                "way back to the source: what was written since is not in it."
            ),
            "",
            *self._before_and_after(),
            "## Stages",
            "",
            *_stages(self.story.stages),
            "## The load of the history",
            "",
            *_loads(self.story.loads),
            *self._proof(),
            *self._approvals(),
            *self._flag(),
            "## Capacity from now on",
            "",
            *proposal_lines(self.migration, self.proposal, why_none=self.why_no_proposal),
        ]
        return "\n".join(lines).rstrip("\n") + "\n"

    def to_json(self) -> str:
        """The same for programs: keys in snake case, moments in ISO 8601, `null` for what is not known."""
        story = self.story
        document = {
            "format": FORMAT,
            "migration": self.migration.name,
            "configuration": self.migration.digest,
            "retired_at": self.alone_since.isoformat(),
            "reported_at": self.at.isoformat(),
            "source": None if self.source is None else _source_document(self.source),
            "target": {
                "keyspace": self.migration.target.keyspace,
                "region": self.migration.target.region,
                "tables": {
                    name: each.throughput.model_dump(mode="json") for name, each in self.migration.tables.items()
                },
            },
            "milestones": [
                {"milestone": each.milestone.value, "reached_at": each.reached_at.isoformat(), "run_id": each.run_id}
                for each in story.milestones
            ],
            "stages": [_stage_document(each) for each in story.stages],
            "loads": [_load_document(each) for each in story.loads],
            "checks": {verdict.value: count for verdict, count in story.verdicts.items()},
            "letters": {
                "replayed": story.letters.replayed,
                "parked": story.letters.parked,
                "closed": story.letters.closed,
            },
            "approvals": [
                {
                    "dag_id": each.dag_id,
                    "run_id": each.run_id,
                    "task_id": each.task_id,
                    "approved_by": list(each.approved_by),
                    "approved_at": each.approved_at.isoformat(),
                    "evidence_digest": each.evidence_digest,
                }
                for each in story.approvals
            ],
            "flag": [
                {
                    "mode": each.state.mode.value,
                    "target_read_percent": each.state.target_read_percent,
                    "version": each.state.version,
                    "requested_at": each.requested_at.isoformat(),
                    "dag_id": each.dag_id,
                    "run_id": each.run_id,
                }
                for each in story.flag
            ],
            "capacity": proposal_document(self.proposal),
            "why_no_capacity": self.why_no_proposal or None,
        }
        return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def _before_and_after(self) -> list[str]:
        migration, source = self.migration, self.source
        was = (
            (
                f"Apache Cassandra {text(source.version)}",
                f"{source.nodes:,} in {source.data_centers:,} data center{'s' if source.data_centers > 1 else ''}",
                UNKNOWN
                if source.keyspace_bytes is None
                else f"about {source.keyspace_bytes / 1e9:,.2f} GB, by the nodes' own estimates",
            )
            if source
            else (UNKNOWN, UNKNOWN, UNKNOWN)
        )
        throughputs = "; ".join(
            f"{code(name)} {code(units_text(t.throughput))}" for name, t in migration.tables.items()
        )
        now_usd = self.proposal.now_usd if self.proposal else None
        proposed_usd = self.proposal.proposed_usd if self.proposal else None
        rows = [
            ("store", was[0], f"Amazon Keyspaces, {text(migration.target.region)}"),
            ("keyspace", code(migration.source.keyspace), code(migration.target.keyspace)),
            ("nodes to look after", was[1], "none"),
            ("data", was[2], UNKNOWN),
            ("capacity", UNKNOWN, throughputs),
            ("a month of capacity", UNKNOWN, f"{money(now_usd)}; as proposed: {money(proposed_usd)}"),
        ]
        seen = [f"The source as the assessment of {source.assessed_at:%Y-%m-%d} saw it. "] if source else []
        note = "".join(seen) + "What the source costs is not known here."
        return ["## Before and after", "", *table(("", "before", "after"), rows), note, ""]

    def _proof(self) -> list[str]:
        story = self.story
        counts = ", ".join(f"{count:,} {verdict.value}" for verdict, count in sorted(story.verdicts.items()))
        lines = ["## Checks and letters", ""]
        lines.append(f"- Consistency checks: {counts or 'none'}.")
        if story.checks:
            newest = story.checks[-1]
            lines.append(f"- The newest, {newest.finished_at:%Y-%m-%d %H:%M} UTC: {text(newest.sentence)}")
        letters = story.letters
        lines.append(
            f"- Dead letters of dual writes: {letters.replayed:,} replayed, {letters.parked:,} parked, "
            f"{letters.closed:,} closed by approval."
        )
        return [*lines, ""]

    def _approvals(self) -> list[str]:
        rows = [
            (
                f"{each.approved_at:%Y-%m-%d %H:%M:%S}",
                text(", ".join(each.approved_by)),
                code(f"{each.dag_id}.{each.task_id}"),
                code(each.evidence_digest[:16]),
            )
            for each in self.story.approvals
        ]
        head = ("approved at (UTC)", "by", "what acted", "evidence")
        return ["## Approvals", "", *(table(head, rows) or ["None was recorded.", ""])]

    def _flag(self) -> list[str]:
        rows = [
            (
                f"{each.requested_at:%Y-%m-%d %H:%M:%S}",
                code(each.state.mode.value),
                f"{each.state.target_read_percent} %",
                str(each.state.version),
                code(each.dag_id),
            )
            for each in self.story.flag
        ]
        head = ("asked for at (UTC)", "mode", "reads on the target", "version", "by")
        return ["## Changes of the flag", "", *(table(head, rows) or ["None was recorded.", ""])]


def _stages(stages: Sequence[StageStory]) -> list[str]:
    rows = []
    for each in stages:
        milestone, after = UNKNOWN, UNKNOWN
        if each.reached is not None:
            milestone, after = each.reached[0].value, _spoken(each.reached[2])
        rows.append(
            (
                code(each.stage.value),
                f"{each.runs:,}",
                f"{each.first_at:%Y-%m-%d %H:%M}",
                text(", ".join(each.by)) or "no person named",
                milestone if each.reached else "none",
                after if each.reached else UNKNOWN,
            )
        )
    head = ("stage", "runs", "first (UTC)", "started by", "milestone of the newest", "after its start")
    return table(head, rows) or ["None was recorded.", ""]


def _loads(loads: Sequence[LoadStory]) -> list[str]:
    rows = [
        (
            code(each.run_id),
            code(progress.table.table_name),
            progress.table.mode.value,
            f"{progress.counts.written:,}",
            f"{progress.counts.dead:,}",
            _spoken(progress.took),
            _rate(progress.counts.written, progress.took),
            f"{progress.usage.write_units:,}",
        )
        for each in loads
        for progress in each.tables
    ]
    head = ("run", "table", "what", "rows written", "refused", "took", "rows a second", "write units")
    lines = table(head, rows) or ["None was recorded.", ""]
    for each in loads:
        planned = money(each.plan.cost_usd if each.plan else None)
        lines.append(
            f"- {code(each.run_id)}: {each.rows_written:,} rows in {_spoken(each.took)} (rows a second: "
            f"{_rate(each.rows_written, each.took)}), {each.write_units:,} write units; planned {planned}, estimated "
            f"by the units consumed {money(each.spent_usd)}."
        )
    return [*lines, ""] if loads else lines


def _rate(rows: int, took: timedelta | None) -> str:
    return f"{rows / took.total_seconds():,.0f}" if took else UNKNOWN


def _spoken(took: timedelta | None) -> str:
    return UNKNOWN if took is None else hours_text(took.total_seconds() / 3600)


def _source_document(source: SourceSeen) -> dict[str, Any]:
    return {
        "name": source.name,
        "version": source.version,
        "nodes": source.nodes,
        "data_centers": source.data_centers,
        "keyspace_bytes": source.keyspace_bytes,
        "assessed_at": source.assessed_at.isoformat(),
    }


def _stage_document(each: StageStory) -> dict[str, Any]:
    return {
        "stage": each.stage.value,
        "runs": each.runs,
        "first_at": each.first_at.isoformat(),
        "started_by": list(each.by),
        "milestone": None if each.reached is None else each.reached[0].value,
        "reached_at": None if each.reached is None else each.reached[1].isoformat(),
        "took_s": None if each.reached is None else each.reached[2].total_seconds(),
    }


def _load_document(each: LoadStory) -> dict[str, Any]:
    return {
        "run_id": each.run_id,
        "rows_written": each.rows_written,
        "took_s": None if each.took is None else each.took.total_seconds(),
        "rows_per_s": each.rows_per_s,
        "write_units": each.write_units,
        "planned_usd": None if each.plan is None else each.plan.cost_usd,
        "spent_usd": each.spent_usd,
        "tables": {
            progress.table.table_name: {
                "mode": progress.table.mode.value,
                "rows_written": progress.counts.written,
                "rows_refused": progress.counts.dead,
                "took_s": None if progress.took is None else progress.took.total_seconds(),
            }
            for progress in each.tables
        },
    }
