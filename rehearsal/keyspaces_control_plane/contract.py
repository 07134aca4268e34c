"""Requests held against botocore's own service model, the same that boto3's client is made from."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StringShape, StructureShape

from rehearsal.keyspaces_control_plane.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator


# Patterns are Java's, which writes the characters beyond U+FFFF as a range of surrogate pairs.
_JAVA = {r"\uD800\uDC00-\uDBFF\uDFFF": r"\U00010000-\U0010FFFF", r"\p{Print}": r"[\x20-\x7E]"}


@cache
def service_model(service: str) -> ServiceModel:
    """The model of a service that botocore ships, by botocore's name of it."""
    return botocore.session.get_session().get_service_model(service)


def validate(service: str, operation: str, request: object) -> None:
    """Hold a request against its operation's input shape.

    Raises:
        ValidationError: It breaks the shape; the message names every place.
    """
    shape = service_model(service).operation_model(operation).input_shape
    found = list(_problems(shape, request, "request")) if shape is not None else []
    if found:
        raise ValidationError(f"{len(found)} validation error(s) detected: " + "; ".join(found))


def error_codes(service: str, operation: str) -> frozenset[str]:
    """The errors that the model lets an operation answer with."""
    return frozenset(shape.name for shape in service_model(service).operation_model(operation).error_shapes)


def _problems(shape: Shape, value: object, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        yield from _structure(shape, value, path)
    elif isinstance(shape, ListShape):
        yield from _list(shape, value, path)
    elif isinstance(shape, StringShape):
        yield from _string(shape, value, path)
    elif isinstance(shape, MapShape):
        yield from _map(shape, value, path)
    else:
        yield from _plain(shape, value, path)


def _structure(shape: StructureShape, value: object, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"value {value!r} at '{path}' must be an object"
        return
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"value at '{path}.{name}' must not be null"
    for name, member in value.items():
        if name not in shape.members:
            yield f"'{path}.{name}' is no member of {shape.name}: {', '.join(shape.members)}"
        elif member is not None:
            yield from _problems(shape.members[name], member, f"{path}.{name}")


def _list(shape: ListShape, value: object, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"value {value!r} at '{path}' must be a list"
        return
    yield from _within(shape, len(value), path, "length")
    for index, element in enumerate(value):
        yield from _problems(shape.member, element, f"{path}[{index}]")


def _map(shape: MapShape, value: object, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"value {value!r} at '{path}' must be an object"
        return
    yield from _within(shape, len(value), path, "length")
    for key, element in value.items():
        yield from _problems(shape.key, key, f"{path}, a key")
        yield from _problems(shape.value, element, f"{path}[{key}]")


def _string(shape: StringShape, value: object, path: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"value {value!r} at '{path}' must be a string"
        return
    yield from _within(shape, len(value), path, "length")
    if shape.enum and value not in shape.enum:
        yield f"value {value!r} at '{path}' must be one of {', '.join(shape.enum)}"
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(_python(pattern), value):
        yield f"value {value!r} at '{path}' must match {pattern}"


def _python(pattern: str) -> str:
    for java, python in _JAVA.items():
        pattern = pattern.replace(java, python)
    return pattern


def _plain(shape: Shape, value: object, path: str) -> Iterator[str]:
    match shape.type_name:
        case "integer" | "long":
            if isinstance(value, bool) or not isinstance(value, int):
                yield f"value {value!r} at '{path}' must be a whole number"
                return
            yield from _within(shape, value, path, "value")
        case "double" | "float" | "timestamp":
            if isinstance(value, bool) or not isinstance(value, int | float):
                yield f"value {value!r} at '{path}' must be a number"
        case "boolean":
            if not isinstance(value, bool):
                yield f"value {value!r} at '{path}' must be true or false"
        case other:
            yield f"value at '{path}': this stand-in reads no {other}"


def _within(shape: Shape, amount: int, path: str, what: str) -> Iterator[str]:
    metadata: dict[str, Any] = shape.metadata
    if amount < metadata.get("min", amount):
        yield f"{what} {amount} at '{path}' must be {metadata['min']} or more"
    if amount > metadata.get("max", amount):
        yield f"{what} {amount} at '{path}' must be {metadata['max']} or less"
