"""Every way in which a source can differ from what Amazon Keyspaces, or this migration, takes."""

from keyspaces_migration.assessment.rules import keyspace, limits, names, objects, options, types
from keyspaces_migration.assessment.rules.finding import Finding, Hit, NotChecked, Rule, Severity, judge

__all__ = ["RULES", "Finding", "Hit", "NotChecked", "Rule", "Severity", "judge"]

RULES: tuple[Rule, ...] = (
    *keyspace.RULES,
    *objects.RULES,
    *types.RULES,
    *names.RULES,
    *limits.RULES,
    *options.RULES,
)
