"""Application Auto Scaling of a table's provisioned capacity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi_aws as aws

if TYPE_CHECKING:
    import pulumi

    from keyspaces_migration.config import AutoScaling

_NAMESPACE = "cassandra"


def scale_table(table: str, *, keyspace: str, scaling: AutoScaling, options: pulumi.ResourceOptions) -> None:
    """Scale a table's read and write units between bounds, by the utilisation that is aimed at.

    Names are those of the Application Auto Scaling API for Keyspaces: RegisterScalableTarget's resource id
    `keyspace/<keyspace>/table/<table>` and dimensions `cassandra:table:…`, and the predefined metrics
    `Cassandra…CapacityUtilization`. The role is the service-linked one, which AWS makes by itself.

    Args:
        table: Its name.
        keyspace: Its keyspace.
        scaling: Between which units, and for which utilisation in per cent.
        options: Parent the table, so that it is there first.
    """
    for kind, between in (("Read", scaling.rcu), ("Write", scaling.wcu)):
        target = aws.appautoscaling.Target(
            f"{table}-{kind.lower()}",
            service_namespace=_NAMESPACE,
            resource_id=f"keyspace/{keyspace}/table/{table}",
            scalable_dimension=f"cassandra:table:{kind}CapacityUnits",
            min_capacity=between.min,
            max_capacity=between.max,
            opts=options,
        )
        aws.appautoscaling.Policy(
            f"{table}-{kind.lower()}",
            name=f"{keyspace}.{table}-{kind.lower()}-utilization",
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            resource_id=target.resource_id,
            scalable_dimension=target.scalable_dimension,
            target_tracking_scaling_policy_configuration=aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs(
                target_value=float(scaling.target_utilization_percent),
                predefined_metric_specification=aws.appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs(
                    predefined_metric_type=f"Cassandra{kind}CapacityUtilization"
                ),
            ),
            opts=options,
        )
