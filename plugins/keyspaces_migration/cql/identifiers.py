"""Names in CQL text. Every name that goes into a statement goes through `quote`."""

import re

from keyspaces_migration.errors import MigrationError

_PLAIN = re.compile(r"[a-z][a-z0-9_]*")

# Cassandra 5.0's reserved words (its ReservedKeywords): a name among them is printed, and must be written, in quotes.
RESERVED_WORDS = frozenset(
    """
    add allow alter and apply asc authorize batch begin by columnfamily create default delete desc describe drop
    entries execute from full grant if in index infinity insert into is keyspace limit materialized mbean mbeans
    modify nan norecursive not null of on or order primary rename replace revoke schema select set table to token
    truncate unlogged unset update use using view where with
    """.split()  # noqa: SIM905 - sixty words are read best as a paragraph
)


class CqlNameError(MigrationError):
    """A text that no CQL name can have, quoted or not."""


def quote(name: str) -> str:
    """Return `name` as a quoted CQL identifier, exactly as it is: case kept, quotes inside doubled.

    It always quotes, so the result never depends on a list of reserved words of one version of Cassandra.

    Raises:
        CqlNameError: `name` is empty or holds a NUL, which CQL cannot express.
    """
    if not name or "\0" in name:
        raise CqlNameError(f"{name!r} can't be a CQL name: allowed is any text that is not empty and holds no NUL")
    return '"' + name.replace('"', '""') + '"'


def quote_if_needed(name: str) -> str:
    """Return `name` as Cassandra itself prints it: in quotes only where CQL could not read it back without."""
    return name if _PLAIN.fullmatch(name) and name not in RESERVED_WORDS else quote(name)
