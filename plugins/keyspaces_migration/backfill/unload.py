"""Unloads a snapshot to Parquet files by COPY INTO an external stage: each split's rows in files of their own."""

from collections.abc import Mapping, Sequence

from keyspaces_migration.backfill.errors import FilesChangedError, UnloadDiffersError
from keyspaces_migration.backfill.history import History
from keyspaces_migration.backfill.names import address_of, name_of
from keyspaces_migration.backfill.rows import row_names, selected, static_names
from keyspaces_migration.backfill.snapshot import BUCKET, DELETED, newest_of_partition
from keyspaces_migration.backfill.statements import Target
from keyspaces_migration.backfill.unloaded import (
    Manifest,
    Storage,
    UnloadedFile,
    manifest_name,
    read_manifest,
)
from keyspaces_migration.config.sections import Unload
from keyspaces_migration.ledger.backfill_records import BackfillTable, LoadMode, PlannedSplit

MAX_FILE_BYTES = 32 * 1024 * 1024
"""A worker holds one file in memory."""
_OUTPUT_COLUMNS = 3


def unload_folder(unload: Unload | None, *, snapshot: str, rows: int) -> str | None:
    """Return where a table's snapshot is unloaded to, below the stage; None where it is read by queries.

    It follows from what the run recorded, the plan's rows and the migration file, so every task says the same.
    """
    # The snapshot's name is one of this run and table, and of plain letters, digits and underscores.
    return name_of(snapshot) if unload is not None and rows > unload.above_rows else None


def unload_table(  # noqa: PLR0913 # what it takes to unload, all by keyword
    history: History,
    storage: Storage,
    *,
    unload: Unload,
    target: Target,
    table: BackfillTable,
    splits: Sequence[PlannedSplit],
    folder: str,
    attempt: str,
) -> Manifest:
    """Unload a planned table's snapshot; one that is unloaded already is left as it is.

    `attempt` names a folder that no other attempt has: whatever a killed one left or still writes is not read.

    Raises:
        UnloadDiffersError: What Snowflake says it wrote is not what was planned, or not what is in the storage.
        FilesChangedError: The manifest that is there is none of this snapshot.
        HistoryUnusableError: The history refused or does not answer.
        FilesUnusableError: The storage refused or did not answer.
    """
    found = read_manifest(storage, folder, snapshot=table.snapshot)
    if found is not None:
        return found
    kinds = history.column_kinds(f"SELECT * FROM {table.snapshot}")  # noqa: S608 # an address of ours
    living = f'WHERE NOT "{DELETED}"' if table.mode is LoadMode.FULL else ""
    base = f"{folder}/{attempt}"

    def copied(kind: str, names: Sequence[str], qualify: str) -> dict[int, tuple[UnloadedFile, ...]]:
        columns = ", ".join(unloadable(name, target, kinds) for name in (*names, BUCKET))
        query = f"SELECT {columns} FROM {table.snapshot} {living} {qualify}".rstrip()  # noqa: S608 # quoted
        statement = copy_statement(query, unload=unload, folder=f"{base}/{kind}", splits=splits)
        told = history.run(statement)
        return _by_split(_located(told, storage, f"{base}/{kind}", statement), kind)

    rows = copied("rows", row_names(target), "")
    has_statics = bool(target.static_columns)
    statics = copied("statics", static_names(target), newest_of_partition(target.table)) if has_statics else {}
    _require_planned(rows, splits, table)
    manifest = Manifest(snapshot=table.snapshot, folder=base, rows=rows, statics=statics)
    storage.write(manifest_name(folder), manifest.to_json().encode())
    return manifest


def copy_statement(query: str, *, unload: Unload, folder: str, splits: Sequence[PlannedSplit]) -> str:
    """Return the COPY INTO of a query's rows.

    PARTITION BY writes query ids into the files' names and takes no OVERWRITE (Snowflake's documentation), so an empty
    folder for each attempt is what keeps files of two attempts apart.
    """
    return (
        f"COPY INTO @{address_of(unload.stage)}/{folder}/ FROM ({query}) "
        f"PARTITION BY ('split=' || {_split_of_bucket(splits)}) "
        f"FILE_FORMAT = (TYPE = PARQUET COMPRESSION = SNAPPY) MAX_FILE_SIZE = {MAX_FILE_BYTES} "
        "HEADER = TRUE DETAILED_OUTPUT = TRUE"
    )


