"""When two values of a property are the same, by a type's description."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rehearsal.pulumi_aws_provider.archives import content_hash, is_archive
from rehearsal.pulumi_aws_provider.structs import UNKNOWN

if TYPE_CHECKING:
    from rehearsal.pulumi_aws_provider.description import Description
    from rehearsal.pulumi_aws_provider.resources import Properties


def comparable(description: Description, inputs: Properties) -> Properties:
    """Inputs of which equal ones ask for the same: without what is empty or a default, lists and texts by content."""
    return dict(_content(description, inputs, ""))


def as_given(description: Description, live: Any, given: Any, path: str = "") -> Any:  # noqa: ANN401 - JSON
    """A live value in the words of the program, so far as it is what the program asked for.

    What the program left out and AWS filled in stays out; what is asked for and is otherwise is shown as it is.
    """
    if _content(description, live, path) == _content(description, given, path):
        return given
    if isinstance(live, dict) and isinstance(given, dict):
        return {
            name: as_given(description, value, given.get(name), _join(path, name))
            for name, value in live.items()
            if name in given or not _is_hidden(description, value, _join(path, name))
        }
    if isinstance(live, list) and isinstance(given, list) and len(live) == len(given):
        return [as_given(description, *pair, path) for pair in zip(live, given, strict=True)]
    return live


def _is_hidden(description: Description, value: object, path: str) -> bool:
    return path in description.filled_in or _is_left_out(description, _content(description, value, path), path)


def _is_left_out(description: Description, value: object, path: str) -> bool:
    if path in description.defaults:
        return value is None or value == description.defaults[path]
    return value is None or value in ("", [], {})


def _content(description: Description, value: Any, path: str) -> Any:  # noqa: ANN401 - JSON
    if is_archive(value):
        return content_hash(value)
    if isinstance(value, dict):
        members = {name: _content(description, inner, _join(path, name)) for name, inner in value.items()}
        return {
            name: inner for name, inner in members.items() if not _is_left_out(description, inner, _join(path, name))
        }
    if isinstance(value, list):
        content = [_content(description, inner, path) for inner in value]
        return sorted(content, key=_text) if path in description.unordered else content
    if not isinstance(value, str) or value == UNKNOWN:
        return value
    if path in description.documents:
        return _document(_parsed(value))
    return description.alike[path](value) if path in description.alike else value


def _parsed(text: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(text)
    except ValueError:
        return text


def _document(value: Any) -> Any:  # noqa: ANN401 - JSON
    # In policies one thing and a list of it are the same, and order means nothing (awspolicyequivalence).
    if isinstance(value, dict):
        return {name: _document(inner) for name, inner in value.items()}
    if isinstance(value, list):
        content = sorted((_document(inner) for inner in value), key=_text)
        return content[0] if len(content) == 1 else content
    return value


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
