"""A snapshot that Snowflake unloaded to Parquet files: what is where, and a split's rows out of it.

A manifest names every file with its bytes and rows. It is written when all of them are there, so a snapshot without one
is not unloaded; what a killed unloading left lies in a folder of its own that no manifest names.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from keyspaces_migration.backfill.errors import FilesChangedError, FilesUnusableError, NotUnloadedError
from keyspaces_migration.backfill.rows import CHUNK_ROWS, row_names, rows_at_once, static_names
from keyspaces_migration.backfill.snapshot import BUCKET
from keyspaces_migration.backfill.statements import Target
from keyspaces_migration.ledger.backfill_records import PlannedSplit

if TYPE_CHECKING:
    import pyarrow as pa

MANIFEST = "manifest.json"
_FORMAT = 1


class FileSystem(Protocol):
    """The part of `fsspec.AbstractFileSystem` that is used."""

    def cat_file(self, path: str) -> bytes:
        """Return a file's bytes."""

    def pipe_file(self, path: str, value: bytes) -> Any:  # noqa: ANN401 # as fsspec's
        """Write a file."""

    def mv(self, path1: str, path2: str) -> Any:  # noqa: ANN401 # as fsspec's
        """Rename a file."""

    def makedirs(self, path: str, exist_ok: bool = False) -> None:  # noqa: FBT001, FBT002 # as fsspec's
        """Make a folder, where there are such."""

    def find(self, path: str, *, detail: bool) -> Any:  # noqa: ANN401 # as fsspec's
        """Return all files below a path."""

    def invalidate_cache(self, path: str | None = None) -> None:
        """Forget earlier listings."""


@dataclass(frozen=True, kw_only=True)
class Storage:
    """Where the stage points, as this process reaches it.

    Attributes:
        root: The file system's own path of it.
        errors: What its calls raise where it refuses or does not answer, beside FileNotFoundError.
    """

    files: FileSystem
    root: str
    errors: tuple[type[Exception], ...]

    def path_of(self, name: str) -> str:
        """Return the path of a file below the root."""
        return f"{self.root.rstrip('/')}/{name}"

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes; None where it is not there.

        Raises:
            FilesUnusableError: The storage refused or did not answer.
        """
        try:
            return self.files.cat_file(self.path_of(name))
        except FileNotFoundError:
            return None
        except self.errors as error:
            raise self._unusable(name, error) from error

    def write(self, name: str, content: bytes) -> None:
        """Write a file: all of it, or none under this name.

        Raises:
            FilesUnusableError: The storage refused or did not answer.
        """
        path = self.path_of(name)
        try:
            self.files.makedirs(path.rpartition("/")[0], exist_ok=True)
            self.files.pipe_file(f"{path}.part", content)
            self.files.mv(f"{path}.part", path)
        except self.errors as error:
            raise self._unusable(name, error) from error

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the bytes of each file below a folder, by its name there.

        Raises:
            FilesUnusableError: The storage refused or did not answer.
        """
        path = self.path_of(folder)
        try:
            self.files.invalidate_cache()
            found = self.files.find(path, detail=True)
        except FileNotFoundError:
            return {}
        except self.errors as error:
            raise self._unusable(folder, error) from error
        return {name[len(path.rstrip("/")) + 1 :]: int(info["size"]) for name, info in found.items()}

    def _unusable(self, name: str, error: Exception) -> FilesUnusableError:
        return FilesUnusableError(
            f"{self.path_of(name)} can't be read or written: {str(error) or type(error).__name__}. Check the path in "
            "backfill.unload and the rights of its connection, and run again"
        )


@dataclass(frozen=True, kw_only=True)
class UnloadedFile:
    """A Parquet file; `name` is below the manifest's folder."""

    name: str
    size: int
    rows: int


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """All files of one unloaded snapshot.

    Attributes:
        snapshot: Address of the snapshot in the history.
        folder: Where the files are, below the storage's root.
        rows: The files of each split's rows, by the split's number.
        statics: The files of each split's static values.
    """

    snapshot: str
    folder: str
    rows: Mapping[int, tuple[UnloadedFile, ...]]
    statics: Mapping[int, tuple[UnloadedFile, ...]]

    @property
    def files(self) -> int:
        """How many files there are."""
        return sum(len(files) for files in (*self.rows.values(), *self.statics.values()))

    def to_json(self) -> str:
        """Return it as text."""
        return json.dumps({"format": _FORMAT, **asdict(self)}, indent=1)

    @classmethod
    def from_json(cls, text: bytes) -> "Manifest":
        """Read it back.

        Raises:
            ValueError, KeyError, TypeError: It is none.
        """
        content = json.loads(text)
        if content.pop("format") != _FORMAT:
            raise ValueError("its format is of another version")
        for kind in ("rows", "statics"):
            content[kind] = {
                int(split): tuple(UnloadedFile(**each) for each in files) for split, files in content[kind].items()
            }
        return cls(**content)


def manifest_name(folder: str) -> str:
    """Return where the manifest of a snapshot is, below the storage's root; `folder` is the snapshot's."""
    return f"{folder}/{MANIFEST}"


def read_manifest(storage: Storage, folder: str, *, snapshot: str) -> Manifest | None:
    """Return what a snapshot was unloaded to; None where it is not, or not wholly.

    Raises:
        FilesChangedError: The manifest is none, or one of another snapshot.
        FilesUnusableError: The storage refused or did not answer.
    """
    name = manifest_name(folder)
    text = storage.read(name)
    if text is None:
        return None
    try:
        found = Manifest.from_json(text)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _changed(storage, name, f"is no manifest of ours: {error}") from error
    if found.snapshot != snapshot:
        raise _changed(storage, name, f"tells of {found.snapshot}, and {snapshot} is loaded")
    return found


