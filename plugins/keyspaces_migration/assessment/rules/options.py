"""Rules about table options."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from keyspaces_migration.assessment.model import Source, Table
from keyspaces_migration.assessment.rules.finding import Hit, Rule, Severity

# What Keyspaces ignores, with the values that Cassandra 3.11 to 5.0 gives to a table that says nothing. A value
# that is not among them was chosen by somebody.
IGNORED_OPTIONS: Mapping[str, tuple[object, ...]] = MappingProxyType(
    {
        "additional_write_policy": ("99p",),
        "allow_auto_snapshot": (None, True),
        "bloom_filter_fp_chance": (0.01, 0.1),  # the second with LeveledCompactionStrategy
        "caching": ({"keys": "ALL", "rows_per_partition": "NONE"},),
        "compaction": (
            {
                "class": "org.apache.cassandra.db.compaction.SizeTieredCompactionStrategy",
                "max_threshold": "32",
                "min_threshold": "4",
            },
        ),
        "compression": (
            {"chunk_length_in_kb": "16", "class": "org.apache.cassandra.io.compress.LZ4Compressor"},
            {"chunk_length_in_kb": "64", "class": "org.apache.cassandra.io.compress.LZ4Compressor"},
        ),
        "crc_check_chance": (1.0,),
        "dclocal_read_repair_chance": (0.0, 0.1),
        "gc_grace_seconds": (864_000,),
        "incremental_backups": (None, True),
        "max_index_interval": (2048,),
        "memtable": (None, "default"),
        "memtable_flush_period_in_ms": (0,),
        "min_index_interval": (128,),
        "read_repair": ("BLOCKING",),
        "read_repair_chance": (0.0,),
        "speculative_retry": ("99p", "99PERCENTILE"),
    },
)


def chosen_options(table: Table) -> dict[str, object]:
    """The ignored options of `table` that somebody has set to something else than Cassandra's default."""
    return {
        name: table.options[name]
        for name, defaults in IGNORED_OPTIONS.items()
        if name in table.options and table.options[name] not in defaults
    }


def _short(value: object) -> str:
    if not isinstance(value, Mapping):
        return str(value)
    parts = [str(item).rpartition(".")[2] if key == "class" else f"{key} {item}" for key, item in value.items()]
    return f"({', '.join(parts)})"


def _ignored(source: Source) -> Iterator[Hit]:
    listed = [
        f"{table.name}: {', '.join(f'{name} = {_short(value)}' for name, value in chosen.items())}"
        for table in source.keyspace.tables
        if (chosen := chosen_options(table))
    ]
    if source.keyspace.tables:
        yield Hit(found="; ".join(listed) or "none is set to anything else than Cassandra's default")


def _default_ttl(source: Source) -> Iterator[Hit]:
    for table in source.keyspace.tables:
        if table.default_time_to_live_s:
            yield Hit(table=table.name, found=f"default_time_to_live = {table.default_time_to_live_s} s")


def _cdc(source: Source) -> Iterator[Hit]:
    for table in source.keyspace.tables:
        if table.options.get("cdc"):
            yield Hit(table=table.name, found="cdc = true")


def _comments(source: Source) -> Iterator[Hit]:
    for table in source.keyspace.tables:
        if table.options.get("comment"):
            yield Hit(table=table.name, found=f"comment: {table.options['comment']}")


RULES = (
    Rule(
        id="default-ttl",
        title="Default time to live",
        severity=Severity.CHANGE,
        keyspaces="has a time to live on tables where it is switched on, for good, up to 630,720,000 s; it adds 8 "
        "bytes a row and a column, and each deletion by it is charged",
        reference="Expire data with Time to Live (TTL) for Amazon Keyspaces",
        advice="Keep the default in the migration file. The history must say when each row was written or expires: "
        "without such a column the table is refused, as a loaded row would begin its life again",
        find=_default_ttl,
    ),
    Rule(
        id="cdc",
        title="Change data capture",
        severity=Severity.CHANGE,
        keyspaces="has CDC streams of its own, read through an AWS API; there are no commit log segments to read",
        reference="Functional differences: Amazon Keyspaces vs. Apache Cassandra: Change data capture (CDC)",
        advice="Find what reads the commit log's CDC folder on the nodes, and rewrite it for a stream. Dual writes "
        "keep feeding the old reader until the source is retired",
        find=_cdc,
    ),
    Rule(
        id="options-ignored",
        title="Table options that Keyspaces ignores",
        severity=Severity.NOTE,
        keyspaces="ignores compaction, compression, caching, bloom filter, gc_grace_seconds, speculative retry and "
        "read repair settings; the service does this work",
        reference="Functional differences: Amazon Keyspaces vs. Apache Cassandra: Cluster configuration",
        advice="Nothing to do. A row cache or a short gc_grace_seconds shows what somebody once tuned for: check "
        "that latency and deletes do on Keyspaces what is expected",
        find=_ignored,
    ),
    Rule(
        id="comment",
        title="Table comment",
        severity=Severity.NOTE,
        keyspaces="has comments; to change one later, pulumi_aws replaces the table, with loss of its data",
        reference="pulumi_aws.keyspaces.Table",
        advice="Nothing to do: comments are not carried over",
        find=_comments,
    ),
)
