"""The two ways that a function's code comes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi_aws as aws

from keyspaces_infra.components.aws_lambda.arguments import LambdaArgs
from keyspaces_infra.components.aws_lambda.function import AwsLambda
from keyspaces_infra.components.checks import at_most
from keyspaces_infra.components.errors import ComponentArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pulumi

_MOST_LAYERS = 5


@dataclass(frozen=True, kw_only=True)
class S3Code:
    """A zip in a bucket.

    Attributes:
        bucket: In the function's Region.
        key: Of the object.
        object_version: Of the object; without it Pulumi doesn't see that the zip has changed.
    """

    bucket: pulumi.Input[str]
    key: pulumi.Input[str]
    object_version: pulumi.Input[str] | None = None


@dataclass(frozen=True, kw_only=True)
class ZipLambdaArgs(LambdaArgs):
    """A function whose code is a zip.

    Attributes:
        code: In a bucket, or an archive of this machine, which is uploaded.
        runtime: Such as `python3.13`.
        handler: Such as `app.handle`.
        layers: ARNs of layer versions, at most 5.

    Raises:
        ComponentArgumentError: AWS would refuse it.
    """

    code: S3Code | pulumi.Archive
    runtime: str
    handler: str
    layers: Sequence[pulumi.Input[str]] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        at_most(self.where("layers"), self.layers, most=_MOST_LAYERS, advice="Merge layers, or use an image.")
        for argument, value in (("runtime", self.runtime), ("handler", self.handler)):
            if not value:
                raise ComponentArgumentError(
                    where=self.where(argument), found=value, allowed="a name", advice="A zip can't run without it."
                )


class ZipLambda(AwsLambda[ZipLambdaArgs]):
    """A function whose code is a zip."""

    type_token = "keyspaces-migration:index:ZipLambda"  # noqa: S105 - Pulumi calls a type's name a token

    def _package(self, args: ZipLambdaArgs) -> Mapping[str, Any]:
        common = {
            "package_type": "Zip",
            "runtime": args.runtime,
            "handler": args.handler,
            "layers": list(args.layers) or None,
        }
        if isinstance(args.code, S3Code):
            code = args.code
            return common | {"s3_bucket": code.bucket, "s3_key": code.key, "s3_object_version": code.object_version}
        return common | {"code": args.code}


@dataclass(frozen=True, kw_only=True)
class ImageLambdaArgs(LambdaArgs):
    """A function whose code is a container image. It takes no layers: they are part of the image.

    Attributes:
        image_uri: In ECR, by digest: a tag that moves is not seen as a change.
        entry_point: Instead of the image's own.
        command: Instead of the image's own.
    """

    image_uri: pulumi.Input[str]
    entry_point: Sequence[str] = ()
    command: Sequence[str] = ()


class ImageLambda(AwsLambda[ImageLambdaArgs]):
    """A function whose code is a container image."""

    type_token = "keyspaces-migration:index:ImageLambda"  # noqa: S105 - Pulumi calls a type's name a token

    def _package(self, args: ImageLambdaArgs) -> Mapping[str, Any]:
        own = bool(args.entry_point or args.command)
        return {
            "package_type": "Image",
            "image_uri": args.image_uri,
            "image_config": aws.lambda_.FunctionImageConfigArgs(
                entry_points=list(args.entry_point) or None, commands=list(args.command) or None
            )
            if own
            else None,
        }
