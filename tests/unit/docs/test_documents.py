"""Every document: what it tells people to run is run or looked up, its YAML is taken, its links lead somewhere.

Commands that need nothing but the repository are run as their page has them. What others do is the subject of other
tests; here it is made sure that they exist as they are written: targets and names of make, our own commands with their
options, AWS's operations with theirs, the file's sections as a whole file.
"""

from __future__ import annotations

import ast
import gzip
import importlib
import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from botocore.session import get_session

from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.ledger import RunConfiguration, open_ledger
from keyspaces_migration.lifecycle import Stage
from rehearsal.servers.airflow import ledger_keyring

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
FLIGHTS = ROOT / "dags" / "migrations" / "flights.yaml"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
LOOKED_UP = (
    "auditlogviewer /",
    "docker compose up --build",
    "fqltool dump /",
    "jq .values.keyspaces_migration |= ",
    "mkdir -p ",
    "nodetool disableauditlog",
    "nodetool disablefullquerylog",
    "nodetool enableauditlog --logger FileAuditLogger --included-keyspaces shop --included-categories ",
    "nodetool enablefullquerylog --path /var/log/cassandra/fql --roll-cycle HOURLY",
    "pip install --constraint constraints.txt ",
    "pulumi config set migrationFile ",
    "pulumi preview",
    "pulumi stack select flights-production",
    "unzip dags.zip -d ",
)
"""Of programs that are not ours: compared with their documentation by a person, when they were written."""

OF_OTHERS = {"docs/guides/deployment.md"}
"""Pages with YAML that is no part of a migration file: values of Airflow's Helm chart."""
_GLOBAL_OF_AWS = {"--region", "--profile", "--endpoint-url", "--query", "--output"}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text.splitlines()[0][:60]}"


def blocks(*languages: str) -> list[Block]:
    return [
        Block(str(page.relative_to(ROOT)), language, text)
        for page in PAGES
        for language, text in _BLOCK.findall(page.read_text(encoding="utf-8"))
        if language in languages
    ]


def commands() -> list[tuple[str, list[str]]]:
    found = []
    for block in blocks("sh"):
        for line in block.text.replace("\\\n", " ").splitlines():
            for words in parted(shlex.split(line, comments=True)):
                while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                    words.pop(0)
                if words:
                    found.append((block.page, words))
    return found


def parted(words: list[str]) -> list[list[str]]:
    """The commands of a line."""
    if "&&" not in words:
        return [words]
    at = words.index("&&")
    return [words[:at], *parted(words[at + 1 :])]


# --- commands


@pytest.mark.parametrize(
    ("page", "words"), commands(), ids=lambda each: " ".join(each)[:70] if isinstance(each, list) else str(each)
)
def test_every_command_exists_as_it_is_written(page: str, words: list[str]) -> None:
    if any(" ".join(words).startswith(each) for each in LOOKED_UP):
        return
    program = Path(words[0]).name
    if program not in CHECKS and "/" in words[0]:
        assert (ROOT / words[0]).exists(), f"{page}: there is no {words[0]}"
        return
    assert program in CHECKS, f"{page}: nothing here knows how to look {program!r} up"
    CHECKS[program](words[1:])


def of_the_statements(folder: Path) -> None:
    """The files that the page names."""
    (folder / "schema.cql").write_text("CREATE TABLE shop.orders (id int PRIMARY KEY, note text, n counter);\n")
    (folder / "statements.cql").write_text("INSERT INTO shop.orders (id, note) VALUES (1, 'x') IF NOT EXISTS;\n")
    log = ROOT / "tests/unit/keyspaces_migration/statements/samples/file-audit-logger.log"
    (folder / "audit.log.gz").write_bytes(gzip.compress(log.read_bytes()))


def of_the_ledger(folder: Path) -> None:
    """A ledger with a record, where the page has it: in the local world's home."""
    home = folder / ".local-world"
    (home / "ledger").mkdir(parents=True)
    keyring = ledger_keyring(home)
    ledger = open_ledger(f"sqlite:///{home}/ledger/ledger.db", keyring=keyring)
    ledger.record_run(
        RunConfiguration.of(
            load_migration(FLIGHTS),
            stage=Stage.ASSESS,
            dag_id="flights.assess",
            run_id="one",
            recorded_at=datetime.now(UTC),
            recorded_by="admin",
        )
    )


