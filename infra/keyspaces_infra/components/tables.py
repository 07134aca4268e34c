"""The keyspace and its tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws

from keyspaces_infra.components.auto_scaling import scale_table
from keyspaces_infra.errors import TableNotExpressibleError
from keyspaces_migration.config import ThroughputMode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keyspaces_migration.config import Migration, Table

SCALED_UNITS = ("capacitySpecification.readCapacityUnits", "capacitySpecification.writeCapacityUnits")
"""What auto scaling moves."""

_ENABLED = "ENABLED"
_CUSTOMER_KEY = "CUSTOMER_MANAGED_KMS_KEY"


class KeyspacesTables(pulumi.ComponentResource):
    """A keyspace and the tables of a migration, each protected against deletion and replacement unless told otherwise.

    Args:
        migration: What is asked for.
        scaled: Tables that have provisioned units which auto scaling may have moved: these are left. A table that only
            now gets provisioned units is not among them, as it has none that could be left.
        protect: Whether keyspace and tables are protected.
        opts: Of Pulumi.

    Attributes:
        keyspace_arn: The keyspace's ARN.
        table_names: Names of the tables on Keyspaces.
    """

    def __init__(
        self,
        migration: Migration,
        *,
        scaled: frozenset[str] = frozenset(),
        protect: bool = True,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("keyspaces-migration:index:KeyspacesTables", migration.name, None, opts)
        options = pulumi.ResourceOptions(parent=self, protect=protect)
        keyspace = aws.keyspaces.Keyspace(
            migration.target.keyspace,
            name=migration.target.keyspace,
            tags={"Type": "keyspace"},
            opts=options,
        )
        for name, table in migration.tables.items():
            fits = all(column.fits_pulumi_aws for column in table.schema_.columns)
            make = _table if fits else _cloud_control_table
            made = make(
                migration,
                name,
                table,
                keyspace=keyspace.name,
                options=_table_options(options, keeps_units=name in scaled),
            )
            if table.throughput.auto_scaling is not None:
                scale_table(
                    name,
                    keyspace=migration.target.keyspace,
                    scaling=table.throughput.auto_scaling,
                    # Not protected as its parent is: taking scaling off a table loses nothing.
                    options=pulumi.ResourceOptions(parent=made, protect=False),
                )
        self.keyspace_arn = keyspace.arn
        self.table_names = sorted(migration.tables)
        self.register_outputs({"keyspace_arn": self.keyspace_arn, "table_names": self.table_names})


def _tags(migration: Migration, table: str) -> dict[str, str]:
    return {"Type": "table", "Table-type": migration.table_type(table).value}


def _table_options(options: pulumi.ResourceOptions, *, keeps_units: bool) -> pulumi.ResourceOptions:
    """Units that auto scaling has moved are left as they are."""
    if not keeps_units:
        return options
    return pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(ignore_changes=list(SCALED_UNITS)))


def _table(
    migration: Migration, name: str, table: Table, *, keyspace: pulumi.Output[str], options: pulumi.ResourceOptions
) -> pulumi.Resource:
    schema, keyspaces = table.schema_, aws.keyspaces
    encryption_key = migration.encryption_key_arn(name)
    return keyspaces.Table(
        name,
        keyspace_name=keyspace,
        table_name=name,
        schema_definition=keyspaces.TableSchemaDefinitionArgs(
            columns=[
                keyspaces.TableSchemaDefinitionColumnArgs(name=column.name, type=column.type)
                for column in schema.columns
            ],
            partition_keys=[keyspaces.TableSchemaDefinitionPartitionKeyArgs(name=key) for key in schema.partition_keys],
            clustering_keys=[
                keyspaces.TableSchemaDefinitionClusteringKeyArgs(name=key.name, order_by=key.order.value)
                for key in schema.clustering_keys
            ],
            static_columns=[
                keyspaces.TableSchemaDefinitionStaticColumnArgs(name=column) for column in schema.static_columns
            ],
        ),
        capacity_specification=keyspaces.TableCapacitySpecificationArgs(
            throughput_mode=table.throughput.mode.value,
            read_capacity_units=table.throughput.rcu,
            write_capacity_units=table.throughput.wcu,
        ),
        client_side_timestamps=keyspaces.TableClientSideTimestampsArgs(status=_ENABLED),
        point_in_time_recovery=keyspaces.TablePointInTimeRecoveryArgs(status=_ENABLED),
        ttl=keyspaces.TableTtlArgs(status=_ENABLED),
        encryption_specification=None
        if encryption_key is None
        else keyspaces.TableEncryptionSpecificationArgs(type=_CUSTOMER_KEY, kms_key_identifier=encryption_key),
        # Changing it makes the table anew (terraform-provider-aws, keyspaces/table.go), which the gate refuses.
        comment=None if table.comment is None else keyspaces.TableCommentArgs(message=table.comment),
        default_time_to_live=table.default_ttl_s,
        tags=_tags(migration, name),
        opts=options,
    )


def _cloud_control_table(
    migration: Migration, name: str, table: Table, *, keyspace: pulumi.Output[str], options: pulumi.ResourceOptions
) -> pulumi.Resource:
    """A table with a type that the Keyspaces resource's own check does not let through (docs/adr/0008)."""
    _require_expressible(name, table)
    state = _cloud_formation(migration, name, table)
    return aws.cloudcontrol.Resource(
        name,
        type_name="AWS::Cassandra::Table",
        desired_state=keyspace.apply(lambda given: json.dumps({"KeyspaceName": given, **state}, sort_keys=True)),
        opts=options,
    )


