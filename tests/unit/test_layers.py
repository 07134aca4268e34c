"""The import boundaries of DESIGN §3 are enforced by lint; these tests prove that the enforcement bites."""

import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "plugins/keyspaces_migration"


def lint(source: str, *, as_file: str) -> str:
    """What ruff says of `source`, were it the content of `as_file`."""
    command = [sys.executable, "-m", "ruff", "check", "--select", "TID", "--stdin-filename", as_file, "-"]
    return subprocess.run(command, input=source, capture_output=True, text=True, cwd=ROOT, check=False).stdout


FORBIDDEN = [
    ("dags/stage.py", "import keyspaces_migration"),
    ("dags/stage.py", "from cassandra.cluster import Cluster"),
    ("dags/stage.py", "import pulumi"),
    ("plugins/keyspaces_provider/operators/stage.py", "import pulumi_aws"),
    ("plugins/keyspaces_provider/operators/stage.py", "import keyspaces_infra.program"),
    ("plugins/keyspaces_migration/consistency/verdict.py", "import airflow"),
    ("plugins/keyspaces_migration/consistency/verdict.py", "from airflow.sdk import BaseOperator"),
    ("plugins/keyspaces_migration/consistency/verdict.py", "import pulumi"),
    ("plugins/keyspaces_migration/consistency/verdict.py", "from keyspaces_provider.hooks import cassandra"),
    ("infra/keyspaces_infra/program.py", "import airflow"),
    ("infra/keyspaces_infra/program.py", "from keyspaces_migration.ledger import Ledger"),
    ("infra/keyspaces_infra/program.py", "import rehearsal"),
]

ALLOWED = [
    ("dags/stage.py", "from keyspaces_provider.stages import stage_dag"),
    ("dags/stage.py", "from airflow.sdk import DAG"),
    ("plugins/keyspaces_provider/operators/stage.py", "from keyspaces_migration.config import Migration"),
    ("infra/keyspaces_infra/program.py", "from keyspaces_migration.config import Migration"),
    ("infra/keyspaces_infra/program.py", "import pulumi_aws"),
]


@pytest.mark.parametrize(("file", "statement"), FORBIDDEN)
def test_an_import_that_points_upward_is_refused(file: str, statement: str) -> None:
    assert "TID251" in lint(f"{statement}\n", as_file=file)


@pytest.mark.parametrize(("file", "statement"), ALLOWED)
def test_an_import_that_points_downward_is_allowed(file: str, statement: str) -> None:
    assert "TID" not in lint(f"{statement}\n", as_file=file)


@pytest.mark.parametrize(
    "heavy", ["cassandra", "sqlalchemy", "boto3", "snowflake.connector", "keyspaces_migration.ledger"]
)
def test_an_operator_module_may_import_a_client_where_it_is_used_but_not_at_its_top(heavy: str) -> None:
    file = "plugins/keyspaces_provider/operators/stage.py"
    assert "TID253" in lint(f"import {heavy}\n", as_file=file)
    assert "TID253" not in lint(f"def use() -> None:\n    import {heavy}\n", as_file=file)


def test_infra_is_barred_from_every_room_of_the_core_but_config() -> None:
    banned = tomllib.loads((ROOT / "infra/ruff.toml").read_text())["lint"]["flake8-tidy-imports"]["banned-api"]
    rooms = {path.stem for path in CORE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    expected = {f"keyspaces_migration.{room}" for room in rooms - {"__init__", "config"}}
    assert expected <= set(banned)


@pytest.mark.parametrize("package", ["keyspaces_migration", "keyspaces_provider", "keyspaces_infra"])
def test_each_package_has_one_origin_and_it_is_this_repository(package: str) -> None:
    spec = find_spec(package)
    assert spec is not None
    locations = [Path(location).resolve() for location in spec.submodule_search_locations or []]
    folder = "infra" if package == "keyspaces_infra" else "plugins"
    assert locations == [ROOT / folder / package]
