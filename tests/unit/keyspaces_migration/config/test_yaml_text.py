"""What is wrong with a file before its keys are looked at."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from keyspaces_migration.config import MigrationFileError, Problem, load_migration
from keyspaces_migration.config import yaml_text as module
from keyspaces_migration.config.yaml_text import MAX_FILE_BYTES, read_yaml

Problems = Callable[[str | bytes], list[Problem]]


@pytest.fixture(params=["C", "Python"])
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both of PyYAML's parsers: the one in C is there only where PyYAML was built with libyaml."""
    if request.param == "Python":
        names = ("yaml_implicit_resolvers", "descend_resolver", "ascend_resolver")
        plain = type("Plain", (yaml.SafeLoader,), {"depth": 0} | {name: vars(module._Loader)[name] for name in names})
        monkeypatch.setattr(module, "_Loader", plain)
    return str(request.param)


BAD = {
    "empty": (b"", 1, "an empty file"),
    "only comments": (b"# nothing\n", 1, "an empty file"),
    "a null": (b"~\n", 1, "nothing"),
    "a list": (b"- a\n- b\n", 1, "['a', 'b']"),
    "a text": (b"just words\n", 1, "just words"),
    "a tab": (b"migration: a\n\tsource: b\n", 2, ""),
    "an open quote": (b'migration: "a\n', 2, "scalar"),
    "an open list": (b"migration: [a, b\n", 2, ""),
    "bad indentation": (b"migration: a\n  source: b\n", 2, ""),
    "two documents": (b"a: b\n---\na: b\n", 2, "another document"),
    "an unknown alias": (b"a: *nothing\n", 1, "undefined alias"),
    "an anchor inside itself": (b"a: &x [*x]\n", 1, "inside itself"),
    "a Python object": (b"a: !!python/object/apply:os.system ['true']\n", 1, "the tag"),
    "a tag of its own": (b"a: !secret b\n", 1, "the tag"),
    "a tagged date": (b"a: !!timestamp nonsense\n", 1, "the tag"),
    "a tagged number": (b"a: !!int nonsense\n", 1, "tagged !!int"),
    "a key twice": (b"a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n", 5, "the key 'c' again"),
    "a number as a key": (b"a: 1\n1: b\n", 2, "the key '1'"),
    "a list as a key": (b"a: 1\n[a]: b\n", 2, "the key"),
    "a null as a key": (b"a: 1\n~: b\n", 2, "the key '~'"),
    "UTF-16": ("migration: a\n".encode("utf-16"), 1, "byte 0xff"),
    "Latin-1": (b"migration: a\nowner: Ren\xe9\n", 2, "byte 0xe9"),
    "binary": (b"\x7fELF\x02\x01\x01\x00", 1, "U+007F"),
    "a control character": (b"a: 1\nb: \x07\n", 2, "U+0007"),
    "depth": (b"a: " + b"[" * 400 + b"]" * 400, 1, "levels of nesting"),
    "a billion laughs": (
        b"a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + b"".join(b"%c: &%c [%s]\n" % (n + 1, n + 1, b", ".join([b"*%c" % n] * 10)) for n in range(97, 110)),
        6,
        "1111111 values",
    ),
}


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize(("raw", "line", "found"), BAD.values(), ids=BAD.keys())
def test_what_is_no_map_of_keys_is_told_with_its_line(problems: Problems, raw: bytes, line: int, found: str) -> None:
    first = problems(raw)[0]
    assert found in first.found
    assert first.line == line
    assert first.column


@pytest.mark.usefixtures("loader")
def test_no_depth_ends_the_process(problems: Problems) -> None:
    for opening in ("[", "{a: ", "- ", "? "):
        problems(opening * min(100_000, MAX_FILE_BYTES // len(opening)))


def test_a_tab_is_told_to_be_spaces(problems: Problems) -> None:
    [problem] = problems("migration: a\n\tsource: b\n")
    assert problem.hint == "indent with spaces"


def test_every_key_that_is_there_twice_is_told(problems: Problems) -> None:
    found = problems("a: 1\nb: 2\na: 3\nb: 4\n")
    assert [(problem.path, problem.line, problem.hint) for problem in found] == [
        ("a", 3, "it is in line 1"),
        ("b", 4, "it is in line 2"),
    ]


def test_a_huge_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 34)  # 16 GiB of nothing
    with pytest.raises(MigrationFileError, match="more than"):
        load_migration(path)


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_what_is_no_file_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(MigrationFileError) as caught:
        load_migration(tmp_path / name)
    assert caught.value.path == tmp_path / name
    assert caught.value.problems[0].allowed == "a file to read"


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("2024-01-31", "2024-01-31"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("0x1f", "0x1f"),
        (".inf", ".inf"),
        ("9" * 19, "9" * 19),
        ("012345678901", "012345678901"),
        ("0", 0),
        ("-7", -7),
        ("1e-4", 1e-4),
        ("-1.5", -1.5),
        ("true", True),
        ("null", None),
        ("", None),
        ("!!str 5", "5"),
        ('"5"', "5"),
    ],
)
def test_values_are_read_as_yaml_1_2_reads_them(tmp_path: Path, text: str, value: object) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"a: {text}\nno: 1\n", encoding="utf-8")
    content = read_yaml(path).content
    assert content["a"] == value
    assert type(content["a"]) is type(value)
    assert "no" in content


def test_a_byte_order_mark_and_anchors_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: &x {b: 1}\nc: *x\n")
    assert read_yaml(path).content == {"a": {"b": 1}, "c": {"b": 1}}


def test_merge_keys_are_not_read(problems: Problems) -> None:
    assert any(problem.path.endswith("['<<']") for problem in problems("a: &x {b: 1}\nc:\n  <<: *x\n<<: *x\n"))


def test_problems_stand_in_the_order_of_lines_with_the_place_of_each(problems: Problems) -> None:
    text = Path(__file__).with_name("full.yaml").read_text(encoding="utf-8")
    text = text.replace("PT2H", "PT1S").replace("- {amount: decimal}", "-  {amount: decimals}")
    found = problems(text)
    lines = text.splitlines()
    assert [problem.path for problem in found] == ["cutover.bake_time", "tables.order_lines.schema.columns[4]"]
    assert lines[(found[0].line or 0) - 1] == "  bake_time: PT1S"
    assert (found[1].line, found[1].column) == (lines.index("        -  {amount: decimals}") + 1, 12)
