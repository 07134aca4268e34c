"""The draft as YAML text that people read: one column a line, decisions as comments."""

import json
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import yaml

WIDTH = 110
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


def as_yaml(
    tables: Sequence[tuple[str, Mapping[str, Any], Iterable[str]]],
    left_out: Iterable[tuple[str, Iterable[str]]],
) -> str:
    """Renders tables (name, value, decisions) and, as comments, those left out (name, reasons)."""
    lines = ["tables:" if tables else "tables: {}"]
    for name, value, decisions in tables:
        lines += [f"  {_scalar(name)}:"]
        lines += [line for decision in decisions for line in _comment(f"DECIDE {decision}", indent="    ")]
        lines += _table(value)
    for name, reasons in left_out:
        lines += _comment(f"left out: {name}", indent="  ")
        lines += [line for reason in reasons for line in _comment(f"  {reason}", indent="  ")]
    return "\n".join(lines) + "\n"


def _table(value: Mapping[str, Any]) -> Iterable[str]:
    schema = value["schema"]
    yield "    schema:"
    yield "      columns:"
    yield from (f"        - {_flow(column)}" for column in schema["columns"])
    yield from (f"      {key}: {_flow(item)}" for key, item in schema.items() if key != "columns")
    yield from (f"    {key}: {_flow(item)}" for key, item in value.items() if key != "schema")


def _flow(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return _scalar(value)


def _scalar(value: object) -> str:
    """A text as YAML: in quotes wherever a plain one would be read as anything but itself."""
    text = str(value)
    plain = _PLAIN.fullmatch(text) and yaml.safe_load(text) == text
    return text if plain else json.dumps(text, ensure_ascii=False)


def _comment(text: str, *, indent: str) -> list[str]:
    # Text from the cluster must not end the comment: whatever ends a line for YAML becomes a space.
    flat = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]", " ", text)
    margin = indent + "# "
    return textwrap.wrap(flat, WIDTH, initial_indent=margin, subsequent_indent=margin + "    ", break_long_words=False)