@pytest.mark.parametrize(
    ("page", "start", "prepare", "code", "shows"),
    [
        ("statements.md", "python -m keyspaces_migration.statements", of_the_statements, 1, "lightweight-transaction"),
        ("ledger.md", "python -m keyspaces_migration.ledger new-key", lambda _: None, 0, '"current":'),
        ("ledger.md", "LEDGER_URL=sqlite", of_the_ledger, 0, "every record is as it was signed"),
    ],
)
def test_a_command_that_needs_nothing_but_this_repository_does_what_its_page_says(  # noqa: PLR0913, PLR0917 -- parameters of a test
    page: str, start: str, prepare: Callable[[Path], None], code: int, shows: str, tmp_path: Path
) -> None:
    texts = [block.text for block in blocks("sh") if block.page == f"docs/guides/{page}"]
    (text,) = [text for text in texts if text.startswith(start)]
    prepare(tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    environment = {**os.environ, "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}", "PYTHONPATH": f"{ROOT}/plugins"}
    done = subprocess.run(
        ["bash", "-euc", text], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert shows in done.stdout


def check_make(words: list[str]) -> None:
    targets = [word for word in words if "=" not in word]
    given = dict(word.split("=", 1) for word in words if "=" in word)
    text = (ROOT / "Makefile").read_text()
    for target in targets:
        rule = re.search(rf"^{re.escape(target)}:.*\n((?:\t.*\n)*)", text, re.MULTILINE)
        assert rule is not None, f"make has no target {target}"
        known = set(re.findall(r"\$\((?:or \$\()?([A-Z_]+)\)", rule[1]))
        if target not in {"rehearsal", "bench"}:  # they hand their environment down
            assert set(given) <= known, f"make {target} knows {known}"
    if targets == ["bench"]:
        assert (ROOT / "benchmarks" / f"{given['NAME'].replace('-', '_')}.py").exists()


def check_python(words: list[str]) -> None:
    assert words[0] == "-m"
    module = importlib.import_module(f"{words[1]}.__main__")
    if hasattr(module, "_parser"):
        module._parser().parse_args(words[2:])


def check_aws(words: list[str]) -> None:
    service, operation, *options = words
    shape = operation_of(service, operation).input_shape
    members = {f"--{kebab(name)}": name for name in shape.members}
    given = {option for option in options if option.startswith("--")} - _GLOBAL_OF_AWS
    # A switch may be given as such.
    assert given <= set(members), f"aws {service} {operation} has {sorted(members)}"
    missing = {f"--{kebab(name)}" for name in shape.required_members} - given
    assert not missing, f"aws {service} {operation} needs {missing}"


def operation_of(service: str, operation: str) -> Any:
    model = get_session().get_service_model(service)
    name = next(name for name in model.operation_names if kebab(name) == operation)
    return model.operation_model(name)


def kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


def check_cd(words: list[str]) -> None:
    (folder,) = words
    assert (ROOT / folder).is_dir()


CHECKS: dict[str, Callable[[list[str]], None]] = {
    "make": check_make,
    "python": check_python,
    "aws": check_aws,
    "cd": check_cd,
}


# --- YAML


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_yaml_is_a_part_of_a_migration_file_that_is_taken(block: Block, tmp_path: Path) -> None:
    part = yaml.safe_load(block.text)
    if block.page in OF_OTHERS:
        assert not set(part) & set(Migration.model_fields)
        return
    whole = merged(yaml.safe_load(FLIGHTS.read_text()), part)
    file = tmp_path / "flights.yaml"
    file.write_text(yaml.safe_dump(whole, sort_keys=False))
    assert load_migration(file).name == part.get("migration", "flights")


def merged(base: Any, over: Any) -> Any:
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    return {**base, **{key: merged(base.get(key), value) for key, value in over.items()}}


# --- what is left


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_json_is_json(block: Block) -> None:
    for line in [block.text] if not is_lines(block.text) else block.text.splitlines():
        json.loads(line)


def is_lines(text: str) -> bool:
    lines = text.strip().splitlines()
    return len(lines) > 1 and all(line.startswith("{") and line.endswith("}") for line in lines)


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_python_compiles_and_what_it_imports_is_there(block: Block) -> None:
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            module = importlib.import_module(node.module)
            for name in node.names:
                assert hasattr(module, name.name) or importlib.import_module(f"{node.module}.{name.name}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings_that_are_there(page: Path) -> None:
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    for link in _LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{link}: no such heading"


@cache
def anchors(page: Path) -> frozenset[str]:
    """As GitHub makes them from headings."""
    headings = re.findall(r"^#+ (.+)$", _BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    plain = (
        re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", each)).strip().lower() for each in headings
    )
    return frozenset(each.replace(" ", "-") for each in plain)
