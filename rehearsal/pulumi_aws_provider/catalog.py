"""Every resource type that the attached provider serves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.pulumi_aws_provider.cloud_control import CloudControlTable
from rehearsal.pulumi_aws_provider.keyspace import Keyspace
from rehearsal.pulumi_aws_provider.managed import Managed
from rehearsal.pulumi_aws_provider.services import (
    app_config,
    auto_scaling,
    bucket,
    bucket_notification,
    composite_alarm,
    event_source,
    function,
    function_access,
    iam,
    iam_policy,
    kms,
    layer,
    logs,
    metric_alarm,
    queue,
    scheduler,
    subscription,
)
from rehearsal.pulumi_aws_provider.table import Table

if TYPE_CHECKING:
    from rehearsal.pulumi_aws_provider.resources import Resource

_SERVICES = (
    app_config,
    auto_scaling,
    bucket,
    bucket_notification,
    composite_alarm,
    event_source,
    function,
    function_access,
    iam,
    iam_policy,
    kms,
    layer,
    logs,
    metric_alarm,
    queue,
    scheduler,
    subscription,
)

RESOURCES: tuple[Resource, ...] = (
    Keyspace(),
    Table(),
    CloudControlTable(),
    *(Managed(description) for service in _SERVICES for description in service.DESCRIPTIONS),
)
