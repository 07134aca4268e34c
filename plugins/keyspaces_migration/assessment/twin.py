"""The assessment as JSON, for programs: the twin of the report.

Keys of format 1, on the top level in this order:

- `format`: 1. Keys may be added within a format; none changes its meaning.
- `assessed_at`: ISO 8601.
- `verdict`: a `Verdict`; `complete`: whether everything answered; `counts`: findings by severity.
- `cluster`: `name`, `version`, `partitioner`, `nodes` (`address`, `data_center`, `rack`, `version`).
- `keyspace`: `name`, `replication`, `durable_writes`, `types`, `indexes`, `views`, `triggers`, `functions`,
  `aggregates`, `tables` (`name`, `columns` with `name`, `type`, `kind`, `descending`; `options`; `flags`;
  `dropped_columns`; `masked_columns`; `estimate` with `partitions` and `bytes`, or null).
- `findings`: `rule`, `severity`, `title`, `table` (null: the keyspace), `columns`, `found`, `keyspaces`, `reference`,
  `advice`.
- `not_checked`: `rule`, `why`; `unseen`: `part`, `why`.
- `clients`: `nodes_asked`, `clients` (the fields of `Client`).
- `history`: null, or `database`, `schema`, `tables` (the fields of `TableHistory`).
- `estimate`: null, or `region`, `prices`, `budget`, `utilisation`, `hours_at_barrier`, `ends_in_time`, `budgets` (the
  fields of `BudgetPoint`), `tables` (`name`, `problems`, `sample` without its partitions, `traffic`, `load`,
  `monthly`, `storage_bytes`, `work`, `hot`, `recommended` with `order`, `reason`, `text` and both estimates, or null).
  A bound that is infinite is null.
- `statements`: null, or `format`, `statements`, `kinds`, `not_understood_count`, `unreadable_count`, `shapes` (`text`,
  `kind`, `count`, `example`, `tables`, `clients`, `first_ms`, `last_ms`, `findings` with `rule`, `severity`, `group`,
  `found`, `depends`, `count`).
- `draft`: `tables` (as in a migration file), `decisions` by table, `left_out` (`table`, `reasons`), `yaml`.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

from keyspaces_migration.assessment.assessment import Assessment
from keyspaces_migration.assessment.draft import Draft
from keyspaces_migration.assessment.estimate import Estimate
from keyspaces_migration.assessment.estimate.sampled import RowSample
from keyspaces_migration.assessment.model import Column, Keyspace, Table
from keyspaces_migration.assessment.rules import Finding
from keyspaces_migration.cql.types import CqlType

if TYPE_CHECKING:
    from keyspaces_migration.statements import Shape, StatementReport

FORMAT = 1


def twin(assessment: Assessment) -> dict[str, Any]:
    """The assessment as plain values (see the module's text for the keys)."""
    cluster = assessment.source.cluster
    return {
        "format": FORMAT,
        "assessed_at": assessment.assessed_at.isoformat(),
        "verdict": assessment.verdict.value,
        "complete": assessment.is_complete,
        "counts": {severity.value: count for severity, count in assessment.counts.items()},
        "cluster": {
            "name": cluster.name,
            "version": cluster.version,
            "partitioner": cluster.partitioner,
            "nodes": plain(cluster.nodes),
        },
        "keyspace": _keyspace(assessment.source.keyspace),
        "findings": [_finding(finding) for finding in assessment.findings],
        "not_checked": [{"rule": each.rule.id, "why": each.why} for each in assessment.not_checked],
        "unseen": plain(assessment.unseen),
        "clients": {
            "nodes_asked": plain(assessment.clients.nodes_asked),
            "clients": plain(assessment.clients.clients),
        },
        "history": plain(assessment.history),
        "estimate": _estimate(assessment.estimate) if assessment.estimate else None,
        "statements": _statements(assessment.statements) if assessment.statements else None,
        "draft": _draft(assessment.draft),
    }


def as_json(assessment: Assessment) -> str:
    """The twin as text, in a stable order; the same assessment gives the same text."""
    return json.dumps(twin(assessment), ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def plain(value: object) -> Any:  # noqa: ANN401, PLR0911 -- JSON's own types, one return for each
    """Dataclasses, mappings and sequences as JSON's types; sets sorted; anything else as its text."""
    match value:
        case float() if not math.isfinite(value):
            return None
        # By its exact type, as an enumeration of strings is a str too.
        case _ if type(value) in {type(None), bool, int, float, str}:
            return value
        case CqlType():
            return str(value)
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case set() | frozenset():
            return sorted(str(item) for item in value)
        case list() | tuple():
            return [plain(item) for item in value]
        case _ if is_dataclass(value):
            return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            return str(value)


def _estimate(estimate: Estimate) -> dict[str, Any]:
    recommended, request = estimate.recommendations, estimate.request
    return {
        "region": request.region,
        "prices": json.loads(request.prices.model_dump_json()),
        "budget": plain(request.budget),
        "utilisation": request.utilisation,
        "hours_at_barrier": recommended.hours_at_barrier,
        "ends_in_time": recommended.ends_in_time,
        "budgets": plain(estimate.budgets),
        "tables": [
            {
                **{
                    name: plain(getattr(table, name)) for name in ("name", "problems", "load", "monthly", "work", "hot")
                },
                "storage_bytes": table.storage_bytes,
                "sample": _sample(table.looked.sample) if table.looked.sample else None,
                "traffic": plain(table.looked.traffic),
                "recommended": plain(recommended.tables.get(table.name)),
            }
            for table in estimate.tables
        ],
    }


def _statements(report: "StatementReport") -> dict[str, Any]:
    kept = (
        "format",
        "statements",
        "kinds",
        "not_understood_count",
        "unreadable_count",
        "system_statements",
        "other_keyspaces",
        "skipped",
        "protocol_batches",
        "shapes_left_out",
    )
    return {**{name: plain(getattr(report, name)) for name in kept}, "shapes": [_shape(each) for each in report.shapes]}


def _shape(shape: "Shape") -> dict[str, Any]:
    kept = ("text", "kind", "count", "example", "tables", "clients", "first_ms", "last_ms")
    return {
        **{name: plain(getattr(shape, name)) for name in kept},
        "findings": [
            {
                "rule": each.finding.rule.id,
                "severity": each.finding.rule.severity.value,
                "group": each.finding.rule.group.value,
                "found": each.finding.hit.found,
                "depends": each.finding.hit.depends,
                "count": each.count,
            }
            for each in shape.findings
        ],
    }


def _sample(sample: RowSample) -> dict[str, Any]:
    kept = (field.name for field in fields(sample) if field.name != "partitions")
    return {name: plain(getattr(sample, name)) for name in kept}


def _keyspace(keyspace: Keyspace) -> dict[str, Any]:
    kept = ("name", "replication", "durable_writes", "indexes", "views", "triggers", "functions", "aggregates")
    return {
        **{name: plain(getattr(keyspace, name)) for name in kept},
        "types": [
            {"name": each.name, "fields": [{"name": f.name, "type": f.type_text} for f in each.fields]}
            for each in keyspace.types
        ],
        "views": [{**plain(view), "columns": [_column(column) for column in view.columns]} for view in keyspace.views],
        "tables": [_table(table) for table in keyspace.tables],
    }


def _table(table: Table) -> dict[str, Any]:
    return {**plain(table), "columns": [_column(column) for column in table.columns]}


def _column(column: Column) -> dict[str, Any]:
    return {
        "name": column.name,
        "type": column.type_text,
        "kind": column.kind.value,
        "descending": column.descending,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    rule, hit = finding.rule, finding.hit
    return {
        "rule": rule.id,
        "severity": rule.severity.value,
        "title": rule.title,
        "table": hit.table,
        "columns": list(hit.columns),
        "found": hit.found,
        "keyspaces": rule.keyspaces,
        "reference": rule.reference,
        "advice": rule.advice,
    }


def _draft(draft: Draft) -> dict[str, Any]:
    return {
        "tables": plain(draft.value["tables"]),
        "decisions": {table.name: list(table.decisions) for table in draft.tables},
        "left_out": plain(draft.left_out),
        "yaml": draft.yaml,
    }
