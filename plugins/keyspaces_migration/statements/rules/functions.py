"""The functions that Keyspaces has, and those that Cassandra has."""

import re
from typing import Final

AGGREGATES: Final = frozenset({"count", "countrows", "count_rows", "sum", "min", "max", "avg"})

OFFERED: Final = frozenset(
    """
    cast currentdate currenttime currenttimestamp currenttimeuuid fromjson maxtimeuuid mintimeuuid now todate tojson
    token totimestamp ttl tounixtimestamp uuid writetime dateof unixtimestampof
    asciiasblob bigintasblob booleanasblob counterasblob dateasblob decimalasblob doubleasblob floatasblob inetasblob
    intasblob smallintasblob textasblob timeasblob timestampasblob timeuuidasblob tinyintasblob uuidasblob
    varcharasblob varintasblob
    blobasascii blobasbigint blobasboolean blobascounter blobasdate blobasdecimal blobasdouble blobasfloat blobasinet
    blobasint blobassmallint blobastext blobastime blobastimestamp blobastimeuuid blobastinyint blobasuuid
    blobasvarchar blobasvarint
    """.split()  # noqa: SIM905 - sixty words are read best as a paragraph
)
"""Developer Guide, cql.functions: blobAsType and typeAsBlob for each type."""

SURELY_UNKNOWN: Final = frozenset({"abs", "exp", "log", "log10", "round", "floor", "map_keys", "map_values"})
"""Functions of 4.1 and 5.0 that local Keyspaces refuses by name; besides, whole families by the start of the name."""

_NATIVE: Final = frozenset(
    """
    current_date current_time current_timestamp current_timeuuid from_json max_timeuuid min_timeuuid to_date to_json
    to_timestamp to_unix_timestamp maxwritetime
    """.split()  # noqa: SIM905 - as above
)
_CONVERSION = re.compile(r"[a-z]+_as_blob|blob_as_[a-z]+")


def is_native(name: str) -> bool:
    """Whether Cassandra 5.0 has it without its being defined by a user."""
    return name in OFFERED or name in _NATIVE or _CONVERSION.fullmatch(name) is not None
