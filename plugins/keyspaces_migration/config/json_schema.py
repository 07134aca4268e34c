"""The JSON Schema of the migration file, for editors and other checkers."""

import json
from typing import cast

from pydantic.json_schema import GenerateJsonSchema
from typing_extensions import override  # in typing only from Python 3.12 on

from keyspaces_migration.config.migration import Migration


class _WithoutTitles(GenerateJsonSchema):
    """Pydantic's titles only repeat the keys."""

    @override
    def field_title_should_be_set(self, schema: object) -> bool:
        return False


def schema_text() -> str:
    """Return the JSON Schema of the migration file as indented text.

    It holds all that JSON Schema can say. The rules between parts (key columns that exist, floors of durations) are
    checked by `load_migration` alone.
    """
    content = _tidy(Migration.model_json_schema(by_alias=True, schema_generator=_WithoutTitles))
    head = {"$schema": GenerateJsonSchema.schema_dialect, "title": "Migration file"}
    return json.dumps(head | cast("dict[str, object]", content), indent=2, ensure_ascii=False) + "\n"


def _tidy(part: object) -> object:
    """Return a schema without the line breaks of docstrings and the names of Python's classes."""
    if isinstance(part, list):
        return [_tidy(each) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        key: " ".join(value.split()) if key == "description" and isinstance(value, str) else _tidy(value)
        for key, value in part.items()
        if not (key == "title" and isinstance(value, str))
    }
