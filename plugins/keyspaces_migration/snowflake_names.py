"""Names in Snowflake's SQL: how it reads them, how to write them so that they can't be read otherwise."""

import re

# Snowflake reads such a name in capitals; any other must stand in double quotes.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_PLAIN_IN_CAPITALS = re.compile(r"[A-Z_][A-Z0-9_$]*")


def stored_name(written: str) -> str:
    """The name that Snowflake's catalogue has for a name as people write it: plain in capitals, quoted as it is."""
    if written.startswith('"') and written.endswith('"') and len(written) > len('""'):
        return written[1:-1].replace('""', '"')
    return written.upper() if _PLAIN.fullmatch(written) else written


def quote_name(stored: str) -> str:
    """A catalogue's name as an SQL identifier that means exactly it."""
    return '"' + stored.replace('"', '""') + '"'


def written_name(stored: str) -> str:
    """A catalogue's name as a person would write it: without quotes where none are needed."""
    return stored if _PLAIN_IN_CAPITALS.fullmatch(stored) else quote_name(stored)
