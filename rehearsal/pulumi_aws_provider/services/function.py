"""aws:lambda/function:Function; its id is its name.

As in the real provider, a refresh does not look into the code: what finds a change of it by hand is `codeSha256`,
where the program gives it. Code signing is not served.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.pulumi_aws_provider.archives import read_zip
from rehearsal.pulumi_aws_provider.comparison import comparable
from rehearsal.pulumi_aws_provider.description import Description
from rehearsal.pulumi_aws_provider.managed import made
from rehearsal.pulumi_aws_provider.resources import Failure
from rehearsal.pulumi_aws_provider.shapes import from_api, to_api
from rehearsal.pulumi_aws_provider.tagging import Tagging

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rehearsal.pulumi_aws_provider.account import Account
    from rehearsal.pulumi_aws_provider.resources import Properties

READY_TIMEOUT_S = 600.0
_NAMES = {"name": "FunctionName", "commands": "Command", "entryPoints": "EntryPoint"}
_PLACES = ("code", "imageUri", "s3Bucket")
_CODE = (*_PLACES, "s3Key", "s3ObjectVersion", "architectures", "sourceCodeHash", "codeSha256")
_SETTINGS = (
    "deadLetterConfig",
    "description",
    "environment",
    "ephemeralStorage",
    "handler",
    "imageConfig",
    "kmsKeyArn",
    "layers",
    "loggingConfig",
    "memorySize",
    "role",
    "runtime",
    "timeout",
    "tracingConfig",
    "vpcConfig",
)
# What UpdateFunctionConfiguration takes for nothing; what it is not told stays as it was.
_EMPTIED: Properties = {
    "deadLetterConfig": {"targetArn": ""},
    "description": "",
    "environment": {"variables": {}},
    "imageConfig": {},
    "kmsKeyArn": "",
    "layers": [],
    "vpcConfig": {"subnetIds": [], "securityGroupIds": []},
}
_UNLIMITED = -1


def _failures(inputs: Properties) -> Iterator[Failure]:
    places = [name for name in _PLACES if inputs.get(name)]
    if len(places) != 1:
        yield Failure(path="code", reason=f"exactly one of {', '.join(_PLACES)} must be given")
    if inputs.get("packageType") != "Image":
        for name in ("handler", "runtime"):
            if not inputs.get(name):
                yield Failure(path=name, reason="needed for a function of a zip file")


def _create(account: Account, inputs: Properties) -> str:
    client, wanted = account.client("lambda"), FUNCTION.with_defaults(inputs)
    names = ("name", "packageType", "architectures", "publish", *_SETTINGS)
    plain = {name: wanted[name] for name in names if wanted.get(name) is not None}
    request = to_api(client, "CreateFunction", plain, renamed=_NAMES)
    client.create_function(**request, Code=_code(inputs), **TAGGING.for_create(inputs))
    name = str(inputs["name"])
    with made(name):
        _wait_until_ready(account, name)
        _limit(account, name, wanted)
    return name


def _read(account: Account, resource_id: str, given: Properties) -> Properties:
    client = account.client("lambda")
    answer = client.get_function(FunctionName=resource_id)
    configuration = answer["Configuration"]
    found = from_api(client, "GetFunction", configuration, renamed=_NAMES, within="Configuration")
    versions = client.get_paginator("list_versions_by_function").paginate(FunctionName=resource_id)
    latest = [version for page in versions for version in page["Versions"]][-1]
    arn, qualified = configuration["FunctionArn"], latest["FunctionArn"]
    concurrency = answer.get("Concurrency") or {}
    vpc = found.get("vpcConfig") or {}
    return {
        **{name: found[name] for name in ("name", "packageType", "architectures", *_SETTINGS) if name in found},
        "arn": arn,
        "codeSha256": configuration.get("CodeSha256"),
        "imageConfig": (found.get("imageConfigResponse") or {}).get("imageConfig"),
        "imageUri": answer.get("Code", {}).get("ImageUri") or given.get("imageUri"),
        "invokeArn": _invoke_arn(account, arn),
        "lastModified": configuration["LastModified"],
        "layers": [layer["Arn"] for layer in configuration.get("Layers") or ()],
        "qualifiedArn": qualified,
        "qualifiedInvokeArn": _invoke_arn(account, qualified),
        "region": account.region,
        "reservedConcurrentExecutions": concurrency.get("ReservedConcurrentExecutions", _UNLIMITED),
        "sourceCodeSize": configuration.get("CodeSize"),
        "version": latest["Version"],
        "vpcConfig": vpc if vpc.get("subnetIds") else None,
    }


def _update(account: Account, resource_id: str, old: Properties, new: Properties) -> None:
    client, wanted = account.client("lambda"), FUNCTION.with_defaults(new)
    plain = {name: wanted[name] for name in _SETTINGS if wanted.get(name) is not None}
    emptied = {name: value for name, value in _EMPTIED.items() if old.get(name) and not new.get(name)}
    request = to_api(client, "UpdateFunctionConfiguration", {**plain, **emptied}, renamed=_NAMES)
    client.update_function_configuration(FunctionName=resource_id, **request)
    _wait_until_ready(account, resource_id)
    if _differ(old, new, _CODE):
        architectures = {"Architectures": new["architectures"]} if new.get("architectures") else {}
        client.update_function_code(FunctionName=resource_id, **_code(new), **architectures)
        _wait_until_ready(account, resource_id)
    _limit(account, resource_id, wanted)
    if wanted["publish"] and _differ(old, new, (*_CODE, *_SETTINGS, "publish")):
        client.publish_version(FunctionName=resource_id)


def _delete(account: Account, resource_id: str, outputs: Properties) -> None:
    del outputs
    account.client("lambda").delete_function(FunctionName=resource_id)


def _unsettled(old: Properties, new: Properties) -> Iterable[str]:
    # updateComputedAttributesOnPublish: what is only known once a version is published.
    if not _differ(old, new, (*_CODE, *_SETTINGS, "publish")):
        return ()
    published = ("qualifiedArn", "qualifiedInvokeArn", "version") if new.get("publish") else ()
    by_code = ("codeSha256", "sourceCodeSize") if _differ(old, new, _CODE) else ()
    return ("lastModified", *published, *(name for name in by_code if name not in new))


def _differ(old: Properties, new: Properties, names: Iterable[str]) -> bool:
    before, after = comparable(FUNCTION, old), comparable(FUNCTION, new)
    return any(before.get(name) != after.get(name) for name in names if name in after or name not in FUNCTION.filled_in)


def _code(inputs: Properties) -> dict[str, Any]:
    if inputs.get("code"):
        return {"ZipFile": read_zip(inputs["code"])}
    if inputs.get("imageUri"):
        return {"ImageUri": inputs["imageUri"]}
    place = {"S3Bucket": inputs["s3Bucket"], "S3Key": inputs["s3Key"]}
    version = inputs.get("s3ObjectVersion")
    return {**place, "S3ObjectVersion": version} if version else place


def _limit(account: Account, name: str, wanted: Properties) -> None:
    client, limit = account.client("lambda"), wanted["reservedConcurrentExecutions"]
    if limit == _UNLIMITED:
        client.delete_function_concurrency(FunctionName=name)
    else:
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=limit)


def _wait_until_ready(account: Account, name: str) -> None:
    def ready() -> bool:
        there = account.client("lambda").get_function_configuration(FunctionName=name)
        return bool(there.get("State") != "Pending" and there.get("LastUpdateStatus") != "InProgress")

    account.wait_until(ready, what=f"function {name} to be ready", timeout_s=READY_TIMEOUT_S)


def _invoke_arn(account: Account, arn: str) -> str:
    return f"arn:aws:apigateway:{account.region}:lambda:path/2015-03-31/functions/{arn}/invocations"


TAGGING = Tagging(
    service="lambda",
    of="arn",
    parameter="Resource",
    list_with="list_tags",
    tag_with="tag_resource",
    untag_with="untag_resource",
)

FUNCTION = Description(
    token="aws:lambda/function:Function",  # noqa: S106 - a type token of Pulumi's
    source="internal/service/lambda/function.go",
    served=("name", "packageType", "publish", "reservedConcurrentExecutions", *_CODE, *_SETTINGS),
    required=("name", "role"),
    replacing=("name", "packageType"),
    computed=(
        "arn",
        "invokeArn",
        "lastModified",
        "qualifiedArn",
        "qualifiedInvokeArn",
        "sourceCodeSize",
        "version",
    ),
    filled_in=(
        "architectures",
        "codeSha256",
        "ephemeralStorage",
        "loggingConfig",
        "loggingConfig.applicationLogLevel",
        "loggingConfig.logGroup",
        "loggingConfig.systemLogLevel",
        "sourceCodeHash",
        "tracingConfig",
        "vpcConfig.vpcId",
    ),
    defaults={
        "memorySize": 128,
        "packageType": "Zip",
        "publish": False,
        "reservedConcurrentExecutions": _UNLIMITED,
        "timeout": 3,
        "vpcConfig.ipv6AllowedForDualStack": False,
    },
    unordered=("vpcConfig.securityGroupIds", "vpcConfig.subnetIds"),
    remembered=("code", "publish", "s3Bucket", "s3Key", "s3ObjectVersion", "sourceCodeHash"),
    tagging=TAGGING,
    failures=_failures,
    unsettled=_unsettled,
    create=_create,
    read=_read,
    update=_update,
    delete=_delete,
)

DESCRIPTIONS = (FUNCTION,)
