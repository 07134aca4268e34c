"""Makes and changes tables of Amazon Keyspaces through the AWS API. Each task ends when its table is ACTIVE."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from keyspaces_provider.operators.keyspaces_table_change import KeyspacesTableOperator, Live


class KeyspacesCreateTableOperator(KeyspacesTableOperator):
    """Makes a table, and waits until it is ACTIVE. One that is there must have the same columns and keys.

    Settings of a table that is there already are left as they are.

    Args:
        columns: CQL types by name.
        partition_keys: Names, in order.
        clustering_keys: ASC or DESC by name, in order.
        static_columns: Names.
        mode: How it is paid for.
        read_units: Of PROVISIONED.
        write_units: Of PROVISIONED.
        ttl: Rows may expire. It can't be turned off again.
        default_ttl_s: After how many seconds rows expire that don't say; needs `ttl`.
        point_in_time_recovery: Keep what is needed to restore the table as it was.
        client_side_timestamps: Writers may give timestamps. It can't be turned off again.
        comment: About the table.
        tags: By key.
    """

    template_fields: Sequence[str] = (*KeyspacesTableOperator.template_fields, "comment", "tags")

    def __init__(  # noqa: PLR0913 - all by keyword
        self,
        *,
        columns: Mapping[str, str],
        partition_keys: Sequence[str],
        clustering_keys: Mapping[str, Literal["ASC", "DESC"]] | None = None,
        static_columns: Sequence[str] = (),
        mode: Literal["PAY_PER_REQUEST", "PROVISIONED"] = "PAY_PER_REQUEST",
        read_units: int | None = None,
        write_units: int | None = None,
        ttl: bool = False,
        default_ttl_s: int | None = None,
        point_in_time_recovery: bool = False,
        client_side_timestamps: bool = False,
        comment: str | None = None,
        tags: Mapping[str, str] | None = None,
        **kwargs: Any,  # noqa: ANN401 - KeyspacesTableOperator's own
    ) -> None:
        super().__init__(**kwargs)
        self.columns = columns
        self.partition_keys = partition_keys
        self.clustering_keys = clustering_keys
        self.static_columns = static_columns
        self.mode = mode
        self.read_units = read_units
        self.write_units = write_units
        self.ttl = ttl
        self.default_ttl_s = default_ttl_s
        self.point_in_time_recovery = point_in_time_recovery
        self.client_side_timestamps = client_side_timestamps
        self.comment = comment
        self.tags = tags

    def ask(self, client: Any, live: Live | None) -> bool:  # noqa: ANN401
        """Make it, if it is not there.

        Raises:
            TableDiffersError: It is, with another definition.
        """
        from keyspaces_migration.keyspaces_api import Capacity, TableDefinition, TableSettings, ThroughputMode

        definition = TableDefinition(
            columns=self.columns,
            partition_keys=self.partition_keys,
            clustering_keys=dict(self.clustering_keys or {}),
            static_columns=self.static_columns,
        )
        if live is not None:
            definition.require_same(live["schemaDefinition"], table=self.full_name)
            return False
        settings = TableSettings(
            capacity=Capacity(mode=ThroughputMode(self.mode), read_units=self.read_units, write_units=self.write_units),
            ttl=self.ttl,
            default_ttl_s=self.default_ttl_s,
            point_in_time_recovery=self.point_in_time_recovery,
            client_side_timestamps=self.client_side_timestamps,
            comment=self.comment,
            tags=self.tags or {},
        )
        client.create_table(
            keyspaceName=self.keyspace,
            tableName=self.table,
            schemaDefinition=definition.to_request(),
            **settings.to_request(),
        )
        return True


class KeyspacesAddColumnsOperator(KeyspacesTableOperator):
    """Adds columns that a table does not have, and waits until it is ACTIVE.

    Args:
        columns: CQL types by name. Those that are there must have the same type.
    """

    def __init__(self, *, columns: Mapping[str, str], **kwargs: Any) -> None:  # noqa: ANN401 - KeyspacesTableOperator's own
        super().__init__(**kwargs)
        self.columns = columns

    def ask(self, client: Any, live: Live | None) -> bool:  # noqa: ANN401
        """Add what is missing.

        Raises:
            TableMissingError: There is no table.
            TableDiffersError: A column is there with another type.
        """
        from keyspaces_migration.keyspaces_api import pending_columns

        return self.update(client, pending_columns(self.columns, self.required(live), table=self.full_name))


class KeyspacesCapacityOperator(KeyspacesTableOperator):
    """Changes how a table is paid for, or how much is provisioned, and waits until it is ACTIVE.

    AWS takes the change from PROVISIONED to PAY_PER_REQUEST once in 24 hours.

    Args:
        mode: On demand, or provisioned.
        read_units: Of PROVISIONED: reads of 4 KB a second.
        write_units: Of PROVISIONED: writes of 1 KB a second.
    """

    template_fields: Sequence[str] = (*KeyspacesTableOperator.template_fields, "read_units", "write_units")

    def __init__(
        self,
        *,
        mode: Literal["PAY_PER_REQUEST", "PROVISIONED"],
        read_units: int | str | None = None,
        write_units: int | str | None = None,
        **kwargs: Any,  # noqa: ANN401 - KeyspacesTableOperator's own
    ) -> None:
        super().__init__(**kwargs)
        self.mode = mode
        self.read_units = read_units
        self.write_units = write_units

    def ask(self, client: Any, live: Live | None) -> bool:  # noqa: ANN401
        """Change it, if it is otherwise.

        Raises:
            TableMissingError: There is no table.
            AwsRequestRefusedError: Mode and units contradict each other.
        """
        from keyspaces_migration.keyspaces_api import Capacity, ThroughputMode

        wanted = Capacity(
            mode=ThroughputMode(self.mode), read_units=units_of(self.read_units), write_units=units_of(self.write_units)
        )
        return self.update(client, wanted.pending(self.required(live)))


class KeyspacesWarmThroughputOperator(KeyspacesTableOperator):
    """Warms a table for a load that is to come, and waits until it is warm. AWS charges for it, once.

    A table that is warmer already is left as it is.

    Args:
        read_units_per_s: Reads of 4 KB a second that it is to serve at once; None leaves them.
        write_units_per_s: Writes of 1 KB a second; None leaves them.
    """

    template_fields: Sequence[str] = (*KeyspacesTableOperator.template_fields, "read_units_per_s", "write_units_per_s")

    def __init__(
        self,
        *,
        read_units_per_s: int | str | None = None,
        write_units_per_s: int | str | None = None,
        **kwargs: Any,  # noqa: ANN401 - KeyspacesTableOperator's own
    ) -> None:
        super().__init__(**kwargs)
        self.read_units_per_s = read_units_per_s
        self.write_units_per_s = write_units_per_s

    def ask(self, client: Any, live: Live | None) -> bool:  # noqa: ANN401
        """Warm it, if it is colder.

        Raises:
            TableMissingError: There is no table.
            AwsRequestRefusedError: Neither reads nor writes are given.
        """
        from keyspaces_migration.keyspaces_api import WarmThroughput

        wanted = WarmThroughput(
            read_units_per_s=units_of(self.read_units_per_s), write_units_per_s=units_of(self.write_units_per_s)
        )
        return self.update(client, wanted.pending(self.required(live)))


def units_of(value: int | str | None) -> int | None:
    """Return a number of units; a template renders it as text, and nothing as empty text.

    Raises:
        AwsRequestRefusedError: It is no whole number.
    """
    from keyspaces_migration.keyspaces_api import AwsRequestRefusedError

    if value is None or value == "":
        return None
    try:
        return int(value)
    except ValueError as error:
        raise AwsRequestRefusedError(f"{value!r} units. Allowed: a whole number above 0.") from error
