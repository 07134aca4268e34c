"""Rules about the keyspace and its cluster."""

from collections.abc import Iterator

from keyspaces_migration.assessment.model import Part, Source
from keyspaces_migration.assessment.rules.finding import Hit, Rule, Severity

MURMUR3 = "Murmur3Partitioner"
RANDOM = "RandomPartitioner"


def _partitioner(source: Source) -> str:
    return source.cluster.partitioner.rpartition(".")[2]


def _other_partitioner(source: Source) -> Iterator[Hit]:
    if _partitioner(source) not in {"", MURMUR3, RANDOM}:
        yield Hit(found=f"partitioner {_partitioner(source)}")


def _random_partitioner(source: Source) -> Iterator[Hit]:
    if _partitioner(source) == RANDOM:
        yield Hit(found=f"partitioner {RANDOM}")


def _replication(source: Source) -> Iterator[Hit]:
    found = dict(source.keyspace.replication)
    strategy = found.pop("class", "").rpartition(".")[2]
    if strategy:
        yield Hit(found=", ".join([strategy, *(f"{name}: {value}" for name, value in sorted(found.items()))]))


def _several_data_centers(source: Source) -> Iterator[Hit]:
    found = source.keyspace.replication
    names = sorted(name for name in found if name not in {"class", "replication_factor"})
    if "NetworkTopologyStrategy" in found.get("class", "") and len(names) > 1:
        yield Hit(found=f"replicated to the data centres {', '.join(names)}")


def _not_durable(source: Source) -> Iterator[Hit]:
    if not source.keyspace.durable_writes:
        yield Hit(found="durable_writes = false")


def _several_versions(source: Source) -> Iterator[Hit]:
    versions = sorted({node.version for node in source.cluster.nodes} - {""})
    if len(versions) > 1:
        yield Hit(found=f"nodes of versions {', '.join(versions)}")


RULES = (
    Rule(
        id="partitioner-unsupported",
        title="Partitioner that Keyspaces does not have",
        severity=Severity.BLOCKER,
        keyspaces="has the Murmur3, the Random and its own partitioner; none keeps keys in order",
        reference="Working with partitioners in Amazon Keyspaces",
        advice="Reads of ranges of partition keys return other rows on Keyspaces: change them first. The source is "
        "read by token ranges, which this migration does for Murmur3 and Random only",
        find=_other_partitioner,
        needs=frozenset({Part.CLUSTER}),
    ),
    Rule(
        id="partitioner-random",
        title="Random partitioner",
        severity=Severity.CHANGE,
        keyspaces="uses Murmur3 by default; the partitioner is chosen for the whole account and Region",
        reference="Working with partitioners in Amazon Keyspaces",
        advice="If the application uses token(), choose the Random partitioner for the account, or change the "
        "application; else nothing to do",
        find=_random_partitioner,
        needs=frozenset({Part.CLUSTER}),
    ),
    Rule(
        id="data-centers",
        title="Several data centres",
        severity=Severity.CHANGE,
        keyspaces="keeps three copies in one Region; copies in other Regions are a multi-Region keyspace, chosen when "
        "it is made, and written to at LOCAL_QUORUM in each",
        reference="Multi-Region replication for Amazon Keyspaces",
        advice="Decide whether readers in the other data centres need a copy in their Region, and from which data "
        "centre this migration reads",
        find=_several_data_centers,
    ),
    Rule(
        id="versions-mixed",
        title="Nodes of several versions",
        severity=Severity.CHANGE,
        keyspaces="is not concerned",
        reference="Apache Cassandra's upgrade notes",
        advice="Finish the upgrade first: while versions are mixed, schema changes and repairs are unsafe",
        find=_several_versions,
        needs=frozenset({Part.CLUSTER, Part.NODES}),
    ),
    Rule(
        id="durable-writes",
        title="Writes that are not durable",
        severity=Severity.NOTE,
        keyspaces="makes every write durable; the setting does not exist",
        reference="Supported Cassandra APIs, operations, functions, and data types: control plane API support",
        advice="Nothing to do. Until the cutover, a node of the source that crashes loses what it had not flushed, "
        "and the consistency check will show it",
        find=_not_durable,
    ),
    Rule(
        id="replication",
        title="Replication",
        severity=Severity.NOTE,
        keyspaces="keeps three copies in three Availability Zones; the factor can't be chosen",
        reference="Amazon Keyspaces: How it works",
        advice="Nothing to do",
        find=_replication,
    ),
)
