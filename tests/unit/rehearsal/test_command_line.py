from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from keyspaces_migration.config.__main__ import main as validate
from rehearsal.__main__ import main, require_addresses
from rehearsal.servers.service import REPOSITORY
from rehearsal.settings import Component

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("only", "advice"),
    [
        (("aws",), "Add --only target --only keyspaces"),
        (("target",), "Add --only keyspaces"),
        (("keyspaces",), "Add --only target"),
    ],
)
def test_json_about_parts_that_would_not_run_is_refused_on_standard_error_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], only: tuple[str, ...], advice: str
) -> None:
    # A folder that no world takes: were the choice not refused first, the start would fail for this reason.
    home = tmp_path / "world"
    home.mkdir()
    (home / "not-ours").touch()
    parts = [word for part in only for word in ("--only", part)]
    assert main(["up", "--home", str(home), "--json", *parts]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert advice in said.err


def test_json_about_the_whole_world_or_local_keyspaces_alone_is_fine() -> None:
    require_addresses(frozenset(Component))
    require_addresses(frozenset({Component.TARGET, Component.KEYSPACES}))


def test_a_bad_file_is_refused_in_the_words_of_its_own_check_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, home = tmp_path / "orders.yaml", tmp_path / "world"
    file.write_text("migration: Orders\n", encoding="utf-8")
    assert validate(["validate", str(file)]) == 1
    wanted = capsys.readouterr().err
    assert main(["run", "--home", str(home), "--migration", str(file)]) == 1
    assert capsys.readouterr().err == wanted
    assert not home.exists()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--rows", "10"], "MIGRATION names it"),
        (["--migration", "FILE", "--rows", "0"], "ROWS is 0; it is 1 or more"),
        (["--migration", "FILE", "--days", "3"], "made-up data are new each time"),
        (["--migration", "FILE", "--keep"], "made-up data are new each time"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], reason: str
) -> None:
    file = str(REPOSITORY / "dags" / "migrations" / "flights.yaml")
    given = [file if option == "FILE" else option for option in options]
    assert main(["run", "--home", str(tmp_path / "world"), *given]) == 1
    assert reason in capsys.readouterr().out
