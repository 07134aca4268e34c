"""A file or log of statements, opened wherever it lies: on the worker's disk or in object storage, gzipped or not."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from keyspaces_migration.errors import MigrationError
from keyspaces_provider.object_files import object_path, store_connection

if TYPE_CHECKING:
    from keyspaces_migration.assessment import StatementLines


class StatementsNotReadError(MigrationError):
    """The file of statements can't be opened, or its format has no such name. Correct the parameter `statements`."""


@contextmanager
def statement_lines(address: str, *, format_name: str, conn_id: str) -> "Iterator[StatementLines | None]":
    """Open the statements at `address` for the block; None where it is empty.

    Args:
        address: A path, or an address of object storage; `.gz` at its end means gzipped.
        format_name: A value of `keyspaces_migration.statements.Format`; empty to find it by the first lines.
        conn_id: The connection that reads object storage.

    Raises:
        StatementsNotReadError: It can't be opened or read, or the format has no such name.
    """
    from keyspaces_migration.assessment import StatementLines
    from keyspaces_migration.statements import Format

    if not address:
        yield None
        return
    if format_name and format_name not in {each.value for each in Format}:
        allowed = ", ".join(each.value for each in Format)
        raise StatementsNotReadError(f"the statements' format is {format_name!r}. Allowed: {allowed}, or none")
    path: Any = object_path(address, conn_id=store_connection(address, conn_id))
    try:
        file = path.open("rb")
    except OSError as error:
        raise _not_read(address, error) from error
    with file, gzip.GzipFile(fileobj=file) if address.endswith(".gz") else nullcontext(file) as content:
        # A log may hold anything; a byte that is no UTF-8 shows as such, and its line is judged all the same.
        # -sig: editors of Windows put a mark before the first statement.
        text = io.TextIOWrapper(content, encoding="utf-8-sig", errors="backslashreplace")
        yield StatementLines(lines=_read(text, address), format=Format(format_name) if format_name else None)


def _read(lines: Iterator[str] | io.TextIOWrapper, address: str) -> Iterator[str]:
    try:
        yield from lines
    except (OSError, EOFError, zlib.error) as error:
        raise _not_read(address, error) from error


def _not_read(address: str, error: Exception) -> StatementsNotReadError:
    return StatementsNotReadError(
        f"the statements at {address} can't be read: {error}. Check the address in the parameter `statements`, and "
        "that the worker may read it"
    )