class UnloadedReader:
    """Reads the splits of one table from the files that its snapshot was unloaded to, as `SplitReader` does."""

    def __init__(self, *, storage: Storage, target: Target, snapshot: str, folder: str) -> None:
        """Store: `snapshot` is an address, `folder` where its manifest is."""
        self._storage = storage
        self._target = target
        self._snapshot = snapshot
        self._folder = folder

    def rows(self, split: PlannedSplit) -> Iterator["pa.Table"]:
        """Yield the rows of a split, with `DELETED` and, where rows expire, `EXPIRES_AT`.

        Raises:
            NotUnloadedError: The snapshot is not unloaded, or not wholly.
            FilesChangedError: The files are not those that were unloaded.
            FilesUnusableError: The storage refused or did not answer.
        """
        manifest = self._manifest()
        files = manifest.rows.get(split.number, ())
        if (told := sum(file.rows for file in files)) != split.planned_rows:
            found = f"tells of {told} rows of split {split.number} of {split.of}, planned with {split.planned_rows}"
            raise _changed(self._storage, manifest_name(self._folder), found)
        for file in files:
            yield from self._read(manifest, file, split, row_names(self._target))

    def statics(self, split: PlannedSplit) -> Iterator["pa.Table"]:
        """Yield a row for each partition of a split: the static values of its newest living row, with `DELETED`.

        Raises:
            NotUnloadedError, FilesChangedError, FilesUnusableError: As `rows`.
        """
        if not self._target.static_columns:
            return
        manifest = self._manifest()
        for file in manifest.statics.get(split.number, ()):
            yield from self._read(manifest, file, split, static_names(self._target))

    def _manifest(self) -> Manifest:
        found = read_manifest(self._storage, self._folder, snapshot=self._snapshot)
        if found is None:
            raise NotUnloadedError(
                f"{self._target.name}: {self._storage.path_of(manifest_name(self._folder))} is not there, so the "
                f"snapshot {self._snapshot} is not unloaded, or not wholly. Let the task `unload` of this run end, "
                "then run this one again"
            )
        return found

    def _read(
        self, manifest: Manifest, file: UnloadedFile, split: PlannedSplit, names: Sequence[str]
    ) -> Iterator["pa.Table"]:
        import pyarrow as pa  # noqa: PLC0415 # takes half a second, and only loading needs it
        import pyarrow.parquet as pq  # noqa: PLC0415

        name = f"{manifest.folder}/{file.name}"
        content = self._content(name, file)
        try:
            parquet = pq.ParquetFile(pa.BufferReader(content))
            self._check(parquet, name, file, names)
            for batch in parquet.iter_batches(batch_size=CHUNK_ROWS, columns=[*names, BUCKET]):
                table = pa.Table.from_batches([batch])
                self._check_buckets(table, name, split)
                rows = rows_at_once(table)
                for start in range(0, table.num_rows, rows):
                    yield table.select(list(names)).slice(start, rows)
        except pa.ArrowInvalid as error:
            raise _changed(self._storage, name, f"is no Parquet file that can be read: {error}") from error

    def _content(self, name: str, file: UnloadedFile) -> bytes:
        # A file at once: `MAX_FILE_BYTES` bounds it, and reading it in pieces asks the storage for each column.
        content = self._storage.read(name)
        if content is None:
            raise _changed(self._storage, name, "is not there any more")
        if len(content) != file.size:
            raise _changed(self._storage, name, f"has {len(content)} bytes, and had {file.size} when it was unloaded")
        return content

    def _check(self, parquet: Any, name: str, file: UnloadedFile, names: Sequence[str]) -> None:  # noqa: ANN401 # pyarrow ships no types
        if parquet.metadata.num_rows != file.rows:
            found = f"has {parquet.metadata.num_rows} rows, and {file.rows} were unloaded to it"
            raise _changed(self._storage, name, found)
        if missing := [each for each in (*names, BUCKET) if each not in parquet.schema_arrow.names]:
            found = f"has no column {', '.join(missing)}, and has {', '.join(parquet.schema_arrow.names)}"
            raise _changed(self._storage, name, found)

    def _check_buckets(self, table: "pa.Table", name: str, split: PlannedSplit) -> None:
        import pyarrow.compute as pc  # noqa: PLC0415 # as above

        least, greatest = pc.min_max(table[BUCKET]).as_py().values()
        if not split.first_bucket <= least <= greatest < split.end_bucket:
            found = f"has buckets {least} to {greatest}, and split {split.number} is {split.first_bucket} to below "
            raise _changed(self._storage, name, f"{found}{split.end_bucket}")


def no_storage(table: str) -> NoReturn:
    """Refuse to load an unloaded table without its storage.

    Raises:
        NotUnloadedError: Always.
    """
    raise NotUnloadedError(
        f"{table} is planned to be read from unloaded files, and this worker was given no storage to read them from: "
        "set Loading.unloaded, or leave backfill.unload out of the migration file and start a new run"
    )


def _changed(storage: Storage, name: str, found: str) -> FilesChangedError:
    return FilesChangedError(
        f"{storage.path_of(name)} {found}: the unloaded files were changed, or are not the stage's. Start a new run of "
        "historical_backfill, and check who else writes below backfill.unload.path"
    )
