"""The keys of the migration file, read off its models: for messages and for the reference."""

import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel
from pydantic.fields import FieldInfo


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a part of the file.

    Attributes:
        meaning: What it says, without a full stop at the end.
        inside: The model of the part that it holds, or that each entry of its map is; None for plain values.
        is_map: Whether it holds a map by names of the file's own choice.
        info: What Pydantic knows of it.
    """

    meaning: str
    inside: type[BaseModel] | None
    is_map: bool
    info: FieldInfo


@dataclass(frozen=True, slots=True)
class Outline:
    """The keys of one part of the file, in order."""

    model: type[BaseModel]
    fields: Mapping[str, Key]


def outline(model: type[BaseModel]) -> Outline:
    """Return the keys of a part of the file."""
    fields = {}
    for name, info in model.model_fields.items():
        is_map = typing.get_origin(info.annotation) is Mapping
        meaning = " ".join((info.description or "").split()).rstrip(".")
        fields[info.alias or name] = Key(meaning, _model_inside(info.annotation), is_map, info)
    return Outline(model, fields)


def model_at(location: Iterable[str | int], model: type[BaseModel]) -> Outline:
    """Return the keys of the part at a location of the file; of the nearest part around it, if there is none."""
    current = outline(model)
    parts = iter(location)
    for part in parts:
        key = current.fields.get(str(part))
        if key is None or key.inside is None:
            break
        current = outline(key.inside)
        if key.is_map:
            next(parts, None)  # the name that the file chose
    return current


def _model_inside(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if typing.get_origin(annotation) is tuple:
        return None  # lists hold plain values or one-key maps
    return next((found for each in typing.get_args(annotation) if (found := _model_inside(each)) is not None), None)
