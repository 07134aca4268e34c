"""Checks migration files from a shell: `python -m keyspaces_migration.config validate dags/migrations`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from keyspaces_migration.config.json_schema import schema_text
from keyspaces_migration.config.load import LoadedMigration, MigrationFolder, load_migration, read_folder
from keyspaces_migration.config.notices import notices
from keyspaces_migration.config.problems import MigrationFileError, Problem
from keyspaces_migration.config.reference import reference_text


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 all is well, 1 a file is not, 2 the command is not."""
    parser = argparse.ArgumentParser(prog="python -m keyspaces_migration.config", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    validate = commands.add_parser("validate", help="check files, or every *.yaml and *.yml of folders")
    validate.add_argument("paths", metavar="FILE_OR_FOLDER", nargs="+", type=Path)
    commands.add_parser("schema", help="print the JSON Schema of the migration file")
    commands.add_parser("reference", help="print the reference of the migration file as Markdown")
    options = parser.parse_args(arguments)
    if options.command == "validate":
        return _validate(options.paths)
    sys.stdout.write(schema_text() if options.command == "schema" else reference_text())
    return 0


def _validate(paths: Sequence[Path]) -> int:
    results = [_read(path) for path in paths]
    for result in results:
        for loaded in result.valid:
            sys.stdout.write(_summary(loaded))
        for error in result.invalid:
            sys.stderr.write(f"{error}\n")
    return 1 if any(result.invalid for result in results) else 0


def _read(path: Path) -> MigrationFolder:
    try:
        if not path.is_dir():
            return MigrationFolder((LoadedMigration(path, load_migration(path)),), ())
        folder = read_folder(path)
    except MigrationFileError as error:
        return MigrationFolder((), (error,))
    if folder.valid or folder.invalid:
        return folder
    problem = Problem("", None, None, "no *.yaml and no *.yml", "a folder with migration files")
    return MigrationFolder((), (MigrationFileError(path=path, problems=[problem]),))


def _summary(loaded: LoadedMigration) -> str:
    migration = loaded.migration
    where = f"{migration.target.keyspace} in {migration.target.account_id}/{migration.target.region}"
    count = f"{len(migration.tables)} table{'' if len(migration.tables) == 1 else 's'}"
    head = f"{loaded.path}: migration {migration.name}, {count} to {where}, digest {migration.digest[:12]}\n"
    return head + "".join(f"  notice: {notice}\n" for notice in notices(migration))


if __name__ == "__main__":
    sys.exit(main())
