"""Reads cluster and schema of a source from its system tables, for Cassandra 3.11, 4.x and 5.0.

Whole rows are read and columns picked by name, as each version has its own set of them.
"""

import difflib
from collections.abc import Iterable, Sequence

from keyspaces_migration.assessment.errors import (
    CannotLookError,
    NotThereError,
    SchemaUnreadableError,
    SourceKeyspaceNotFoundError,
    SystemKeyspaceError,
)
from keyspaces_migration.assessment.model import (
    Cluster,
    Column,
    ColumnKind,
    Index,
    Keyspace,
    Node,
    Part,
    SizeEstimate,
    Source,
    Table,
    Trigger,
    TypeField,
    Unseen,
    UserType,
    View,
)
from keyspaces_migration.assessment.queries import Row, SourceQueries
from keyspaces_migration.cql.types import CqlType, CqlTypeError, parse_type

SYSTEM_KEYSPACES = frozenset(
    {
        "system",
        "system_auth",
        "system_distributed",
        "system_schema",
        "system_traces",
        "system_views",
        "system_virtual_schema",
    },
)
FIRST_MAJOR_VERSION_WITH_COLUMN_MASKS = 5
_KINDS = tuple(ColumnKind)


def read_source(queries: SourceQueries, *, keyspace: str) -> Source:
    """Reads everything of `keyspace` that the rules judge, and the cluster it lives in.

    Raises:
        SystemKeyspaceError: `keyspace` is one of Cassandra's own.
        SourceKeyspaceNotFoundError: The source has no such keyspace.
        SchemaUnreadableError: Keyspaces, tables or columns can't be read. Any other part that can't is listed
            in `unseen` of its owner.
    """
    if keyspace in SYSTEM_KEYSPACES:
        raise SystemKeyspaceError(f"keyspace {keyspace!r} is Cassandra's own and is never migrated: name another")
    cluster = _read_cluster(_Look(queries))
    row = _keyspace_row(queries, keyspace)
    return Source(cluster=cluster, keyspace=_read_keyspace(_Look(queries), row, version=cluster.version))


class _Look:
    """Asks, and notes what had no answer."""

    def __init__(self, queries: SourceQueries) -> None:
        self._queries = queries
        self.unseen: list[Unseen] = []

    @property
    def nodes(self) -> tuple[str, ...]:
        return self._queries.nodes

    def required(self, statement: str, values: Sequence[object]) -> list[Row]:
        return _required(self._queries, statement, values)

    def if_there(self, part: Part, statement: str) -> list[Row] | None:
        """Like `optional`; None when the source is of a version without that table."""
        try:
            return self._queries.rows(statement)
        except NotThereError:
            return None
        except CannotLookError as reason:
            self.unseen.append(Unseen(part=part, why=str(reason)))
            return []

    def optional(
        self,
        part: Part,
        statement: str,
        values: Sequence[object] = (),
        *,
        node: str | None = None,
    ) -> list[Row]:
        try:
            return self._queries.rows(statement, values, node=node)
        except CannotLookError as reason:
            where = f"node {node}: " if node else ""
            self.unseen.append(Unseen(part=part, why=f"{where}{reason}"))
            return []


def _required(queries: SourceQueries, statement: str, values: Sequence[object] = ()) -> list[Row]:
    try:
        return queries.rows(statement, values)
    except CannotLookError as reason:
        raise SchemaUnreadableError(
            f"the source's schema can't be read, so nothing can be assessed: {reason} (asked: {statement}). "
            "Grant SELECT on system_schema to the role of the source's connection, or retry when the node answers",
        ) from reason


def _keyspace_row(queries: SourceQueries, keyspace: str) -> Row:
    found = _required(queries, "SELECT * FROM system_schema.keyspaces WHERE keyspace_name = %s", [keyspace])
    if found:
        return found[0]
    names = {_text(row, "keyspace_name") for row in _required(queries, "SELECT * FROM system_schema.keyspaces")}
    candidates = sorted(names - SYSTEM_KEYSPACES)
    near = difflib.get_close_matches(keyspace.lower(), candidates, n=1)
    hint = f". Did you mean {near[0]!r}?" if near else ""
    raise SourceKeyspaceNotFoundError(
        f"keyspace {keyspace!r} is not on the source, which has: {', '.join(candidates) or 'none but its own'}{hint}",
    )


