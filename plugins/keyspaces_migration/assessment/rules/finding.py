"""What a rule is, what it finds, and how the rules are run."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from keyspaces_migration.assessment.model import Part, Source


class Severity(StrEnum):
    """What a finding asks for, the most urgent first."""

    BLOCKER = "BLOCKER"
    """The table can't be migrated as it stands: something must change first."""
    CHANGE = "CHANGE"
    """The data can be migrated; a person decides, or an application changes, before the cutover."""
    NOTE = "NOTE"
    """Good to know; the migration takes care of it, or nothing needs to be done."""


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One place where a rule applies: a table (None: the keyspace or cluster), its columns, and what was seen."""

    found: str
    table: str | None = None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One way in which a source can differ from what Keyspaces, or this migration, takes.

    Attributes:
        id: Stable name, for tests, reports and people's notes.
        keyspaces: What Keyspaces does about it.
        reference: Where that is written: a page of the Amazon Keyspaces Developer Guide, or what else is named.
        advice: What to do.
        find: Where it applies in a source.
        needs: Parts of the source without which it can't be judged.
    """

    id: str
    title: str
    severity: Severity
    keyspaces: str
    reference: str
    advice: str
    find: Callable[[Source], Iterable[Hit]]
    needs: frozenset[Part] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A rule that applies, and where."""

    rule: Rule
    hit: Hit


@dataclass(frozen=True, kw_only=True)
class NotChecked:
    """A rule that could not be judged, in whole or in part: "could not look" is never "no"."""

    rule: Rule
    why: str


def judge(source: Source, rules: Iterable[Rule]) -> tuple[tuple[Finding, ...], tuple[NotChecked, ...]]:
    """Runs `rules` over `source`: what they find, by table (the keyspace first) and severity, and what none could."""
    unseen = {part.part: part.why for part in (*source.cluster.unseen, *source.keyspace.unseen)}
    findings: list[Finding] = []
    not_checked: list[NotChecked] = []
    for rule in rules:
        findings += [Finding(rule=rule, hit=hit) for hit in rule.find(source)]
        not_checked += [
            NotChecked(rule=rule, why=f"{part}: {unseen[part]}") for part in sorted(rule.needs) if part in unseen
        ]
    severities = list(Severity)
    findings.sort(
        key=lambda finding: (finding.hit.table or "", severities.index(finding.rule.severity), finding.rule.id),
    )
    return tuple(findings), tuple(not_checked)
