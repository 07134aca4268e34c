"""Reads YAML into plain values, and knows the line of each.

A subset of YAML 1.2: one document of maps with text keys, lists, and text, whole numbers, decimals, true, false and
null. PyYAML's own rules are those of YAML 1.1, by which a column `no` is false and 12:30 is 750.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import yaml
from typing_extensions import override  # in typing only from Python 3.12 on
from yaml.composer import ComposerError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.reader import Reader

from keyspaces_migration.config.problems import Location, MigrationFileError, Problem, path_text, show

# Amazon Keyspaces' 256 tables of 225 columns make less than 2 MB.
MAX_FILE_BYTES = 4 * 1024 * 1024
# The deepest value of a valid file is at 6. A small file's anchors can expand to a huge one: MAX_VALUES counts that.
MAX_DEPTH = 20
MAX_VALUES = 500_000

_CORE = "tag:yaml.org,2002:"
_SCALARS = {
    f"{_CORE}bool": re.compile(r"true|false"),
    f"{_CORE}null": re.compile(r"~|null|"),
    # Digits after a leading zero are text (an account id, say), as reading a number would lose the zero.
    f"{_CORE}int": re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})"),
    f"{_CORE}float": re.compile(
        r"[-+]?(?:\.[0-9]{1,18}|[0-9]{1,18}(?:\.[0-9]{0,18})(?:[eE][-+]?[0-9]{1,3})?|[0-9]{1,18}[eE][-+]?[0-9]{1,3})"
    ),
}
_FIRST_LETTERS = {
    f"{_CORE}bool": "tf",
    f"{_CORE}null": ("~", "n", ""),
    f"{_CORE}int": "-+0123456789",
    f"{_CORE}float": "-+.0123456789",
}
if TYPE_CHECKING:
    _BaseLoader = yaml.SafeLoader
else:
    # PyYAML has the C loader only where it was built with libyaml.
    _BaseLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Dumper(yaml.SafeDumper):
    """Writes text in quotes wherever `_Loader` would read a plain one as something else; no anchors."""

    @override
    def ignore_aliases(self, data: object) -> bool:
        return True


class _Loader(_BaseLoader):
    """Composes nodes with the tags of YAML 1.2's core schema, to a depth.

    The depth is counted while composing: the C composer recurses without a limit and would end the process.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0

    @override
    def descend_resolver(self, current_node: Node | None, current_index: object) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH and current_node is not None:
            raise ComposerError(None, None, f"more than {MAX_DEPTH} levels of nesting", current_node.start_mark)

    @override
    def ascend_resolver(self) -> None:
        self.depth -= 1


_Loader.yaml_implicit_resolvers = _Dumper.yaml_implicit_resolvers = {
    letter: [(tag, re.compile(f"(?:{_SCALARS[tag].pattern})$")) for tag in _SCALARS if letter in _FIRST_LETTERS[tag]]
    for letter in {letter for letters in _FIRST_LETTERS.values() for letter in letters}
}


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A file that was read: its content as plain values, and its nodes, which know their lines."""

    path: Path
    content: dict[str, object]
    root: Node

    def problem(self, location: Location, *, found: str, allowed: str, hint: str = "") -> Problem:
        """Return a problem at a location of the content, with its line; that of what holds it if it is missing."""
        node = self.root
        place = node
        for part in location:
            step = _step(node, part)
            if step is None:
                break
            place, node = step
        mark = place.start_mark
        return Problem(path_text(location), mark.line + 1, mark.column + 1, found, allowed, hint)


def _step(node: Node, part: str | int) -> tuple[Node, Node] | None:
    """Return where a part of a node begins (a map's key, a list's element) and the part itself."""
    if isinstance(node, MappingNode):
        return next(((key, value) for key, value in node.value if key.value == part), None)
    if isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None


def read_yaml(path: Path) -> YamlFile:
    """Read a YAML file that holds one map.

    Raises:
        MigrationFileError: It can't be read, is no YAML of this kind, or has a key twice.
    """
    root = _compose(path, _read_text(path))
    builder = _Builder()
    content = builder.build(root, ())
    if not builder.problems and not isinstance(content, dict):
        found = "nothing" if content is None else show(content)
        builder.report(root, (), found=found, allowed="a map of keys, such as migration, tables", hint="")
    if builder.problems or not isinstance(content, dict):
        raise MigrationFileError(path=path, problems=builder.problems)
    return YamlFile(path, content, root)


def write_yaml(content: object) -> str:
    """Return plain values as YAML that `read_yaml` reads back as they are; a map's keys keep their order."""
    text: str = yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=118)
    return text


def _refuse(path: Path, mark: tuple[int, int] | None, *, found: str, allowed: str, hint: str = "") -> NoReturn:
    line, column = mark or (None, None)
    raise MigrationFileError(path=path, problems=[Problem("", line, column, found, allowed, hint)])