def _read_cluster(look: _Look) -> Cluster:
    local = look.optional(Part.CLUSTER, "SELECT * FROM system.local")
    row: Row = local[0] if local else {}
    nodes = [_node(answer) for answer in [*local, *_peers(look)]]
    return Cluster(
        name=_text(row, "cluster_name"),
        version=_text(row, "release_version"),
        partitioner=_text(row, "partitioner"),
        nodes=tuple(sorted(nodes, key=lambda node: (node.data_center, node.rack, node.address))),
        unseen=tuple(look.unseen),
    )


def _peers(look: _Look) -> list[Row]:
    # peers_v2 came with 4.0 and knows ports; only its absence is a reason to ask the older table.
    newer = look.if_there(Part.NODES, "SELECT * FROM system.peers_v2")
    return look.optional(Part.NODES, "SELECT * FROM system.peers") if newer is None else newer


def _node(row: Row) -> Node:
    address = next((row[name] for name in ("native_address", "rpc_address", "peer") if row.get(name)), "")
    return Node(
        address=str(address),
        data_center=_text(row, "data_center"),
        rack=_text(row, "rack"),
        version=_text(row, "release_version"),
    )


def _read_keyspace(look: _Look, row: Row, *, version: str) -> Keyspace:
    name = _text(row, "keyspace_name")
    columns = _grouped(look.required("SELECT * FROM system_schema.columns WHERE keyspace_name = %s", [name]))
    views = look.optional(Part.VIEWS, "SELECT * FROM system_schema.views WHERE keyspace_name = %s", [name])
    return Keyspace(
        name=name,
        tables=_read_tables(look, name, columns, version=version),
        replication=_plain_map(row.get("replication")),
        durable_writes=bool(row.get("durable_writes", True)),
        indexes=_read_indexes(look, name),
        views=tuple(_view(view, columns.get(_text(view, "view_name"), [])) for view in views),
        types=_read_types(look, name),
        triggers=_read_triggers(look, name),
        functions=_read_signatures(look, name, part=Part.FUNCTIONS),
        aggregates=_read_signatures(look, name, part=Part.AGGREGATES),
        unseen=tuple(look.unseen),
    )


def _read_tables(look: _Look, keyspace: str, columns: dict[str, list[Row]], *, version: str) -> tuple[Table, ...]:
    rows = look.required("SELECT * FROM system_schema.tables WHERE keyspace_name = %s", [keyspace])
    dropped = _grouped(
        look.optional(
            Part.DROPPED_COLUMNS,
            "SELECT * FROM system_schema.dropped_columns WHERE keyspace_name = %s",
            [keyspace],
        ),
    )
    masks = _grouped(_read_masks(look, keyspace, version=version))
    sizes = _read_sizes(look, keyspace)
    return tuple(
        Table(
            name=name,
            columns=_columns(columns.get(name, [])),
            options={key: _plain(value) for key, value in sorted(row.items()) if key not in _NO_OPTIONS},
            flags=frozenset(_strings(row.get("flags"))),
            dropped_columns=tuple(sorted(_text(column, "column_name") for column in dropped.get(name, []))),
            masked_columns=tuple(sorted(_text(column, "column_name") for column in masks.get(name, []))),
            estimate=sizes.get(name),
        )
        for row in sorted(rows, key=lambda row: _text(row, "table_name"))
        for name in [_text(row, "table_name")]
    )


_NO_OPTIONS = frozenset({"keyspace_name", "table_name", "id", "flags"})


def _read_masks(look: _Look, keyspace: str, *, version: str) -> list[Row]:
    major = version.partition(".")[0]
    if major.isdigit() and int(major) < FIRST_MAJOR_VERSION_WITH_COLUMN_MASKS:
        return []
    statement = "SELECT * FROM system_schema.column_masks WHERE keyspace_name = %s"
    return look.optional(Part.COLUMN_MASKS, statement, [keyspace])


