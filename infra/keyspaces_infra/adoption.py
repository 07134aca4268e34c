"""Finds a resource that an engine was making when it was killed, by the names that the program gave it.

Ids are those that `pulumi import` takes, as the refresh that follows treats a resource without outputs as an import
(the sections "Import" of terraform-provider-aws's documentation, on which pulumi_aws stands).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, TypeAlias

from keyspaces_infra.errors import AmbiguousError

Inputs: TypeAlias = Mapping[str, Any]
Client: TypeAlias = Callable[[str], Any]
NAME_TAG: Final = "Name"


class Adoption(Enum):
    """What can be said of a resource without an id."""

    MADE_AGAIN = "making it again does no harm: AWS takes the same request twice"
    UNKNOWN_TYPE = "its type is not known here"


def find_id(kind: str, inputs: Inputs, *, client: Client) -> str | Adoption | None:
    """Return the id of what was being made, or None where AWS has nothing of the kind.

    An id that follows from names is returned unseen: the refresh after it looks.

    Args:
        kind: Pulumi's type token.
        inputs: The resource's inputs.
        client: Gives boto3's client of a service.

    Raises:
        AmbiguousError: More than one could be it.
    """
    if kind in _MADE_AGAIN:
        return Adoption.MADE_AGAIN
    if kind in _BY_NAME:
        return _BY_NAME[kind](inputs)
    if kind in _BY_LOOKING:
        return _BY_LOOKING[kind](inputs, client)
    return Adoption.UNKNOWN_TYPE


def _cloud_control(inputs: Inputs) -> str:
    state = json.loads(inputs["desiredState"])
    return f"{state['KeyspaceName']}|{state['TableName']}"


_BY_NAME: Mapping[str, Callable[[Inputs], str]] = {
    "aws:keyspaces/keyspace:Keyspace": lambda given: str(given["name"]),
    "aws:keyspaces/table:Table": lambda given: f"{given['keyspaceName']}/{given['tableName']}",
    "aws:cloudcontrol/resource:Resource": _cloud_control,
    "aws:iam/role:Role": lambda given: str(given["name"]),
    "aws:kms/alias:Alias": lambda given: str(given["name"]),
    "aws:s3/bucket:Bucket": lambda given: str(given["bucket"]),
    "aws:cloudwatch/logGroup:LogGroup": lambda given: str(given["name"]),
    "aws:lambda/function:Function": lambda given: str(given["name"]),
    "aws:lambda/alias:Alias": lambda given: f"{given['functionName']}/{given['name']}",
    "aws:lambda/permission:Permission": lambda given: (
        f"{given['function']}:{given['qualifier']}/{given['statementId']}"
        if given.get("qualifier")
        else f"{given['function']}/{given['statementId']}"
    ),
    "aws:scheduler/schedule:Schedule": lambda given: f"{given.get('groupName', 'default')}/{given['name']}",
}
_MADE_AGAIN = frozenset(
    {
        "aws:appautoscaling/policy:Policy",
        "aws:appautoscaling/target:Target",
        "aws:cloudwatch/compositeAlarm:CompositeAlarm",
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "aws:s3/bucketNotification:BucketNotification",
        "aws:s3/bucketPolicy:BucketPolicy",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "aws:sns/topicSubscription:TopicSubscription",
        "aws:sqs/queue:Queue",
        "aws:sqs/queuePolicy:QueuePolicy",
    }
)


def _application(inputs: Inputs, client: Client) -> str | None:
    return _one(
        _named(client("appconfig"), "list_applications", inputs["name"]), what="AppConfig application", of=inputs
    )


def _environment(inputs: Inputs, client: Client) -> str | None:
    scope = {"ApplicationId": inputs["applicationId"]}
    found = _one(
        _named(client("appconfig"), "list_environments", inputs["name"], **scope), what="environment", of=inputs
    )
    return None if found is None else f"{found}:{inputs['applicationId']}"


def _profile(inputs: Inputs, client: Client) -> str | None:
    scope = {"ApplicationId": inputs["applicationId"]}
    found = _one(
        _named(client("appconfig"), "list_configuration_profiles", inputs["name"], **scope), what="profile", of=inputs
    )
    return None if found is None else f"{found}:{inputs['applicationId']}"


def _strategy(inputs: Inputs, client: Client) -> str | None:
    listed = _named(client("appconfig"), "list_deployment_strategies", inputs["name"])
    return _one(listed, what="deployment strategy", of=inputs)


def _policy(inputs: Inputs, client: Client) -> str | None:
    """The id of a managed policy is its ARN, which has the account; names are once in an account."""
    pages = client("iam").get_paginator("list_policies").paginate(Scope="Local")
    named = [str(each["Arn"]) for page in pages for each in page["Policies"] if each["PolicyName"] == inputs["name"]]
    return _one(named, what="IAM policy", of=inputs)


def _key(inputs: Inputs, client: Client) -> str | None:
    """A key has no name of its own; the program's components give each a tag that is."""
    tags = inputs.get("tags") or {}
    if NAME_TAG not in tags:
        raise AmbiguousError(f"a KMS key without a tag {NAME_TAG} was being made: look in AWS, and import or delete it")
    kms = client("kms")
    found = []
    for key in (each["KeyId"] for page in kms.get_paginator("list_keys").paginate() for each in page["Keys"]):
        if _is_going(kms, key):
            continue
        pages = kms.get_paginator("list_resource_tags").paginate(KeyId=key)
        has = {tag["TagKey"]: tag["TagValue"] for page in pages for tag in page["Tags"]}
        if has.get(NAME_TAG) == tags[NAME_TAG]:
            found.append(str(key))
    return _one(found, what="KMS key", of={"name": tags[NAME_TAG]})


def _is_going(kms: Any, key: str) -> bool:  # noqa: ANN401 - boto3's client has no type
    return bool(kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "PendingDeletion")


def _mapping(inputs: Inputs, client: Client) -> str | None:
    pages = client("lambda").get_paginator("list_event_source_mappings")
    scope = {"FunctionName": inputs["functionName"], "EventSourceArn": inputs["eventSourceArn"]}
    found = [str(each["UUID"]) for page in pages.paginate(**scope) for each in page["EventSourceMappings"]]
    return _one(found, what="event source mapping", of={"name": inputs["functionName"]})


_BY_LOOKING: Mapping[str, Callable[[Inputs, Client], str | None]] = {
    "aws:appconfig/application:Application": _application,
    "aws:appconfig/environment:Environment": _environment,
    "aws:appconfig/configurationProfile:ConfigurationProfile": _profile,
    "aws:appconfig/deploymentStrategy:DeploymentStrategy": _strategy,
    "aws:iam/policy:Policy": _policy,
    "aws:kms/key:Key": _key,
    "aws:lambda/eventSourceMapping:EventSourceMapping": _mapping,
}


def _named(appconfig: Any, listing: str, name: str, **scope: str) -> list[str]:  # noqa: ANN401 - boto3's client
    pages = appconfig.get_paginator(listing).paginate(**scope)
    return [str(each["Id"]) for page in pages for each in page["Items"] if each["Name"] == name]


def _one(found: list[str], *, what: str, of: Inputs) -> str | None:
    if len(found) > 1:
        raise AmbiguousError(
            f"{len(found)} of {what} are called {of['name']} ({', '.join(found)}), and the one that was being made "
            "when the engine was killed can't be told from the others: delete those that nobody uses, then run again"
        )
    return found[0] if found else None
