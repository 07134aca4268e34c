"""The reference of the migration file as Markdown, written from the models, so that it can't fall behind them."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from enum import Enum

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from keyspaces_migration.config.durations import format_duration
from keyspaces_migration.config.floors import CONSISTENCY_LIMITS, CUTOVER_LIMITS, Limit
from keyspaces_migration.config.migration import Migration
from keyspaces_migration.config.outline import Key, outline

_INTRODUCTION = """\
# The migration file

<!-- Written by `python -m keyspaces_migration.config reference`; a test fails when it is not current. -->

One file in `dags/migrations/` describes one migration and makes its DAGs. `dags/migrations/flights.yaml` is a whole
example; editors that speak the YAML language server complete and check against `migration-file.schema.json`.

    python -m keyspaces_migration.config validate dags/migrations

checks files: exit 0 with a line for each, exit 1 with every problem found (file, line, path in the file, what was
found, what is allowed). Unknown keys are errors.

The file is YAML 1.2 of maps, lists and plain values, in UTF-8. Keys are text, each once. Anchors may repeat a whole
value; merge keys (`<<`) and tags are not read. Durations are ISO 8601 of whole weeks, days, hours, minutes and
seconds (`P7D`, `PT36H`). An account id has its twelve digits in quotes, as a number would lose leading zeros.

The file's digest is taken of its content: comments, quotes and the order of keys don't change it; the order of lists
does, and so does writing another value than the default. A default written out changes nothing.
"""


def reference_text() -> str:
    """Return the reference as Markdown."""
    sections = "\n".join(_sections(Migration, ""))
    return f"{_INTRODUCTION}\n{sections}\n{_limits()}"


def _sections(model: type[BaseModel], path: str) -> Iterator[str]:
    keys = outline(model).fields
    heading = f"## `{path}`" if path else "## Top level"
    rows = [f"| `{name}` | {_need(key)} | {key.meaning} |" for name, key in keys.items()]
    meaning = " ".join((model.__doc__ or "").split())
    yield "\n".join([f"{heading}\n", f"{meaning}\n", "| key | default | meaning |", "| --- | --- | --- |", *rows, ""])
    for name, key in keys.items():
        if key.inside is not None:
            yield from _sections(key.inside, f"{path}.{name}".lstrip(".") + (".<name>" if key.is_map else ""))


def _need(key: Key) -> str:
    if key.info.is_required():
        return "required"
    default = key.info.get_default(call_default_factory=True, validated_data={})
    if default is None or default in ("", (), {}) or default is PydanticUndefined:
        return "none"
    if isinstance(default, BaseModel):
        return "see below"
    return f"`{_value(default)}`"


def _value(value: object) -> str:
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return str(value.value)
    return f"[{', '.join(map(_value, value))}]" if isinstance(value, tuple) else str(value)


def _limits() -> str:
    rows = [*_limit_rows("consistency", CONSISTENCY_LIMITS), *_limit_rows("cutover", CUTOVER_LIMITS)]
    introduction = "How little caution a file may ask for. Only `environment.disposable: true` may go beyond these."
    lines = ["## Limits\n", f"{introduction}\n", "| key | limit | reason |", "| --- | --- | --- |", *rows, ""]
    return "\n".join(lines)


def _limit_rows(section: str, limits: Iterable[Limit]) -> list[str]:
    return [f"| `{section}.{each.field}` | {each.bound} {_value(each.value)} | {each.reason} |" for each in limits]
