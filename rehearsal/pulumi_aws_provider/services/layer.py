"""aws:lambda/layerVersion:LayerVersion; its id is its ARN. A version never changes: everything makes a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rehearsal.pulumi_aws_provider.archives import read_zip
from rehearsal.pulumi_aws_provider.description import Description
from rehearsal.pulumi_aws_provider.resources import Failure
from rehearsal.pulumi_aws_provider.shapes import from_api, to_api

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rehearsal.pulumi_aws_provider.account import Account
    from rehearsal.pulumi_aws_provider.resources import Properties

_PLAIN = ("layerName", "compatibleArchitectures", "compatibleRuntimes", "description", "licenseInfo")
_PLACES = ("code", "s3Bucket")


def _failures(inputs: Properties) -> Iterator[Failure]:
    if sum(bool(inputs.get(name)) for name in _PLACES) != 1:
        yield Failure(path="code", reason=f"exactly one of {', '.join(_PLACES)} must be given")


def _create(account: Account, inputs: Properties) -> str:
    client = account.client("lambda")
    plain = {name: inputs[name] for name in _PLAIN if inputs.get(name)}
    request = to_api(client, "PublishLayerVersion", plain)
    return str(client.publish_layer_version(**request, Content=_content(inputs))["LayerVersionArn"])


def _read(account: Account, resource_id: str, given: Properties) -> Properties:
    del given
    client, key = account.client("lambda"), _key(resource_id)
    answer = client.get_layer_version(**key)
    found = from_api(client, "GetLayerVersion", answer)
    content = answer.get("Content") or {}
    return {
        **{name: found[name] for name in _PLAIN if name in found},
        "arn": resource_id,
        "codeSha256": content.get("CodeSha256"),
        "createdDate": answer.get("CreatedDate"),
        "layerArn": answer["LayerArn"],
        "layerName": key["LayerName"],
        "region": account.region,
        "sourceCodeSize": content.get("CodeSize"),
        "version": str(key["VersionNumber"]),
    }


def _delete(account: Account, resource_id: str, outputs: Properties) -> None:
    del outputs
    account.client("lambda").delete_layer_version(**_key(resource_id))


def _key(arn: str) -> dict[str, Any]:
    layer, _, version = arn.rpartition(":")
    return {"LayerName": layer.rpartition(":")[2], "VersionNumber": int(version)}


def _content(inputs: Properties) -> dict[str, Any]:
    if inputs.get("code"):
        return {"ZipFile": read_zip(inputs["code"])}
    place = {"S3Bucket": inputs["s3Bucket"], "S3Key": inputs["s3Key"]}
    version = inputs.get("s3ObjectVersion")
    return {**place, "S3ObjectVersion": version} if version else place


_INPUTS = (*_PLAIN, *_PLACES, "s3Key", "s3ObjectVersion", "sourceCodeHash")

LAYER_VERSION = Description(
    token="aws:lambda/layerVersion:LayerVersion",  # noqa: S106 - a type token of Pulumi's
    source="internal/service/lambda/layer_version.go",
    served=_INPUTS,
    required=("layerName",),
    replacing=_INPUTS,
    computed=("arn", "codeSha256", "createdDate", "layerArn", "sourceCodeSize", "version"),
    filled_in=("sourceCodeHash",),
    unordered=("compatibleArchitectures", "compatibleRuntimes"),
    remembered=("code", "s3Bucket", "s3Key", "s3ObjectVersion", "sourceCodeHash"),
    name_is_taken=False,
    failures=_failures,
    create=_create,
    read=_read,
    delete=_delete,
)

DESCRIPTIONS = (LAYER_VERSION,)
