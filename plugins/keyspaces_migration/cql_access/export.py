"""A table, or a range of its tokens, as an answer to be written."""

from collections.abc import Sequence

from keyspaces_migration.cql.identifiers import quote
from keyspaces_migration.cql_access.access import CqlAccess
from keyspaces_migration.cql_access.errors import TokenRangeError
from keyspaces_migration.cql_access.metadata import describe_table
from keyspaces_migration.cql_access.paging import Answer
from keyspaces_migration.cql_access.tokens import MURMUR3, TokenRange


def read_table(
    access: CqlAccess, *, keyspace: str, table: str, columns: Sequence[str] = (), tokens: TokenRange | None = None
) -> Answer:
    """Ask for a table, whole or by tokens. Rows come in the order of their tokens.

    A partition that has static values and no row is one row, with null in its clustering columns.

    Args:
        access: To the store.
        keyspace: Of the table; case counts.
        table: Its name; case counts.
        columns: Which, in order; empty for all.
        tokens: None for the whole table, whatever its partitioner.

    Raises:
        UnknownTableError: There is no such table.
        StatementRefusedError: No such column.
        TokenRangeError: The cluster's tokens are not Murmur3's.
        CqlAccessError, StoreError: As `CqlAccess.ask`.
    """
    key = describe_table(access, keyspace=keyspace, table=table).partition_key
    what = ", ".join(map(quote, columns)) or "*"
    text = f"SELECT {what} FROM {quote(keyspace)}.{quote(table)}"  # noqa: S608 # names are quoted
    if tokens is None:
        return access.ask(text)
    _require_murmur3(access)
    token = f"token({', '.join(map(quote, key))})"
    return access.ask(f"{text} WHERE {token} >= ? AND {token} <= ?", [tokens.first, tokens.last])


def _require_murmur3(access: CqlAccess) -> None:
    rows = [row for page in access.ask("SELECT partitioner FROM system.local").pages() for row in page]
    partitioner = str(rows[0][0]) if rows else "no partitioner"
    if not partitioner.endswith(MURMUR3):
        raise TokenRangeError(
            f"{access.settings.address}: tokens are those of {partitioner}, and ranges of {MURMUR3}'s only can be "
            "read. Export the table as a whole."
        )
