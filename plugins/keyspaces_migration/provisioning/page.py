"""A plan and a comparison of schemas as Markdown for the people who decide on them."""

import json
from collections.abc import Iterable, Mapping

from keyspaces_migration.config import Migration
from keyspaces_migration.parity import SchemaDifference
from keyspaces_migration.provisioning.plan import Change, Plan

_MARKS = {"add": "+", "change": "~", "replace": "-/+", "delete": "-"}


def plan_page(plan: Plan, *, migration: Migration) -> str:
    """What would change in the target, resource by resource, every differing input in full."""
    target = migration.target
    place = f"Keyspace `{target.keyspace}` in account `{target.account_id}`, Region `{target.region}`"
    lines = [
        f"# Provision plan of {migration.name}",
        "",
        f"{place}, environment `{migration.environment.name}`, stack `{plan.stack}`.",
        "",
        _summary(plan),
    ]
    if plan.refused:
        lines += ["", "## Refused", "", "Nothing will be changed, because the plan would lose data.", ""]
        lines += [f"- **{refusal.name}**: {refusal.reason}" for refusal in plan.refused]
    for change in plan.changes:
        lines += ["", *_change(change)]
    lines += ["", f"Migration file: `sha256:{migration.digest}`"]
    if plan.digest is not None:
        lines.append(f"Plan: `sha256:{plan.digest}`")
    return "\n".join(lines) + "\n"


def parity_page(differences: Iterable[SchemaDifference], *, migration: Migration) -> str:
    """The live schema held against the file."""
    found = [f"- {difference}" for difference in differences]
    tables = ", ".join(f"`{name}`" for name in migration.tables)
    verdict = found or [f"As the migration file says: {tables}."]
    return "\n".join([f"# Live schema of {migration.name} in `{migration.target.keyspace}`", "", *verdict]) + "\n"


def _summary(plan: Plan) -> str:
    counts = plan.counts()
    return ", ".join(f"{op}: {counts[op]}" for op in _MARKS if op in counts) or "Nothing changes."


def _change(change: Change) -> Iterable[str]:
    yield f"## {_MARKS[change.op]} {change.op} {change.name}"
    yield ""
    yield f"`{change.type}`"
    if change.replace_keys:
        yield f"because of {', '.join(f'`{key}`' for key in change.replace_keys)}"
    yield ""
    paths = sorted({*(change.before or {}), *(change.after or {})})
    if not paths:
        return
    yield "```diff"
    for path in paths:
        yield from _line("-", path, change.before)
        yield from _line("+", path, change.after)
    yield "```"


def _line(mark: str, path: str, inputs: Mapping[str, object] | None) -> Iterable[str]:
    if inputs is not None and path in inputs:
        yield f"{mark} {path}: {json.dumps(inputs[path], ensure_ascii=False)}"
