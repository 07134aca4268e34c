"""Pulumi's properties as parameters of boto3 and back, led by botocore's model of the operation.

pulumi_aws writes members in camel case and the APIs mostly in Pascal case; maps hold the user's own keys. What is
called otherwise is in a type's `renamed`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.pulumi_aws_provider.resources import Properties

_FIRST_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z]|\d|$)|[A-Z]")


class NotServedError(Exception):
    """A property that the API's model does not have under any name known here."""


def to_api(
    client: Any,  # noqa: ANN401 - boto3 makes its clients' classes at run time
    operation: str,
    properties: Properties,
    *,
    renamed: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The parameters of an operation; properties that are not its own are left out.

    Args:
        client: Has the operation.
        operation: Its name in the service model, such as `CreateFunction`.
        properties: Those of a resource.
        renamed: API's name by Pulumi's, at any depth.

    Raises:
        NotServedError: A member within a property is unknown.
    """
    shape = client.meta.service_model.operation_model(operation).input_shape
    names = renamed or {}
    known = {name: value for name, value in properties.items() if _member(shape, name, names)}
    return dict(_to_shape(shape, known, names))


def from_api(
    client: Any,  # noqa: ANN401 - as above
    operation: str,
    answer: Mapping[str, Any],
    *,
    renamed: Mapping[str, str] | None = None,
    within: str | None = None,
) -> Properties:
    """The answer of an operation as properties.

    Args:
        client: Has the operation.
        operation: Its name in the service model.
        answer: What boto3 returned, or what is `within` it.
        renamed: As in `to_api`.
        within: The member that has the resource, or a list of such.
    """
    shape = client.meta.service_model.operation_model(operation).output_shape
    if within is not None:
        shape = shape.members[within]
    if shape.type_name == "list":
        shape = shape.member
    known = {name: value for name, value in answer.items() if name in shape.members}
    return dict(_from_shape(shape, known, {api: own for own, api in (renamed or {}).items()}))


def camel(name: str) -> str:
    """An API's name in camel case: `KMSKeyArn` is `kmsKeyArn`."""
    return _FIRST_WORD.sub(lambda word: word.group().lower(), name, count=1) if name[:1].isupper() else name


def _member(shape: Any, name: str, renamed: Mapping[str, str]) -> str | None:  # noqa: ANN401 - botocore's shapes
    if renamed.get(name) in shape.members:
        return renamed[name]
    return next((member for member in shape.members if member.lower() == name.lower()), None)


def _to_shape(shape: Any, value: Any, renamed: Mapping[str, str]) -> Any:  # noqa: ANN401 - as above, and JSON
    if shape.type_name == "structure":
        members = {}
        for name, inner in value.items():
            member = _member(shape, name, renamed)
            if member is None:
                raise NotServedError(f"{name} is not in {shape.name} of the AWS API")
            if inner is not None:
                members[member] = _to_shape(shape.members[member], inner, renamed)
        return members
    if shape.type_name == "list":
        return [_to_shape(shape.member, inner, renamed) for inner in value]
    if shape.type_name == "map":
        return {key: _to_shape(shape.value, inner, renamed) for key, inner in value.items()}
    return value


def _from_shape(shape: Any, value: Any, names: Mapping[str, str]) -> Any:  # noqa: ANN401 - as above
    if shape.type_name == "structure":
        return {
            names.get(name) or camel(name): _from_shape(shape.members[name], inner, names)
            for name, inner in value.items()
            if name in shape.members and inner is not None
        }
    if shape.type_name == "list":
        return [_from_shape(shape.member, inner, names) for inner in value]
    if shape.type_name == "map":
        return {key: _from_shape(shape.value, inner, names) for key, inner in value.items()}
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value
