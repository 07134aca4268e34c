from pathlib import Path

import pytest

from keyspaces_migration.config import MigrationFileError, read_folder

FULL = Path(__file__).with_name("full.yaml").read_text(encoding="utf-8")


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def test_a_bad_file_takes_no_good_one_away(tmp_path: Path) -> None:
    write(tmp_path, orders=FULL, bad="migration: [", worse="")
    (tmp_path / "more.yml").write_text(FULL.replace("migration: orders", "migration: more"), encoding="utf-8")
    (tmp_path / "notes.txt").write_text("no migration", encoding="utf-8")
    (tmp_path / ".hidden.yaml").write_text("no migration", encoding="utf-8")
    folder = read_folder(tmp_path)
    assert [loaded.path.name for loaded in folder.valid] == ["more.yml", "orders.yaml"]
    assert [error.path.name for error in folder.invalid] == ["bad.yaml", "worse.yaml"]


def test_a_copy_neither_replaces_a_migration_nor_takes_it_away(tmp_path: Path) -> None:
    write(tmp_path, **{"a copy": FULL.replace("owner: data platform", "owner: other"), "orders": FULL})
    folder = read_folder(tmp_path)
    assert [loaded.migration.owner for loaded in folder.valid] == ["data platform"]
    [error] = folder.invalid
    assert error.path.name == "a copy.yaml"
    assert error.problems[0].path == "migration"
    assert error.problems[0].line == 2
    assert "orders.yaml has it too" in error.problems[0].allowed


def test_of_copies_that_are_not_called_by_the_name_none_is_guessed(tmp_path: Path) -> None:
    write(tmp_path, a=FULL, b=FULL)
    folder = read_folder(tmp_path)
    assert folder.valid == ()
    assert [error.path.name for error in folder.invalid] == ["a.yaml", "b.yaml"]


def test_an_empty_folder_is_not_a_missing_one(tmp_path: Path) -> None:
    assert read_folder(tmp_path).valid == ()
    with pytest.raises(MigrationFileError, match="No such file"):
        read_folder(tmp_path / "missing")
