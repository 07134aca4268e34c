"""The documented rules of Amazon Keyspaces, and which of them a local Keyspaces enforces.

The ids are those of the Java enum `Rule`. A test holds both lists, and the cases that prove the rules, against each
other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

GUIDE = "https://docs.aws.amazon.com/keyspaces/latest/devguide/"


class Enforcer(Enum):
    """The part that refuses."""

    NODE = "the node's rules"
    CASSANDRA = "Cassandra itself"
    CAPACITY = "the node's capacity"
    AUTHENTICATION = "the node's authentication"
    NOBODY = "not enforced"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule.

    Attributes:
        id: The same in Java, in messages and in tests.
        text: What is refused.
        page: Page of the Developer Guide, without `.html`.
        enforcer: Who enforces it.
        note: What is inferred, simplified, or why it is not enforced.
    """

    id: str
    text: str
    page: str
    enforcer: Enforcer = Enforcer.NODE
    note: str = ""

    @property
    def source(self) -> str:
        """Address of the page."""
        return f"{GUIDE}{self.page}.html"


def _unsupported(rule_id: str, statement: str) -> Rule:
    return Rule(id=rule_id, text=f"{statement} is not supported.", page="cassandra-apis")


RULES: tuple[Rule, ...] = (
    Rule(id="write-consistency", text="Writes take LOCAL_QUORUM only.", page="consistency"),
    Rule(id="read-consistency", text="Reads take ONE, LOCAL_ONE and LOCAL_QUORUM.", page="consistency"),
    Rule(id="serial-consistency", text="Reads at SERIAL and LOCAL_SERIAL are not supported.", page="consistency"),
    Rule(id="batch-logged-size", text="A LOGGED batch has at most 100 statements.", page="functional-differences"),
    Rule(id="batch-unlogged-size", text="An UNLOGGED batch has at most 30 statements.", page="functional-differences"),
    Rule(
        id="batch-unlogged-conditional",
        text="An UNLOGGED batch has no conditional statements.",
        page="functional-differences",
    ),
    Rule(
        id="batch-counter",
        text="COUNTER batches are not among the batches that are supported.",
        page="cassandra-apis",
        note="The list has LOGGED and UNLOGGED batches only; no page says that a COUNTER batch is refused.",
    ),
    Rule(
        id="in-subqueries",
        text="IN makes at most 100 subqueries: partitions times clustering keys.",
        page="functional-differences",
    ),
    Rule(id="in-only-in-select", text="IN is for SELECT, not for UPDATE and DELETE.", page="functional-differences"),
    Rule(id="in-with-token", text="IN and TOKEN are not allowed in one statement.", page="functional-differences"),
    Rule(
        id="range-delete-rows",
        text="A DELETE of a range takes away at most 1,000 rows.",
        page="functional-differences",
        note="The rows are counted before the delete; a write in between is not seen.",
    ),
    Rule(id="aggregate-function", text="COUNT, SUM, MIN, MAX and AVG are not supported.", page="cassandra-apis"),
    Rule(id="group-by", text="SELECT has no GROUP BY.", page="cql.dml.select", note="The grammar has none."),
    Rule(
        id="per-partition-limit",
        text="SELECT has no PER PARTITION LIMIT.",
        page="cql.dml.select",
        note="The grammar has none.",
    ),
    Rule(
        id="select-distinct",
        text="SELECT has no DISTINCT.",
        page="cql.dml.select",
        note="The grammar has none; no page says that it is refused.",
    ),
    Rule(
        id="function-unknown-to-311",
        text="Functions of Cassandra 4.1 and 5.0 (math, collections, masking, vectors) are unknown.",
        page="cassandra-apis",
    ),
    _unsupported("create-index", "CREATE INDEX, also SASI and SAI,"),
    _unsupported("drop-index", "DROP INDEX"),
    _unsupported("create-materialized-view", "CREATE MATERIALIZED VIEW"),
    _unsupported("alter-materialized-view", "ALTER MATERIALIZED VIEW"),
    _unsupported("drop-materialized-view", "DROP MATERIALIZED VIEW"),
    _unsupported("create-trigger", "CREATE TRIGGER"),
    _unsupported("drop-trigger", "DROP TRIGGER"),
    _unsupported("create-function", "CREATE FUNCTION"),
    _unsupported("drop-function", "DROP FUNCTION"),
    _unsupported("create-aggregate", "CREATE AGGREGATE"),
    _unsupported("drop-aggregate", "DROP AGGREGATE"),
    _unsupported("alter-type", "ALTER TYPE"),
    _unsupported("truncate", "TRUNCATE"),
    Rule(id="drop-column", text="ALTER TABLE … DROP of a column is not supported.", page="cql.ddl.table"),
    Rule(id="rename-column", text="ALTER TABLE … RENAME is not supported.", page="cql.ddl.table"),
    Rule(id="alter-column-type", text="ALTER TABLE … ALTER of a column is not supported.", page="cql.ddl.table"),
    Rule(
        id="data-masking",
        text="Dynamic data masking is unknown.",
        page="cassandra-apis",
        note="A feature of Cassandra 5.0; Keyspaces has the API of 3.11.",
    ),
    Rule(
        id="security-statement",
        text="Roles, users and permissions are not managed in CQL.",
        page="functional-differences",
    ),
    Rule(id="prepared-ddl", text="Statements on the schema can't be prepared.", page="functional-differences"),
    Rule(id="unsupported-type", text="The types duration and vector are not supported.", page="cassandra-apis"),
    Rule(
        id="name-length",
        text="Names have at most 48 letters, digits and underscores, and don't begin with an underscore.",
        page="quotas",
        note="The pattern is that of the service model; for columns only the length is checked.",
    ),
    Rule(id="columns-per-statement", text="An INSERT or UPDATE writes at most 225 columns.", page="quotas"),
    Rule(
        id="columns-per-statement-ttl",
        text="An INSERT or UPDATE with a time to live writes at most 166 columns.",
        page="quotas",
    ),
    Rule(
        id="row-size",
        text="A row has at most 1 MB.",
        page="quotas",
        note="Judged by what one statement writes; a row that grows by several statements is not summed up.",
    ),
    Rule(
        id="static-size",
        text="The static data of a partition has at most 1 MB.",
        page="quotas",
        note="As for rows.",
    ),
    Rule(id="partition-key-size", text="A partition key has at most 2,048 bytes.", page="quotas"),
    Rule(id="clustering-key-size", text="A clustering key has at most 850 bytes.", page="quotas"),
    Rule(
        id="timestamp-needs-cst",
        text="USING TIMESTAMP needs a table with client-side timestamps.",
        page="client-side-timestamps-how-it-works",
    ),
    Rule(
        id="timestamp-window",
        text="A client-side timestamp lies within 2 days in the past and 5 minutes in the future.",
        page="client-side-timestamps-how-it-works",
    ),
    Rule(
        id="writetime-needs-cst",
        text="WRITETIME needs a table with client-side timestamps.",
        page="client-side-timestamps-how-it-works",
    ),
    Rule(
        id="ttl-needs-table-setting",
        text="USING TTL needs a table with time to live enabled.",
        page="TTL-how-to-enable-custom-new",
    ),
    Rule(
        id="replication-strategy",
        text="A keyspace of one Region has SingleRegionStrategy or SimpleStrategy.",
        page="cql.ddl.keyspace",
        note="NetworkTopologyStrategy makes a keyspace over several Regions, which is not modelled.",
    ),
    Rule(id="custom-property-known", text="CUSTOM_PROPERTIES has the documented names only.", page="cql.ddl.table"),
    Rule(id="custom-property-value", text="A custom property has the documented values only.", page="cql.ddl.table"),
    Rule(id="alter-one-property", text="ALTER TABLE changes a single custom property.", page="cql.ddl.table"),
    Rule(id="cst-not-disabled", text="Client-side timestamps can't be disabled again.", page="cql.ddl.table"),
    Rule(id="ttl-not-disabled", text="Time to live can't be disabled again.", page="cql.ddl.table"),
    Rule(
        id="on-demand-once-a-day",
        text="A table is switched to on-demand capacity once in 24 hours, its creation on demand included.",
        page="ReadWriteCapacityMode.SwitchReadWriteCapacityMode",
    ),
    Rule(
        id="table-not-active",
        text="A table can be used when its status is ACTIVE or UPDATING.",
        page="tables-create",
        note="The words of the service's refusal are not documented; these begin as Cassandra's do.",
    ),
    Rule(id="table-updating", text="A table that is UPDATING can't be changed.", page="cql.ddl.table"),
    Rule(id="keyspace-not-active", text="A keyspace can be used when it has been created.", page="keyspaces-create"),
    # What Cassandra refuses in the same way, without us.
    Rule(
        id="ttl-maximum",
        text="A time to live is at most 630,720,000 s.",
        page="TTL-how-to-create-table",
        enforcer=Enforcer.CASSANDRA,
    ),
    Rule(
        id="batch-kinds",
        text="A batch has INSERT, UPDATE and DELETE only.",
        page="functional-differences",
        enforcer=Enforcer.CASSANDRA,
    ),
    Rule(
        id="counter-columns",
        text="A counter is no key, and a table with counters has no other columns beside its key.",
        page="cql.elements",
        enforcer=Enforcer.CASSANDRA,
    ),
    # What the node's capacity refuses, all of it as a time-out with 0 answers received.
    Rule(
        id="table-throughput",
        text="A provisioned table serves its units a second, and up to 300 s of what it has not used.",
        page="throughput-bursting",
        enforcer=Enforcer.CAPACITY,
        note="The service may use saved capacity for its own work; here it never does.",
    ),
    Rule(
        id="on-demand-throughput",
        text="An on-demand table serves 4,000 writes and 12,000 reads a second, or up to twice its previous peak.",
        page="ReadWriteCapacityMode.OnDemand",
        enforcer=Enforcer.CAPACITY,
        note="How the service measures a peak is not documented: here by the second, counting after 30 minutes.",
    ),
    Rule(
        id="partition-throughput",
        text="A storage partition serves 1,000 write and 3,000 read units a second.",
        page="troubleshooting.serverless",
        enforcer=Enforcer.CAPACITY,
        note=(
            "Each partition of a table counts as a storage partition of its own, with no burst. The service may put "
            "several on one, and may split a large one: passing here does not prove passing there."
        ),
    ),
    Rule(
        id="connection-request-rate",
        text="A connection makes 3,000 requests a second; each subquery of an IN is one.",
        page="troubleshooting.serverless",
        enforcer=Enforcer.CAPACITY,
    ),
    Rule(
        id="page-read-limit",
        text="A page ends after 1 MB read; rows that a filter drops count as read.",
        page="functional-differences",
        enforcer=Enforcer.CAPACITY,
        note=(
            "Refuses nothing: pages are short or empty. A SELECT with IN on the partition key is paged by the rows it "
            "returns, and rows that a clustering restriction skips are not counted."
        ),
    ),
    # What the node's authentication refuses.
    Rule(
        id="authentication",
        text="Clients log in with service-specific credentials or SigV4.",
        page="programmatic.credentials",
        enforcer=Enforcer.AUTHENTICATION,
    ),
    # Documented, and not enforced.
    Rule(
        id="frozen-depth",
        text="Collections nest up to a documented depth; an outer frozen freezes what it holds.",
        page="functional-differences",
        enforcer=Enforcer.NOBODY,
        note="Cassandra's own rules on nesting and freezing apply.",
    ),
    Rule(
        id="udt-quotas",
        text="User-defined types have quotas on their number, fields and nesting.",
        page="udts",
        enforcer=Enforcer.NOBODY,
        note="Not modelled.",
    ),
    Rule(
        id="table-quota",
        text="An account has at most 256 keyspaces and 256 tables a Region, by default.",
        page="quotas",
        enforcer=Enforcer.NOBODY,
        note="Adjustable, and other users of the account count.",
    ),
    Rule(
        id="concurrent-ddl",
        text="At most 50 changes of the schema go on at a time.",
        page="quotas",
        enforcer=Enforcer.NOBODY,
        note="Not modelled.",
    ),
    Rule(
        id="static-with-regular-contention",
        text="Static and other data of one partition written at the same time can time out.",
        page="static-columns",
        enforcer=Enforcer.NOBODY,
        note="Depends on the timing inside the service; inject a fault instead.",
    ),
    Rule(
        id="iam-policies",
        text="What a principal may do is decided by IAM policies.",
        page="security-iam",
        enforcer=Enforcer.NOBODY,
        note="Whoever is let in may do everything.",
    ),
    Rule(
        id="keyspace-deleting",
        text="Keyspaces are dropped asynchronously.",
        page="keyspaces-delete",
        enforcer=Enforcer.NOBODY,
        note="A keyspace is dropped at once; tables take the settable time.",
    ),
)
