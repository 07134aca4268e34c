import os
import subprocess
import sys
from pathlib import Path

import pytest

from keyspaces_migration.config.__main__ import main

ROOT = Path(__file__).parents[4]
FULL = Path(__file__).with_name("full.yaml")


def test_valid_files_are_summed_up_in_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(FULL)]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [out.rstrip("\n")]
    assert out.startswith(f"{FULL}: migration orders, 2 tables to shop in 012345678901/eu-central-1, digest ")
    assert err == ""


def test_notices_stand_below_the_file_and_are_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(ROOT / "dags" / "migrations")]) == 0
    assert "  notice: tables.planes.schema.columns[10]: frozen<list<int>>" in capsys.readouterr().out


def test_every_problem_of_every_file_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = FULL.read_text(encoding="utf-8")
    (tmp_path / "one.yaml").write_text(text.replace("PT2H", "PT1S"), encoding="utf-8")
    (tmp_path / "two.yaml").write_text(text.replace("decimal", "decimol").replace("ASC", "UP"), encoding="utf-8")
    assert main(["validate", str(tmp_path), str(FULL), str(tmp_path / "missing")]) == 1
    out, err = capsys.readouterr()
    assert str(FULL) in out
    assert f"{tmp_path / 'one.yaml'}: 1 problem\n" in err
    assert f"{tmp_path / 'two.yaml'}: 2 problems\n" in err
    assert "line 51, column 3: cutover.bake_time: found PT1S; allowed: at least PT10M" in err
    assert "did you mean 'decimal'?" in err
    assert f"{tmp_path / 'missing'}: 1 problem\n" in err


def test_a_folder_without_files_is_no_success(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(tmp_path)]) == 1
    assert "no *.yaml" in capsys.readouterr().err


@pytest.mark.parametrize(("command", "beginning"), [("schema", "{\n"), ("reference", "# The migration file\n")])
def test_documents_are_printed(command: str, beginning: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command]) == 0
    assert capsys.readouterr().out.startswith(beginning)


def test_the_module_runs_and_loads_nothing_heavy() -> None:
    heavy = ["airflow", "pulumi", "boto3", "cassandra", "sqlalchemy", "snowflake.connector", "numpy"]
    program = (
        "import sys; import keyspaces_migration.config.__main__; "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "plugins")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    command = [sys.executable, "-m", "keyspaces_migration.config", "validate", str(FULL)]
    subprocess.run(command, env=environment, check=True, capture_output=True)
