"""A plan, drift and a comparison of schemas as Markdown for the people who decide on them."""

import json
from collections.abc import Iterable, Mapping, Sequence

from keyspaces_migration.config import Migration
from keyspaces_migration.parity import SchemaDifference
from keyspaces_migration.provisioning.plan import Change, Plan

_MARKS = {"add": "+", "change": "~", "replace": "-/+", "delete": "-"}
_UNKNOWN = "(known after apply)"
_MOST_PATHS = 6
_DEFAULT_TAGS = "tagsAll."


def plan_page(plan: Plan, *, migration: Migration) -> str:
    """What would change in the target: a table of every resource, then each differing input in full."""
    destroys = plan.command == "preview-destroy"
    lines = [
        f"# {'Destruction' if destroys else 'Provision plan'} of {migration.name}",
        "",
        f"{_place(migration)}, environment `{migration.environment.name}`, stack `{plan.stack}`.",
        "",
        _summary(plan),
        *([] if destroys else ["", f"Everything that takes tags has {_default_tags(migration)}."]),
    ]
    if plan.refused:
        lines += ["", "## Refused", "", "Nothing will be changed, because the plan would lose data.", ""]
        lines += [f"- **{refusal.name}**: {refusal.reason}" for refusal in plan.refused]
    if plan.drift:
        lines += ["", "## Changed by others since the last update", ""]
        lines += ["The first value is what the update left, the second what is live.", "", *_table(plan.drift)]
    if plan.changes:
        lines += ["", "## What changes", "", *_table(plan.changes)]
    if unknown := _unknown(plan.changes):
        lines += ["", "## Not known yet", "", "AWS decides on these while the plan is applied:", ""]
        lines += [f"- {_named(change)}: {', '.join(f'`{path}`' for path in paths)}" for change, paths in unknown]
    if not destroys:
        for change in plan.changes:
            lines += ["", *_detail(change)]
    lines += ["", f"Migration file: `sha256:{migration.digest}`"]
    if plan.digest is not None:
        lines.append(f"Plan: `sha256:{plan.digest}`")
    return "\n".join(lines) + "\n"


def drift_page(drift: Sequence[Change], *, migration: Migration) -> str:
    """What is live and not what the last update left."""
    lines = [f"# Drift of {migration.name}", "", f"{_place(migration)}.", ""]
    if not drift:
        return "\n".join([*lines, "Everything is as the last update left it."]) + "\n"
    lines += ["Changed by others since the last update. `-` is what it left, `+` what is live.", "", *_table(drift)]
    for change in drift:
        lines += ["", *_detail(change)]
    return "\n".join(lines) + "\n"


def parity_page(differences: Iterable[SchemaDifference], *, migration: Migration) -> str:
    """The live schema held against the file."""
    found = [f"- {difference}" for difference in differences]
    tables = ", ".join(f"`{name}`" for name in migration.tables)
    verdict = found or [f"As the migration file says: {tables}."]
    return "\n".join([f"# Live schema of {migration.name} in `{migration.target.keyspace}`", "", *verdict]) + "\n"


def _place(migration: Migration) -> str:
    target = migration.target
    return f"Keyspace `{target.keyspace}` in account `{target.account_id}`, Region `{target.region}`"


def _default_tags(migration: Migration) -> str:
    return ", ".join(f"`{key}={value}`" for key, value in migration.resource_tags.items())


def _summary(plan: Plan) -> str:
    counts = plan.counts()
    return ", ".join(f"{op}: {counts[op]}" for op in _MARKS if op in counts) or "Nothing changes."


def _table(changes: Iterable[Change]) -> Iterable[str]:
    yield "| | change | resource | type | what |"
    yield "| --- | --- | --- | --- | --- |"
    # What holds rows first, as it is what a person looks for.
    for change in sorted(changes, key=lambda change: not _holds_rows(change)):
        yield f"| `{_MARKS[change.op]}` | {change.op} | {change.name} | {_kind(change)} | {_in_short(change)} |"


def _holds_rows(change: Change) -> bool:
    return change.type.startswith(("aws:keyspaces/", "aws:cloudcontrol/"))


def _kind(change: Change) -> str:
    """Service and kind: `aws:sqs/queue:Queue` is a `sqs Queue`."""
    service = change.type.partition(":")[2].partition("/")[0]
    return f"{service} {change.type.rpartition(':')[2]}"


def _named(change: Change) -> str:
    return f"{_kind(change)} {change.name}"


def _in_short(change: Change) -> str:
    """What a person looks for first: which inputs differ, or why it would be made anew."""
    if change.replace_keys:
        return f"because of {_listed(change.replace_keys)}"
    return _listed(_paths(change)) if change.op == "change" else ""


def _listed(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - _MOST_PATHS} more" if len(paths) > _MOST_PATHS else ""
    return ", ".join(f"`{path}`" for path in paths[:_MOST_PATHS]) + more


def _unknown(changes: Iterable[Change]) -> list[tuple[Change, list[str]]]:
    found = [
        (change, [path for path, value in (change.after or {}).items() if _UNKNOWN in json.dumps(value)])
        for change in changes
    ]
    return [(change, paths) for change, paths in found if paths]


def _detail(change: Change) -> Iterable[str]:
    yield f"### {_MARKS[change.op]} {_named(change)}"
    paths = [path for path in _paths(change) if change.op != "add" or not path.startswith(_DEFAULT_TAGS)]
    if not paths:
        return
    yield ""
    yield "```diff"
    for path in paths:
        yield from _line("-", path, change.before)
        yield from _line("+", path, change.after)
    yield "```"


def _paths(change: Change) -> list[str]:
    return sorted({*(change.before or {}), *(change.after or {})})


def _line(mark: str, path: str, inputs: Mapping[str, object] | None) -> Iterable[str]:
    if inputs is not None and path in inputs:
        yield f"{mark} {path}: {json.dumps(inputs[path], ensure_ascii=False)}"
