"""aws:s3/bucketNotification:BucketNotification: everything that one bucket notifies; its id is the bucket's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.pulumi_aws_provider.description import Description, by_putting

if TYPE_CHECKING:
    from rehearsal.pulumi_aws_provider.account import Account
    from rehearsal.pulumi_aws_provider.resources import Properties

# Pulumi's list, S3's list, Pulumi's member with the target, S3's.
_KINDS = (
    ("lambdaFunctions", "LambdaFunctionConfigurations", "lambdaFunctionArn", "LambdaFunctionArn"),
    ("queues", "QueueConfigurations", "queueArn", "QueueArn"),
    ("topics", "TopicConfigurations", "topicArn", "TopicArn"),
)
_FILTERS = {"filterPrefix": "prefix", "filterSuffix": "suffix"}


def _create(account: Account, inputs: Properties) -> str:
    configuration: dict[str, Any] = {}
    for ours, theirs, target, api_target in _KINDS:
        if rules := inputs.get(ours):
            configuration[theirs] = [_to_api(rule, rule.get(target), api_target) for rule in rules]
    if inputs.get("eventbridge"):
        configuration["EventBridgeConfiguration"] = {}
    _put(account, inputs["bucket"], configuration)
    return str(inputs["bucket"])


def _read(account: Account, resource_id: str, given: Properties) -> Properties:
    del given
    there = account.client("s3").get_bucket_notification_configuration(Bucket=resource_id)
    rules = {
        ours: [_from_api(rule, target, api_target) for rule in there.get(theirs, ())]
        for ours, theirs, target, api_target in _KINDS
    }
    eventbridge = "EventBridgeConfiguration" in there
    return {"bucket": resource_id, **rules, "eventbridge": eventbridge, "region": account.region}


def _delete(account: Account, resource_id: str, outputs: Properties) -> None:
    del outputs
    _put(account, resource_id, {})


def _put(account: Account, bucket: str, configuration: dict[str, Any]) -> None:
    account.client("s3").put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration)


def _to_api(rule: Properties, arn: str | None, api_target: str) -> dict[str, Any]:
    filters = [{"Name": word, "Value": rule[name]} for name, word in _FILTERS.items() if rule.get(name)]
    named = {"Id": rule["id"]} if rule.get("id") else {}
    filtered = {"Filter": {"Key": {"FilterRules": filters}}} if filters else {}
    return {api_target: arn, "Events": rule["events"], **named, **filtered}


def _from_api(rule: dict[str, Any], target: str, api_target: str) -> Properties:
    filters = (
        {each["Name"].lower(): each["Value"] for each in rule.get("Filter", {}).get("Key", {})["FilterRules"]}
        if ("Filter" in rule)
        else {}
    )
    named = {name: filters[word] for name, word in _FILTERS.items() if word in filters}
    return {target: rule[api_target], "events": rule["Events"], "id": rule.get("Id"), **named}


BUCKET_NOTIFICATION = Description(
    token="aws:s3/bucketNotification:BucketNotification",  # noqa: S106 - a type token of Pulumi's
    source="internal/service/s3/bucket_notification.go",
    served=("bucket", "eventbridge", *(kind[0] for kind in _KINDS)),
    required=("bucket",),
    replacing=("bucket",),
    filled_in=tuple(f"{kind[0]}.id" for kind in _KINDS),
    defaults={"eventbridge": False},
    unordered=tuple(f"{kind[0]}.events" for kind in _KINDS),
    gone=("NoSuchBucket",),
    create=_create,
    read=_read,
    update=by_putting(_create),
    delete=_delete,
)

DESCRIPTIONS = (BUCKET_NOTIFICATION,)