def _require_expressible(name: str, table: Table) -> None:
    if table.schema_.static_columns:
        raise TableNotExpressibleError(
            f"table {name}: pulumi_aws refuses the type of {_refused_columns(table)}, and AWS::Cassandra::Table, which "
            f"takes it, knows no static columns ({', '.join(table.schema_.static_columns)}). Give those columns a type "
            "with one level of angle brackets, or store them as text or blob"
        )
    if table.comment is not None or table.throughput.auto_scaling is not None:
        what = "comment" if table.comment is not None else "throughput.auto_scaling"
        raise TableNotExpressibleError(
            f"table {name}: pulumi_aws refuses the type of {_refused_columns(table)}, and AWS::Cassandra::Table, "
            f"which takes it, is made without {what} here. Leave it out, or give those columns another type"
        )


def _refused_columns(table: Table) -> str:
    return ", ".join(f"{column.name} ({column.type})" for column in table.schema_.columns if not column.fits_pulumi_aws)


def _cloud_formation(migration: Migration, name: str, table: Table) -> dict[str, Any]:
    schema = table.schema_
    types = {column.name: column.type for column in schema.columns}

    def column(each: str) -> Mapping[str, str]:
        return {"ColumnName": each, "ColumnType": types[each]}

    state: dict[str, Any] = {
        "TableName": name,
        "PartitionKeyColumns": [column(key) for key in schema.partition_keys],
        "ClusteringKeyColumns": [
            {"Column": column(key.name), "OrderBy": key.order.value} for key in schema.clustering_keys
        ],
        "RegularColumns": [column(each.name) for each in schema.regular_columns],
        "BillingMode": _billing_mode(table),
        "ClientSideTimestampsEnabled": True,
        "PointInTimeRecoveryEnabled": True,
        # The provider's default tags don't reach inside this resource.
        "Tags": [
            {"Key": key, "Value": value}
            for key, value in sorted({**migration.resource_tags, **_tags(migration, name)}.items())
        ],
    }
    if (key := migration.encryption_key_arn(name)) is not None:
        state["EncryptionSpecification"] = {"EncryptionType": _CUSTOMER_KEY, "KmsKeyIdentifier": key}
    if table.default_ttl_s is not None:
        state["DefaultTimeToLive"] = table.default_ttl_s
    return state


def _billing_mode(table: Table) -> dict[str, Any]:
    throughput = table.throughput
    if throughput.mode is ThroughputMode.PAY_PER_REQUEST:
        return {"Mode": "ON_DEMAND"}
    units = {"ReadCapacityUnits": throughput.rcu, "WriteCapacityUnits": throughput.wcu}
    return {"Mode": "PROVISIONED", "ProvisionedThroughput": units}
