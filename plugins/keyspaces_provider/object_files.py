"""Files that tasks write for others, on the worker's disk or in an object store."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from keyspaces_migration.errors import MigrationError

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

    from keyspaces_migration.backfill import Storage


class OutputNotWrittenError(MigrationError):
    """The object store or the disk refused the file, or can't be reached. Nothing is left of it that looks whole."""


def object_path(path: str, *, conn_id: str | None) -> "ObjectStoragePath":
    """Return a path such as s3://bucket/folder; its credentials are those of the connection."""
    from airflow.sdk import ObjectStoragePath

    return ObjectStoragePath(path, conn_id=conn_id)


def store_connection(address: str, conn_id: str) -> str | None:
    """Return the connection for object storage, and None for a path on the worker's own disk."""
    return None if is_local(address) else conn_id


def is_local(address: str) -> bool:
    """Whether a path is on the worker's own disk."""
    return "://" not in address or address.startswith("file://")


def unloaded_storage(path: str) -> "Storage":
    """Return the place of unloaded histories; credentials are those of the connection that the path names, if any."""
    from botocore.exceptions import BotoCoreError

    from keyspaces_migration.backfill import Storage

    found: Any = object_path(path, conn_id=None)  # universal_pathlib does not type it
    return Storage(files=found.fs, root=found.path, errors=(OSError, BotoCoreError))


@contextmanager
def new_file(path: "ObjectStoragePath") -> Iterator[BinaryIO]:
    """Open a file to be written in the block; one of that name is replaced. Whatever fails in it, no file is left.

    Raises:
        OutputNotWrittenError: It can't be written; the message has the path and the reason.
    """
    from botocore.exceptions import BotoCoreError

    # s3fs tells as OSError what S3 answers, and leaves as botocore's own what kept it from asking.
    refusals = (OSError, BotoCoreError)
    try:
        if is_local(str(path)):
            # Elsewhere a folder is a part of a name, and making one could make a bucket that somebody mistyped.
            path.parent.mkdir(parents=True, exist_ok=True)
        opening: Any = path.open  # universal_pathlib does not type it
        file = cast("BinaryIO", opening("wb"))
    except refusals as error:
        raise _refused(path, error) from error
    try:
        with file:
            yield file
    except BaseException as error:
        raised = _refused(path, error) if isinstance(error, refusals) else error
        try:
            path.unlink(missing_ok=True)
        except refusals as left:
            # The first error is the one to act on.
            raised.add_note(f"What there is of {path} could not be removed: {left}")
        if raised is error:
            raise
        raise raised from error


def _refused(path: "ObjectStoragePath", error: Exception) -> OutputNotWrittenError:
    return OutputNotWrittenError(f"{path} can't be written: {error}. Check the path and the rights of its connection.")