def _read_sizes(look: _Look, keyspace: str) -> dict[str, SizeEstimate]:
    """Adds up what each node says of its own primary ranges; one silent node is noted, and missing in the sum."""
    statement = "SELECT * FROM system.size_estimates WHERE keyspace_name = %s"
    rows = [row for node in look.nodes for row in look.optional(Part.SIZES, statement, [keyspace], node=node)]
    sums: dict[str, SizeEstimate] = {}
    for row in rows:
        partitions, mean_bytes = _integer(row, "partitions_count"), _integer(row, "mean_partition_size")
        before = sums.get(_text(row, "table_name"), SizeEstimate(partitions=0, bytes=0))
        sums[_text(row, "table_name")] = SizeEstimate(
            partitions=before.partitions + partitions,
            bytes=before.bytes + partitions * mean_bytes,
        )
    return sums


def _read_indexes(look: _Look, keyspace: str) -> tuple[Index, ...]:
    rows = look.optional(Part.INDEXES, "SELECT * FROM system_schema.indexes WHERE keyspace_name = %s", [keyspace])
    return tuple(_index(row, _plain_map(row.get("options"))) for row in rows)


def _index(row: Row, options: dict[str, str]) -> Index:
    return Index(
        name=_text(row, "index_name"),
        table=_text(row, "table_name"),
        target=options.get("target", ""),
        implementation=options.get("class_name", "").rpartition(".")[2],
    )


def _view(row: Row, columns: Iterable[Row]) -> View:
    return View(
        name=_text(row, "view_name"),
        base_table=_text(row, "base_table_name"),
        where=_text(row, "where_clause"),
        columns=_columns(columns),
    )


def _read_types(look: _Look, keyspace: str) -> tuple[UserType, ...]:
    rows = look.optional(Part.TYPES, "SELECT * FROM system_schema.types WHERE keyspace_name = %s", [keyspace])
    return tuple(
        UserType(
            name=_text(row, "type_name"),
            fields=tuple(
                TypeField(name=name, type_text=text, type=_parsed(text)[0])
                for name, text in zip(_strings(row["field_names"]), _strings(row["field_types"]), strict=True)
            ),
        )
        for row in rows
    )


def _read_triggers(look: _Look, keyspace: str) -> tuple[Trigger, ...]:
    rows = look.optional(Part.TRIGGERS, "SELECT * FROM system_schema.triggers WHERE keyspace_name = %s", [keyspace])
    return tuple(Trigger(name=_text(row, "trigger_name"), table=_text(row, "table_name")) for row in rows)


def _read_signatures(look: _Look, keyspace: str, *, part: Part) -> tuple[str, ...]:
    of_functions = part is Part.FUNCTIONS
    statement = (
        "SELECT * FROM system_schema.functions WHERE keyspace_name = %s"
        if of_functions
        else "SELECT * FROM system_schema.aggregates WHERE keyspace_name = %s"
    )
    name = "function_name" if of_functions else "aggregate_name"
    rows = look.optional(part, statement, [keyspace])
    return tuple(f"{_text(row, name)}({', '.join(_strings(row.get('argument_types')))})" for row in rows)


def _columns(rows: Iterable[Row]) -> tuple[Column, ...]:
    columns = [_column(row) for row in rows]
    return tuple(sorted(columns, key=lambda column: (_KINDS.index(column.kind), column.position, column.name)))


def _column(row: Row) -> Column:
    text = _text(row, "type")
    parsed, problem = _parsed(text)
    return Column(
        name=_text(row, "column_name"),
        kind=ColumnKind(_text(row, "kind")),
        position=_integer(row, "position"),
        descending=_text(row, "clustering_order").lower() == "desc",
        type_text=text,
        type=parsed,
        type_problem=problem,
    )


def _parsed(text: str) -> tuple[CqlType | None, str]:
    try:
        return parse_type(text), ""
    except CqlTypeError as problem:
        return None, str(problem)


def _grouped(rows: Iterable[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(_text(row, "table_name"), []).append(row)
    return groups


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value)


def _integer(row: Row, name: str) -> int:
    return int(_text(row, name) or 0)


def _strings(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, Iterable) else []


def _plain_map(value: object) -> dict[str, str]:
    return {str(key): str(item) for key, item in value.items()} if hasattr(value, "items") else {}


def _plain(value: object) -> object:
    """The driver's own containers as Python's, in a stable order, for reports and comparison."""
    if hasattr(value, "items"):
        return {str(key): _plain(item) for key, item in sorted(value.items())}
    if isinstance(value, (str, bytes, int, float, bool)) or value is None:
        return value
    return [_plain(item) for item in value] if isinstance(value, Iterable) else str(value)
