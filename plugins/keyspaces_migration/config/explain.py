"""Turns what Pydantic found wrong with a file into problems that a person can act on."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

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
    kind, value = detail["type"], detail["input"]
    if kind == "missing":
        return "nothing", f"a required key: {_meaning(location, model)}", ""
    if kind == "extra_forbidden":
        keys = _keys(_model_at(location[:-1], model))
        return f"the key {show(location[-1])}", f"the keys {', '.join(keys)}", near_miss(str(location[-1]), keys)
    if kind == "enum":
        choices = re.findall(r"'([^']*)'", str(detail["ctx"]["expected"]))
        return show(value), " or ".join(choices), near_miss(value, choices) if isinstance(value, str) else ""
    allowed = _KINDS.get(kind) or detail["msg"].removeprefix("Input should ").removeprefix("be ")
    return show(value), allowed, _kind_hint(kind, value)


def _kind_hint(kind: str, value: object) -> str:
    if kind == "string_type" and isinstance(value, int | float):
        return "put it in quotes"
    if kind in {"tuple_type", "list_type"} and isinstance(value, str | int):
        return f"write [{value}]"[:80]
    if kind in {"int_type", "float_type", "bool_type"} and isinstance(value, str):
        return "leave out the quotes, separators and units"
    return ""


def _fields(model: type[BaseModel]) -> Mapping[str, tuple[type[BaseModel] | None, str]]:
    """Return each key of a model in the file, with the model inside it (if any) and its meaning."""
    return {
        info.alias or name: (_model_inside(info.annotation), info.description or "")
        for name, info in model.model_fields.items()
    }


def _model_inside(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    arguments = cast("Sequence[object]", getattr(annotation, "__args__", ()))
    return next((found for each in arguments if (found := _model_inside(each)) is not None), None)


def _model_at(location: Location, model: type[BaseModel]) -> type[BaseModel]:
    current = model
    for part in location:
        inside = _fields(current).get(str(part))
        if inside is not None and inside[0] is not None:
            current = inside[0]
    return current


def _keys(model: type[BaseModel]) -> list[str]:
    return list(_fields(model))


def _meaning(location: Location, model: type[BaseModel]) -> str:
    described = _fields(_model_at(location[:-1], model)).get(str(location[-1]))
    return " ".join(described[1].split()).rstrip(".") if described else "see the reference"