def _mark_at(content: str, position: int) -> tuple[int, int]:
    """Return line and column of a position in a text, counted from 1."""
    return content.count("\n", 0, position) + 1, position - content.rfind("\n", 0, position)


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        found = error.strerror or type(error).__name__
        raise MigrationFileError(path=path, problems=[Problem("", None, None, found, "a file to read")]) from error
    if len(raw) > MAX_FILE_BYTES:
        _refuse(path, None, found=f"more than {MAX_FILE_BYTES} bytes", allowed=f"{MAX_FILE_BYTES} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        mark = _mark_at(raw[: error.start].decode("latin-1"), error.start)
        _refuse(path, mark, found=f"byte 0x{raw[error.start]:02x}", allowed="text in UTF-8", hint="save it as UTF-8")


def _compose(path: Path, text: str) -> Node:
    if (match := Reader.NON_PRINTABLE.search(text)) is not None:
        found = f"the control character U+{ord(match[0]):04X}"
        _refuse(path, _mark_at(text, match.start()), found=found, allowed="printable text")
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        place = error.problem_mark or error.context_mark
        found = " ".join(part for part in (error.context, error.problem) if part) or "a fault"
        hint = "indent with spaces" if "\t" in text else ""
        _refuse(path, (place.line + 1, place.column + 1) if place else None, found=found, allowed="YAML", hint=hint)
    finally:
        loader.dispose()
    if node is None:
        _refuse(path, (1, 1), found="an empty file", allowed="a map of keys, such as migration, tables")
    return node


@dataclass(slots=True)
class _Builder:
    """Turns nodes into plain values; every problem on the way is kept, and the value there is None."""

    problems: list[Problem] = field(default_factory=list)
    sizes: dict[int, int] = field(default_factory=dict)
    values: dict[int, object] = field(default_factory=dict)
    open_nodes: set[int] = field(default_factory=set)

    def report(self, node: Node, location: Location, *, found: str, allowed: str, hint: str) -> None:
        mark = node.start_mark
        self.problems.append(Problem(path_text(location), mark.line + 1, mark.column + 1, found, allowed, hint))

    def build(self, node: Node, location: Location) -> object:
        identity = id(node)
        if identity in self.values:  # an alias: the same value again
            return self.values[identity]
        if identity in self.open_nodes:
            self.report(node, location, found="an anchor inside itself", allowed="values that end", hint="")
            return None
        self.open_nodes.add(identity)
        self.values[identity] = value = self.build_new(node, location)
        self.open_nodes.remove(identity)
        return value

    def build_new(self, node: Node, location: Location) -> object:
        value: object
        if isinstance(node, MappingNode):
            value = self.build_map(node, location)
            parts = [each for pair in node.value for each in pair]
        elif isinstance(node, SequenceNode):
            value = [self.build(each, (*location, index)) for index, each in enumerate(node.value)]
            parts = list(node.value)
        else:
            value = self.build_scalar(node, location) if isinstance(node, ScalarNode) else None
            parts = []
        if node.tag not in _SCALARS and node.tag not in {f"{_CORE}map", f"{_CORE}seq", f"{_CORE}str"}:
            tag = node.tag.replace(_CORE, "!!")
            self.report(node, location, found=f"the tag {show(tag)}", allowed="plain values", hint="leave the tag out")
        size = 1 + sum(self.sizes.get(id(each), 1) for each in parts)
        if size > MAX_VALUES:
            self.report(node, location, found=f"{size} values", allowed=f"{MAX_VALUES}", hint="use fewer anchors")
            return None
        self.sizes[id(node)] = size
        return value

    def build_map(self, node: MappingNode, location: Location) -> dict[str, object]:
        result: dict[str, object] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if key_node.tag != f"{_CORE}str" or not isinstance(key_node, ScalarNode):
                found = f"the key {show(key_node.value if isinstance(key_node, ScalarNode) else key_node.tag)}"
                hint = "put it in quotes" if isinstance(key_node, ScalarNode) else ""
                self.report(key_node, location, found=found, allowed="text as a key", hint=hint)
                continue
            key = key_node.value
            here = (*location, key)
            if key in result:
                found = f"the key {show(key)} again"
                self.report(key_node, here, found=found, allowed="each key once", hint=f"it is in line {lines[key]}")
            value = self.build(value_node, here)
            result.setdefault(key, value)
            lines.setdefault(key, key_node.start_mark.line + 1)
        return result

    def build_scalar(self, node: ScalarNode, location: Location) -> object:
        text: str = node.value
        pattern = _SCALARS.get(node.tag)
        if pattern is None:
            return text
        if not pattern.fullmatch(text):
            tag = node.tag.replace(_CORE, "!!")
            self.report(node, location, found=f"{show(text)} tagged {tag}", allowed="a value of that kind", hint="")
            return None
        match node.tag.removeprefix(_CORE):
            case "int":
                return int(text)
            case "float":
                return float(text)
            case "bool":
                return text == "true"
            case _:
                return None
