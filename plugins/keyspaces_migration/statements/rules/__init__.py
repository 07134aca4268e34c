"""Every way in which a statement can't be dual-written, or is refused by or different on Keyspaces."""

from collections.abc import Iterator
from typing import Final

from keyspaces_migration.assessment.model import Keyspace, Table
from keyspaces_migration.assessment.rules.finding import Severity
from keyspaces_migration.cql.cursor import TableName
from keyspaces_migration.statements.model import Kind, Statement
from keyspaces_migration.statements.rules import dual_write, reads, schema, writes
from keyspaces_migration.statements.rules.rule import Finding, Group, Hit, Rule, Sight

__all__ = ["RULES", "Finding", "Group", "Hit", "Rule", "Severity", "judge"]

RULES: Final[tuple[Rule, ...]] = (*dual_write.RULES, *writes.RULES, *reads.RULES, *schema.RULES)
_SEVERITIES: Final = list(Severity)
_GROUPS: Final = list(Group)


def judge(statement: Statement, *, schema: Keyspace | None = None, consistency: str = "") -> tuple[Finding, ...]:
    """What the rules find in a statement, and in each of a batch: by severity and group, each once.

    Args:
        statement: What was understood.
        schema: The source's keyspace: tells the kind and type of columns of the tables that it has.
        consistency: Consistency level, if known.
    """
    found: dict[tuple[str, Hit], Finding] = {}
    for sight in _sights(statement, schema, consistency.upper()):
        for rule in RULES:
            for hit in rule.find(sight):
                found.setdefault((rule.id, hit), Finding(rule=rule, hit=hit))
    return tuple(sorted(found.values(), key=urgency))


def urgency(finding: Finding) -> tuple[int, int, str, bool, str]:
    """By what findings are ordered: the most urgent first, the certain ones of a rule before the others."""
    rule, hit = finding.rule, finding.hit
    return _SEVERITIES.index(rule.severity), _GROUPS.index(rule.group), rule.id, bool(hit.depends), hit.found


def _sights(statement: Statement, schema: Keyspace | None, consistency: str) -> Iterator[Sight]:
    if statement.kind is Kind.BATCH:
        yield Sight(statement=statement, batch=statement.batch, keyspace=schema, consistency=consistency)
        # The batch has one consistency level, which was looked at with it.
        consistency = ""
    for leaf in statement.leaves:
        yield Sight(
            statement=leaf,
            batch=statement.batch,
            table=_table(schema, leaf.table),
            keyspace=schema,
            consistency=consistency,
        )


def _table(schema: Keyspace | None, name: TableName | None) -> Table | None:
    if schema is None or name is None or name.keyspace not in {"", schema.name}:
        return None
    return next((table for table in schema.tables if table.name == name.name), None)
