"""Turns what Pydantic found wrong with a file into problems that a person can act on."""

import re
from collections.abc import Iterator

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from keyspaces_migration.config.outline import model_at
from keyspaces_migration.config.problems import Location, Problem, RuleError, near_miss, show
from keyspaces_migration.config.yaml_text import YamlFile

_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "model_type": "a map of keys",
    "dict_type": "a map of keys",
    "mapping_type": "a map of keys",
    "tuple_type": "a list",
    "list_type": "a list",
}
_SHORT_VALUE = 60


def explain(file: YamlFile, error: ValidationError, model: type[BaseModel]) -> Iterator[Problem]:
    """Yield a problem for each thing that `error` says about `file`, which was to be a `model`."""
    for detail in error.errors(include_url=False):
        location = tuple(part for part in detail["loc"] if part != "[key]")
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, RuleError):
            for each in cause.violations:
                place = (*location, *each.location)
                yield file.problem(place, found=each.found, allowed=each.allowed, hint=each.hint)
        else:
            found, allowed, hint = _describe(detail, location, model)
            yield file.problem(location, found=found, allowed=allowed, hint=hint)


def _describe(detail: ErrorDetails, location: Location, model: type[BaseModel]) -> tuple[str, str, str]:
    """Return what was found, what is allowed, and what to do."""
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "missing":
        return "nothing", f"a required key: {_meaning(location, model)}", ""
    if kind == "extra_forbidden":
        keys = list(model_at(location[:-1], model).fields)
        return f"the key {show(location[-1])}", f"the keys {', '.join(keys)}", near_miss(str(location[-1]), keys)
    if kind == "enum":
        choices = re.findall(r"'([^']*)'", str(context["expected"]))
        return show(value), " or ".join(choices), near_miss(value, choices) if isinstance(value, str) else ""
    if kind in {"too_short", "too_long"}:
        bound = f"at least {context['min_length']}" if kind == "too_short" else f"at most {context['max_length']}"
        return f"{context['actual_length']} entries", bound, ""
    allowed = _KINDS.get(kind) or re.sub(r"^(Input|String) should (be |have )?", "", detail["msg"])
    return show(value), allowed, _kind_hint(kind, value)


def _kind_hint(kind: str, value: object) -> str:
    if kind == "string_type" and isinstance(value, int | float):
        return "put it in quotes"
    if kind in {"tuple_type", "list_type"} and isinstance(value, str | int):
        return f"write [{value}]" if len(str(value)) < _SHORT_VALUE else "write it in square brackets"
    if kind in {"int_type", "float_type", "bool_type"} and isinstance(value, str):
        return "leave out quotes, separators and units"
    return ""


def _meaning(location: Location, model: type[BaseModel]) -> str:
    return model_at(location[:-1], model).fields[str(location[-1])].meaning
