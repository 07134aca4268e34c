"""aws:sns/topicSubscription:TopicSubscription; its id is its ARN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.pulumi_aws_provider.comparison import comparable
from rehearsal.pulumi_aws_provider.description import Description

if TYPE_CHECKING:
    from rehearsal.pulumi_aws_provider.account import Account
    from rehearsal.pulumi_aws_provider.resources import Properties

# The scope stands before the policy, as a nested policy is refused under the default scope.
_SETTINGS = {
    "deliveryPolicy": "DeliveryPolicy",
    "filterPolicyScope": "FilterPolicyScope",
    "filterPolicy": "FilterPolicy",
    "rawMessageDelivery": "RawMessageDelivery",
    "redrivePolicy": "RedrivePolicy",
    "subscriptionRoleArn": "SubscriptionRoleArn",
}
_TOLD = {
    **_SETTINGS,
    "arn": "SubscriptionArn",
    "confirmationWasAuthenticated": "ConfirmationWasAuthenticated",
    "endpoint": "Endpoint",
    "ownerId": "Owner",
    "pendingConfirmation": "PendingConfirmation",
    "protocol": "Protocol",
    "topic": "TopicArn",
}
_FLAGS = ("rawMessageDelivery", "confirmationWasAuthenticated", "pendingConfirmation")


def _create(account: Account, inputs: Properties) -> str:
    attributes = {key: _to_api(inputs[name]) for name, key in _SETTINGS.items() if inputs.get(name) not in (None, "")}
    answer = account.client("sns").subscribe(
        TopicArn=inputs["topic"],
        Protocol=inputs["protocol"],
        Endpoint=inputs["endpoint"],
        Attributes=attributes,
        ReturnSubscriptionArn=True,
    )
    return str(answer["SubscriptionArn"])


def _read(account: Account, resource_id: str, given: Properties) -> Properties:
    del given
    attributes = account.client("sns").get_subscription_attributes(SubscriptionArn=resource_id)["Attributes"]
    found: Properties = {name: attributes[key] for name, key in _TOLD.items() if key in attributes}
    return {
        **{name: value == "true" if name in _FLAGS else value for name, value in found.items()},
        "region": account.region,
    }


def _update(account: Account, resource_id: str, old: Properties, new: Properties) -> None:
    before, after = comparable(TOPIC_SUBSCRIPTION, old), comparable(TOPIC_SUBSCRIPTION, new)
    wanted = TOPIC_SUBSCRIPTION.with_defaults(new)
    for name, key in _SETTINGS.items():
        if before.get(name) != after.get(name):
            # "{}" and "" are how SNS takes one away (SetSubscriptionAttributes).
            value = wanted.get(name) or ("{}" if name == "filterPolicy" else "")
            account.client("sns").set_subscription_attributes(
                SubscriptionArn=resource_id, AttributeName=key, AttributeValue=_to_api(value)
            )


def _delete(account: Account, resource_id: str, outputs: Properties) -> None:
    del outputs
    account.client("sns").unsubscribe(SubscriptionArn=resource_id)


def _to_api(value: Any) -> str:  # noqa: ANN401 - a flag or a text
    return str(value).lower() if isinstance(value, bool) else str(value)


TOPIC_SUBSCRIPTION = Description(
    token="aws:sns/topicSubscription:TopicSubscription",  # noqa: S106 - a type token of Pulumi's
    source="internal/service/sns/topic_subscription.go",
    served=("topic", "protocol", "endpoint", *_SETTINGS),
    required=("topic", "protocol", "endpoint"),
    replacing=("topic", "protocol", "endpoint"),
    computed=("arn", "confirmationWasAuthenticated", "ownerId", "pendingConfirmation"),
    filled_in=("filterPolicyScope",),
    defaults={"rawMessageDelivery": False},
    documents=("deliveryPolicy", "filterPolicy", "redrivePolicy"),
    gone=("NotFound", "NotFoundException"),
    create=_create,
    read=_read,
    update=_update,
    delete=_delete,
)

DESCRIPTIONS = (TOPIC_SUBSCRIPTION,)
