"""aws:lambda/eventSourceMapping:EventSourceMapping; its id is its UUID. Kafka and DocumentDB are not served."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from rehearsal.pulumi_aws_provider.account import is_error
from rehearsal.pulumi_aws_provider.description import Description
from rehearsal.pulumi_aws_provider.managed import made
from rehearsal.pulumi_aws_provider.services.function import TAGGING
from rehearsal.pulumi_aws_provider.services.function_access import function_name
from rehearsal.pulumi_aws_provider.shapes import from_api, to_api

if TYPE_CHECKING:
    from rehearsal.pulumi_aws_provider.account import Account
    from rehearsal.pulumi_aws_provider.resources import Properties

SETTLED_TIMEOUT_S = 600.0
_NAMES = {"destinationArn": "Destination", "arn": "EventSourceMappingArn"}
_EMPTIED: Properties = {
    "destinationConfig": {"onFailure": {"destinationArn": ""}},
    "filterCriteria": {},
    "functionResponseTypes": [],
    "maximumBatchingWindowInSeconds": 0,
    "scalingConfig": {},
}
_DISABLED = ("Disabled", "Disabling")


def _create(account: Account, inputs: Properties) -> str:
    client, wanted = account.client("lambda"), _untagged(EVENT_SOURCE_MAPPING.with_defaults(inputs))
    request = to_api(client, "CreateEventSourceMapping", wanted, renamed=_NAMES)
    uuid = str(client.create_event_source_mapping(**request, **TAGGING.for_create(inputs))["UUID"])
    with made(uuid):
        _wait_until_settled(account, uuid)
    return uuid


def _read(account: Account, resource_id: str, given: Properties) -> Properties:
    del given
    client = account.client("lambda")
    answer = client.get_event_source_mapping(UUID=resource_id)
    found = from_api(client, "GetEventSourceMapping", answer, renamed=_NAMES)
    return {
        **found,
        "enabled": answer["State"] not in _DISABLED,
        "functionName": function_name(answer["FunctionArn"]),
        "region": account.region,
    }


def _update(account: Account, resource_id: str, old: Properties, new: Properties) -> None:
    client, wanted = account.client("lambda"), _untagged(EVENT_SOURCE_MAPPING.with_defaults(new))
    emptied = {name: value for name, value in _EMPTIED.items() if old.get(name) and not new.get(name)}
    request = to_api(client, "UpdateEventSourceMapping", {**wanted, **emptied}, renamed=_NAMES)
    client.update_event_source_mapping(UUID=resource_id, **request)
    _wait_until_settled(account, resource_id)


def _delete(account: Account, resource_id: str, outputs: Properties) -> None:
    del outputs
    account.client("lambda").delete_event_source_mapping(UUID=resource_id)
    what = f"the end of event source mapping {resource_id}"
    account.wait_until(lambda: _state(account, resource_id) is None, what=what, timeout_s=SETTLED_TIMEOUT_S)


def _untagged(inputs: Properties) -> Properties:
    return {name: value for name, value in inputs.items() if name not in ("tags", "tagsAll")}


def _state(account: Account, uuid: str) -> str | None:
    try:
        return str(account.client("lambda").get_event_source_mapping(UUID=uuid)["State"])
    except ClientError as error:
        if is_error(error, "ResourceNotFoundException"):
            return None
        raise


def _wait_until_settled(account: Account, uuid: str) -> None:
    account.wait_until(
        lambda: _state(account, uuid) in ("Enabled", "Disabled"),
        what=f"event source mapping {uuid} to be enabled or disabled",
        timeout_s=SETTLED_TIMEOUT_S,
    )


EVENT_SOURCE_MAPPING = Description(
    token="aws:lambda/eventSourceMapping:EventSourceMapping",  # noqa: S106 - a type token of Pulumi's
    source="internal/service/lambda/event_source_mapping.go",
    served=(
        "functionName",
        "eventSourceArn",
        "batchSize",
        "bisectBatchOnFunctionError",
        "destinationConfig",
        "enabled",
        "filterCriteria",
        "functionResponseTypes",
        "kmsKeyArn",
        "maximumBatchingWindowInSeconds",
        "maximumRecordAgeInSeconds",
        "maximumRetryAttempts",
        "parallelizationFactor",
        "scalingConfig",
        "startingPosition",
        "startingPositionTimestamp",
        "tumblingWindowInSeconds",
    ),
    required=("functionName", "eventSourceArn"),
    replacing=("eventSourceArn", "startingPosition", "startingPositionTimestamp"),
    computed=(
        "arn",
        "functionArn",
        "lastModified",
        "lastProcessingResult",
        "state",
        "stateTransitionReason",
        "uuid",
    ),
    # The real provider says it of batchSize by its own rule: AWS's default of the source is no difference.
    filled_in=(
        "batchSize",
        "destinationConfig",
        "maximumRecordAgeInSeconds",
        "maximumRetryAttempts",
        "parallelizationFactor",
    ),
    defaults={
        "bisectBatchOnFunctionError": False,
        "enabled": True,
        "maximumBatchingWindowInSeconds": 0,
        "tumblingWindowInSeconds": 0,
    },
    alike={"functionName": function_name},
    unordered=("filterCriteria.filters", "functionResponseTypes"),
    name_is_taken=False,
    tagging=TAGGING,
    create=_create,
    read=_read,
    update=_update,
    delete=_delete,
)

DESCRIPTIONS = (EVENT_SOURCE_MAPPING,)
