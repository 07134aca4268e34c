"""Loads migration files."""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from keyspaces_migration.config.explain import explain
from keyspaces_migration.config.migration import Migration
from keyspaces_migration.config.problems import MigrationFileError, Problem
from keyspaces_migration.config.yaml_text import read_yaml

_SUFFIXES = frozenset({".yaml", ".yml"})


@dataclass(frozen=True, slots=True)
class LoadedMigration:
    """A migration with the file it came from."""

    path: Path
    migration: Migration


@dataclass(frozen=True, slots=True)
class MigrationFolder:
    """Every migration file of a folder: those that can be used, and what is wrong with the others."""

    valid: tuple[LoadedMigration, ...]
    invalid: tuple[MigrationFileError, ...]


def load_migration(path: Path) -> Migration:
    """Read and check a migration file.

    Raises:
        MigrationFileError: It can't be read or breaks a rule; its `problems` hold all that could be told at once.
    """
    file = read_yaml(path)
    try:
        return Migration.model_validate_json(json.dumps(file.content))
    except ValidationError as error:
        raise MigrationFileError(path=path, problems=explain(file, error, Migration)) from None


def read_folder(folder: Path) -> MigrationFolder:
    """Read every `*.yaml` and `*.yml` directly in a folder, in the order of their names; no bad file hides another.

    Where several files carry one migration's name, the one that is called by it is kept, and the others are invalid:
    a forgotten copy must neither replace a running migration nor take its DAGs away. If none is called by it, all are.

    Raises:
        MigrationFileError: The folder itself can't be read, which is not the same as a folder without files.
    """
    loaded: list[LoadedMigration] = []
    invalid: list[MigrationFileError] = []
    for path in _files_of(folder):
        try:
            loaded.append(LoadedMigration(path, load_migration(path)))
        except MigrationFileError as error:
            invalid.append(error)
    valid, doubles = _one_file_each(loaded)
    return MigrationFolder(tuple(valid), (*invalid, *doubles))


def _files_of(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES and not path.name.startswith("."))
    except OSError as error:
        found = error.strerror or type(error).__name__
        problem = Problem("", None, None, found, "a folder of migration files")
        raise MigrationFileError(path=folder, problems=[problem]) from error


def _one_file_each(loaded: list[LoadedMigration]) -> tuple[list[LoadedMigration], list[MigrationFileError]]:
    by_name: dict[str, list[LoadedMigration]] = defaultdict(list)
    for each in loaded:
        by_name[each.migration.name].append(each)
    valid, doubles = [], []
    for each in loaded:
        rivals = by_name[each.migration.name]
        own = [rival for rival in rivals if rival.path.stem == each.migration.name]
        if len(rivals) == 1 or [each] == own:
            valid.append(each)
        else:
            doubles.append(_double(each, [rival.path.name for rival in rivals if rival is not each]))
    return valid, doubles


def _double(loaded: LoadedMigration, others: list[str]) -> MigrationFileError:
    allowed = f"a name of its own: {', '.join(others)} has it too"
    hint = f"rename one of them, or call the one to keep {loaded.migration.name}.yaml and delete the others"
    problem = read_yaml(loaded.path).problem(
        ("migration",), found=repr(loaded.migration.name), allowed=allowed, hint=hint
    )
    return MigrationFileError(path=loaded.path, problems=[problem])