def unloadable(name: str, target: Target, kinds: Mapping[str, str]) -> str:
    """Return the expression for a column, of a type that Parquet takes and that reading by queries gives too.

    TIMESTAMP_TZ and TIMESTAMP_LTZ are refused in an unload to Parquet, and nested VARIANT is not unloaded well
    (Snowflake's documentation of COPY INTO <location>); what TIME becomes is documented nowhere.
    """
    quoted, kind = f'"{name}"', kinds.get(name, "")
    if kind == "TIME":
        return f"TO_VARCHAR({quoted}, 'HH24:MI:SS.FF9') AS {quoted}"
    if kind in {"VARIANT", "ARRAY", "OBJECT"}:
        return f"TO_JSON({quoted}) AS {quoted}"
    return selected(name, target, is_moment=kind.startswith("TIMESTAMP"))


def _split_of_bucket(splits: Sequence[PlannedSplit]) -> str:
    """Return the split's number as text, found by halving: no deeper than 12 for all 4,096 splits."""
    if len(splits) == 1:
        return f"'{splits[0].number}'"
    middle = len(splits) // 2
    lower, upper = _split_of_bucket(splits[:middle]), _split_of_bucket(splits[middle:])
    return f'IFF("{BUCKET}" < {splits[middle].first_bucket}, {lower}, {upper})'


def _located(
    told: Sequence[Sequence[object]], storage: Storage, folder: str, statement: str
) -> tuple[UnloadedFile, ...]:
    """Return the files that COPY INTO tells of, by where the storage has them."""
    there = storage.sizes(folder)
    if told and not there:
        raise UnloadDiffersError(
            f"Snowflake unloaded {len(told)} files, and none is below {storage.path_of(folder)}: backfill.unload.path "
            "must be where backfill.unload.stage points. Put it right and run again"
        )
    files = []
    for line in told:
        if len(line) != _OUTPUT_COLUMNS:
            raise UnloadDiffersError(
                f"Snowflake answered {line!r} to COPY INTO, where a file's name, bytes and rows are wanted. Set "
                f"backfill.unload aside and report this. Statement: {statement[:500]}"
            )
        name, size, rows = str(line[0]), int(str(line[1])), int(str(line[2]))
        matches = [each for each in there if _same_file(each, name)]
        if len(matches) != 1 or there[matches[0]] != size:
            seen = ", ".join(f"{each} with {there[each]} bytes" for each in matches) or "no such file"
            raise UnloadDiffersError(
                f"Snowflake unloaded {name} with {size} bytes, and below {storage.path_of(folder)} there is {seen}. "
                "Check that backfill.unload.path is where backfill.unload.stage points, and run again"
            )
        files.append(UnloadedFile(name=f"{folder.rpartition('/')[2]}/{matches[0]}", size=size, rows=rows))
    if len({file.name for file in files}) != len(there):
        raise UnloadDiffersError(
            f"Snowflake told of {len(files)} files, and {len(there)} are below {storage.path_of(folder)}: one of its "
            "own attempts was broken off and has left some. Run again"
        )
    return tuple(files)


def _same_file(name: str, told: str) -> bool:
    """Whether a file of the folder is the one told of, whose name may begin at the stage, the folder or the bucket."""
    return f"/{told}".endswith(f"/{name}") or f"/{name}".endswith(f"/{told}")


def _by_split(files: Sequence[UnloadedFile], kind: str) -> dict[int, tuple[UnloadedFile, ...]]:
    found: dict[int, list[UnloadedFile]] = {}
    for file in sorted(files, key=lambda each: each.name):
        partition = file.name.split("/")[-2]
        if not partition.startswith("split="):
            raise FilesChangedError(f"{file.name} ({kind}) lies in no folder of a split, and each file must")
        found.setdefault(int(partition.removeprefix("split=")), []).append(file)
    return {split: tuple(each) for split, each in found.items()}


def _require_planned(
    rows: Mapping[int, Sequence[UnloadedFile]], splits: Sequence[PlannedSplit], table: BackfillTable
) -> None:
    for split in splits:
        unloaded = sum(file.rows for file in rows.get(split.number, ()))
        if unloaded != split.planned_rows:
            raise UnloadDiffersError(
                f"{table.snapshot}: {unloaded} rows of split {split.number} of {split.of} were unloaded, planned were "
                f"{split.planned_rows}: the snapshot was changed. Start a new run of historical_backfill"
            )
