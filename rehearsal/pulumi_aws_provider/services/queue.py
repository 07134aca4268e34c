"""aws:sqs/queue:Queue and QueuePolicy. A queue's id is its address, and so is the id of its policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.pulumi_aws_provider.description import Description, by_putting
from rehearsal.pulumi_aws_provider.tagging import Tagging

if TYPE_CHECKING:
    from rehearsal.pulumi_aws_provider.account import Account
    from rehearsal.pulumi_aws_provider.resources import Properties

_ATTRIBUTES = {
    "contentBasedDeduplication": "ContentBasedDeduplication",
    "deduplicationScope": "DeduplicationScope",
    "delaySeconds": "DelaySeconds",
    "fifoQueue": "FifoQueue",
    "fifoThroughputLimit": "FifoThroughputLimit",
    "kmsDataKeyReusePeriodSeconds": "KmsDataKeyReusePeriodSeconds",
    "kmsMasterKeyId": "KmsMasterKeyId",
    "maxMessageSize": "MaximumMessageSize",
    "messageRetentionSeconds": "MessageRetentionPeriod",
    "policy": "Policy",
    "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "redriveAllowPolicy": "RedriveAllowPolicy",
    "redrivePolicy": "RedrivePolicy",
    "sqsManagedSseEnabled": "SqsManagedSseEnabled",
    "visibilityTimeoutSeconds": "VisibilityTimeout",
}
_FIFO_ONLY = ("contentBasedDeduplication", "fifoQueue")
_FLAGS = (*_FIFO_ONLY, "sqsManagedSseEnabled")
_NUMBERS = (
    "delaySeconds",
    "kmsDataKeyReusePeriodSeconds",
    "maxMessageSize",
    "messageRetentionSeconds",
    "receiveWaitTimeSeconds",
    "visibilityTimeoutSeconds",
)
# With the JSON protocol, with and without the compatibility mode of SQS's older errors.
_GONE = ("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist")


def _create(account: Account, inputs: Properties) -> str:
    attributes = _to_api(QUEUE.with_defaults(inputs))
    request = {"QueueName": inputs["name"], "Attributes": attributes, **_TAGGING.for_create(inputs)}
    return str(account.client("sqs").create_queue(**request)["QueueUrl"])


def _read(account: Account, resource_id: str, given: Properties) -> Properties:
    del given
    attributes = _attributes(account, resource_id)
    found = {name: _from_api(name, attributes[key]) for name, key in _ATTRIBUTES.items() if key in attributes}
    name = resource_id.rpartition("/")[2]
    return {**found, "name": name, "arn": attributes["QueueArn"], "url": resource_id, "region": account.region}


def _update(account: Account, resource_id: str, old: Properties, new: Properties) -> None:
    # An empty value is how SQS takes one away.
    removed = {key: "" for name, key in _ATTRIBUTES.items() if name in old and name not in QUEUE.filled_in}
    wanted = {**removed, **_to_api(QUEUE.with_defaults(new))}
    wanted.pop("FifoQueue", None)
    account.client("sqs").set_queue_attributes(QueueUrl=resource_id, Attributes=wanted)


def _delete(account: Account, resource_id: str, outputs: Properties) -> None:
    del outputs
    account.client("sqs").delete_queue(QueueUrl=resource_id)


def _attributes(account: Account, url: str) -> dict[str, str]:
    answer = account.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    attributes: dict[str, str] = answer["Attributes"]
    return attributes


def _to_api(inputs: Properties) -> dict[str, str]:
    given = {name: inputs[name] for name in _ATTRIBUTES if inputs.get(name) not in (None, "")}
    # SQS refuses the attributes of FIFO queues on others, false too.
    given = {name: value for name, value in given.items() if value or name not in _FIFO_ONLY}
    return {_ATTRIBUTES[name]: str(value).lower() if name in _FLAGS else str(value) for name, value in given.items()}


def _from_api(name: str, value: str) -> Any:  # noqa: ANN401 - a flag, a number or a text
    if name in _FLAGS:
        return value == "true"
    return int(value) if name in _NUMBERS else value


def _put_policy(account: Account, inputs: Properties) -> str:
    account.client("sqs").set_queue_attributes(QueueUrl=inputs["queueUrl"], Attributes={"Policy": inputs["policy"]})
    return str(inputs["queueUrl"])


def _read_policy(account: Account, resource_id: str, given: Properties) -> Properties | None:
    del given
    policy = _attributes(account, resource_id).get("Policy")
    return {"queueUrl": resource_id, "policy": policy, "region": account.region} if policy else None


def _delete_policy(account: Account, resource_id: str, outputs: Properties) -> None:
    del outputs
    account.client("sqs").set_queue_attributes(QueueUrl=resource_id, Attributes={"Policy": ""})


_TAGGING = Tagging(
    service="sqs",
    of="url",
    parameter="QueueUrl",
    list_with="list_queue_tags",
    tag_with="tag_queue",
    untag_with="untag_queue",
    on_create="tags",
)

QUEUE = Description(
    token="aws:sqs/queue:Queue",  # noqa: S106 - a type token of Pulumi's
    source="internal/service/sqs/queue.go",
    served=("name", *_ATTRIBUTES),
    required=("name",),
    replacing=("name", "fifoQueue"),
    computed=("arn", "url"),
    filled_in=(
        "deduplicationScope",
        "fifoThroughputLimit",
        "kmsDataKeyReusePeriodSeconds",
        "policy",
        "redriveAllowPolicy",
        "redrivePolicy",
        "sqsManagedSseEnabled",
    ),
    defaults={
        "contentBasedDeduplication": False,
        "delaySeconds": 0,
        "fifoQueue": False,
        "maxMessageSize": 262_144,
        "messageRetentionSeconds": 345_600,
        "receiveWaitTimeSeconds": 0,
        "visibilityTimeoutSeconds": 30,
    },
    documents=("policy", "redrivePolicy", "redriveAllowPolicy"),
    gone=_GONE,
    tagging=_TAGGING,
    create=_create,
    read=_read,
    update=_update,
    delete=_delete,
)

QUEUE_POLICY = Description(
    token="aws:sqs/queuePolicy:QueuePolicy",  # noqa: S106 - as above
    source="internal/service/sqs/queue_policy.go",
    served=("queueUrl", "policy"),
    required=("queueUrl", "policy"),
    replacing=("queueUrl",),
    documents=("policy",),
    gone=_GONE,
    create=_put_policy,
    read=_read_policy,
    update=by_putting(_put_policy),
    delete=_delete_policy,
)

DESCRIPTIONS = (QUEUE, QUEUE_POLICY)
