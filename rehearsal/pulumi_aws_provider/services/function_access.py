"""aws:lambda: Alias, Permission and FunctionEventInvokeConfig, which belong to one function.

Ids: an alias's ARN, a permission's statement id, FUNCTION or FUNCTION:QUALIFIER. Putting an event invoke
configuration that is there overwrites it, as in AWS and in the real provider.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from rehearsal.pulumi_aws_provider.description import Description, by_putting
from rehearsal.pulumi_aws_provider.shapes import from_api, to_api

if TYPE_CHECKING:
    from rehearsal.pulumi_aws_provider.account import Account
    from rehearsal.pulumi_aws_provider.resources import Properties

_FUNCTION_ARN = re.compile(r"(?P<arn>arn:[^:]+:lambda:[^:]*:[^:]*:function:(?P<name>[^:]+))(:(?P<qualifier>[^:]+))?")
_ALIAS_NAMES = {"arn": "AliasArn"}


def function_name(given: str) -> str:
    """The name of a function that is given by name or ARN."""
    found = _FUNCTION_ARN.fullmatch(given)
    return found["name"] if found else given


def _create_alias(account: Account, inputs: Properties) -> str:
    client = account.client("lambda")
    return str(client.create_alias(**to_api(client, "CreateAlias", inputs))["AliasArn"])


def _read_alias(account: Account, resource_id: str, given: Properties) -> Properties:
    del given
    client = account.client("lambda")
    answer = client.get_alias(**_alias_key(resource_id))
    found = from_api(client, "GetAlias", answer, renamed=_ALIAS_NAMES)
    found.pop("revisionId", None)
    uri = f"arn:aws:apigateway:{account.region}:lambda:path/2015-03-31/functions/{resource_id}/invocations"
    return {**found, "functionName": function_name(resource_id), "invokeArn": uri, "region": account.region}


def _update_alias(account: Account, resource_id: str, old: Properties, new: Properties) -> None:
    client = account.client("lambda")
    emptied: Properties = {"description": "", "routingConfig": {"additionalVersionWeights": {}}}
    gone = {name: value for name, value in emptied.items() if old.get(name) and not new.get(name)}
    request = to_api(client, "UpdateAlias", {**new, **gone})
    client.update_alias(**{**request, **_alias_key(resource_id)})


def _delete_alias(account: Account, resource_id: str, outputs: Properties) -> None:
    del outputs
    account.client("lambda").delete_alias(**_alias_key(resource_id))


def _alias_key(arn: str) -> dict[str, str]:
    function, _, alias = arn.rpartition(":")
    return {"FunctionName": function.rpartition(":")[2], "Name": alias}


def _add_permission(account: Account, inputs: Properties) -> str:
    client = account.client("lambda")
    client.add_permission(**to_api(client, "AddPermission", inputs, renamed={"function": "FunctionName"}))
    return str(inputs["statementId"])


def _read_permission(account: Account, resource_id: str, given: Properties) -> Properties | None:
    qualifier = {"Qualifier": given["qualifier"]} if given.get("qualifier") else {}
    answer = account.client("lambda").get_policy(FunctionName=given["function"], **qualifier)
    statements = json.loads(answer["Policy"])["Statement"]
    statement = next((each for each in statements if each.get("Sid") == resource_id), None)
    if statement is None:
        return None
    place = _FUNCTION_ARN.fullmatch(statement["Resource"])
    part = "arn" if given["function"].startswith("arn:") else "name"
    condition = statement.get("Condition") or {}
    equals = condition.get("StringEquals") or {}
    return {
        "action": statement["Action"],
        "eventSourceToken": equals.get("lambda:EventSourceToken"),
        "function": place[part] if place else statement["Resource"],
        "functionUrlAuthType": equals.get("lambda:FunctionUrlAuthType"),
        "principal": _principal(statement["Principal"]),
        "principalOrgId": equals.get("aws:PrincipalOrgID"),
        "qualifier": place["qualifier"] if place else None,
        "region": account.region,
        "sourceAccount": equals.get("AWS:SourceAccount"),
        "sourceArn": (condition.get("ArnLike") or {}).get("AWS:SourceArn"),
        "statementId": statement["Sid"],
    }


def _principal(principal: Any) -> str:  # noqa: ANN401 - a policy says it in two ways
    return str(principal.get("AWS") or principal.get("Service")) if isinstance(principal, dict) else str(principal)


def _remove_permission(account: Account, resource_id: str, outputs: Properties) -> None:
    qualifier = {"Qualifier": outputs["qualifier"]} if outputs.get("qualifier") else {}
    account.client("lambda").remove_permission(FunctionName=outputs["function"], StatementId=resource_id, **qualifier)


def _put_invoke_config(account: Account, inputs: Properties) -> str:
    client = account.client("lambda")
    wanted = EVENT_INVOKE_CONFIG.with_defaults(inputs)
    client.put_function_event_invoke_config(**to_api(client, "PutFunctionEventInvokeConfig", wanted))
    qualifier = inputs.get("qualifier")
    return f"{inputs['functionName']}:{qualifier}" if qualifier else str(inputs["functionName"])


def _read_invoke_config(account: Account, resource_id: str, given: Properties) -> Properties:
    del given
    client = account.client("lambda")
    answer = client.get_function_event_invoke_config(**_invoke_key(resource_id))
    found = from_api(client, "GetFunctionEventInvokeConfig", answer)
    key = _invoke_key(resource_id)
    shown = ("destinationConfig", "maximumEventAgeInSeconds", "maximumRetryAttempts")
    return {
        **{name: found[name] for name in shown if name in found},
        "functionName": key["FunctionName"],
        "qualifier": key.get("Qualifier"),
        "region": account.region,
    }


def _delete_invoke_config(account: Account, resource_id: str, outputs: Properties) -> None:
    del outputs
    account.client("lambda").delete_function_event_invoke_config(**_invoke_key(resource_id))


def _invoke_key(resource_id: str) -> dict[str, str]:
    found = _FUNCTION_ARN.fullmatch(resource_id)
    if found is not None:
        name, qualifier = found["arn"], found["qualifier"]
    else:
        name, _, qualifier = resource_id.partition(":")
    return {"FunctionName": name, "Qualifier": qualifier} if qualifier else {"FunctionName": name}


ALIAS = Description(
    token="aws:lambda/alias:Alias",  # noqa: S106 - a type token of Pulumi's
    source="internal/service/lambda/alias.go",
    served=("name", "functionName", "functionVersion", "description", "routingConfig"),
    required=("name", "functionName", "functionVersion"),
    replacing=("name", "functionName"),
    computed=("arn", "invokeArn"),
    alike={"functionName": function_name},
    create=_create_alias,
    read=_read_alias,
    update=_update_alias,
    delete=_delete_alias,
)

_PERMISSION_INPUTS = (
    "action",
    "eventSourceToken",
    "function",
    "functionUrlAuthType",
    "principal",
    "principalOrgId",
    "qualifier",
    "sourceAccount",
    "sourceArn",
    "statementId",
)

PERMISSION = Description(
    token="aws:lambda/permission:Permission",  # noqa: S106 - as above
    source="internal/service/lambda/permission.go",
    served=_PERMISSION_INPUTS,
    required=("action", "function", "principal", "statementId"),
    replacing=_PERMISSION_INPUTS,
    create=_add_permission,
    read=_read_permission,
    delete=_remove_permission,
)

EVENT_INVOKE_CONFIG = Description(
    token="aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",  # noqa: S106 - as above
    source="internal/service/lambda/function_event_invoke_config.go",
    served=(
        "functionName",
        "qualifier",
        "destinationConfig",
        "maximumEventAgeInSeconds",
        "maximumRetryAttempts",
    ),
    required=("functionName",),
    replacing=("functionName", "qualifier"),
    # The age has no default there, but ministack tells the six hours that AWS means by none.
    defaults={"maximumEventAgeInSeconds": 21_600, "maximumRetryAttempts": 2},
    create=_put_invoke_config,
    read=_read_invoke_config,
    update=by_putting(_put_invoke_config),
    delete=_delete_invoke_config,
)

DESCRIPTIONS = (ALIAS, PERMISSION, EVENT_INVOKE_CONFIG)
