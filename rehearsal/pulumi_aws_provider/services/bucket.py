"""aws:s3/bucket:Bucket, and what is said of a bucket apart from it. The id of each is the bucket's name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from rehearsal.pulumi_aws_provider.account import is_error
from rehearsal.pulumi_aws_provider.description import Description, by_putting
from rehearsal.pulumi_aws_provider.managed import made
from rehearsal.pulumi_aws_provider.resources import AlreadyThereError
from rehearsal.pulumi_aws_provider.shapes import from_api, to_api
from rehearsal.pulumi_aws_provider.tagging import Tagging, all_tags

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.pulumi_aws_provider.account import Account
    from rehearsal.pulumi_aws_provider.resources import Properties

_REGION_WITHOUT_NAME = "us-east-1"
_GONE = "NoSuchBucket"
_KEY = {"kmsMasterKeyId": "KMSMasterKeyID"}
_FLAGS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


class _BucketTagging(Tagging):
    """S3 takes all tags of a bucket at once, and a bucket without tags has no set of them."""

    def read(self, account: Account, outputs: Properties) -> dict[str, str]:
        """The tags of a bucket."""
        try:
            answer = account.client("s3").get_bucket_tagging(Bucket=outputs[self.of])
        except ClientError as error:
            if is_error(error, "NoSuchTagSet"):
                return {}
            raise
        return self._from_api(answer["TagSet"])

    def bring_to(self, account: Account, outputs: Properties, tags: Mapping[str, str]) -> None:
        """Change a bucket's tags into these."""
        client, bucket = account.client("s3"), outputs[self.of]
        if tags:
            client.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": self._to_api(tags)})
        else:
            client.delete_bucket_tagging(Bucket=bucket)


def _create(account: Account, inputs: Properties) -> str:
    client, name = account.client("s3"), str(inputs["bucket"])
    # There S3 says nothing where the bucket is one's own already; the real provider looks first, too.
    if account.region == _REGION_WITHOUT_NAME and _is_there(client, name):
        raise AlreadyThereError(f"BucketAlreadyExists: {name}")
    elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": account.region}}
    client.create_bucket(Bucket=name, **({} if account.region == _REGION_WITHOUT_NAME else elsewhere))
    if tags := all_tags(inputs):
        with made(name):
            _TAGGING.bring_to(account, inputs, tags)
    return name


def _is_there(client: Any, name: str) -> bool:  # noqa: ANN401 - boto3 makes its clients' classes at run time
    try:
        client.head_bucket(Bucket=name)
    except ClientError as error:
        if is_error(error, "404", _GONE):
            return False
        raise
    return True


def _read(account: Account, resource_id: str, given: Properties) -> Properties:
    del given
    # HeadBucket has no error of a name.
    account.client("s3").get_bucket_location(Bucket=resource_id)
    return {"bucket": resource_id, "arn": f"arn:aws:s3:::{resource_id}", "region": account.region}


def _delete(account: Account, resource_id: str, outputs: Properties) -> None:
    client = account.client("s3")
    if outputs.get("forceDestroy"):
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=resource_id):
            for each in page.get("Contents", ()):
                client.delete_object(Bucket=resource_id, Key=each["Key"])
    client.delete_bucket(Bucket=resource_id)


def _put_block(account: Account, inputs: Properties) -> str:
    client, wanted = account.client("s3"), PUBLIC_ACCESS_BLOCK.with_defaults(inputs)
    flags = {name: wanted[name] for name in _FLAGS}
    request = to_api(client, "PutPublicAccessBlock", {"publicAccessBlockConfiguration": flags})
    client.put_public_access_block(Bucket=inputs["bucket"], **request)
    return str(inputs["bucket"])


def _read_block(account: Account, resource_id: str, given: Properties) -> Properties:
    del given
    client = account.client("s3")
    answer = client.get_public_access_block(Bucket=resource_id)
    found = from_api(client, "GetPublicAccessBlock", answer)["publicAccessBlockConfiguration"]
    return {"bucket": resource_id, "region": account.region, **found}


def _put_encryption(account: Account, inputs: Properties) -> str:
    client = account.client("s3")
    rules = {"serverSideEncryptionConfiguration": {"rules": inputs["rules"]}}
    client.put_bucket_encryption(Bucket=inputs["bucket"], **to_api(client, "PutBucketEncryption", rules, renamed=_KEY))
    return str(inputs["bucket"])


def _read_encryption(account: Account, resource_id: str, given: Properties) -> Properties:
    del given
    client = account.client("s3")
    answer = from_api(client, "GetBucketEncryption", client.get_bucket_encryption(Bucket=resource_id), renamed=_KEY)
    return {
        "bucket": resource_id,
        "region": account.region,
        "rules": answer["serverSideEncryptionConfiguration"]["rules"],
    }


def _put_lifecycle(account: Account, inputs: Properties) -> str:
    client = account.client("s3")
    request = to_api(client, "PutBucketLifecycleConfiguration", {"lifecycleConfiguration": {"rules": inputs["rules"]}})
    client.put_bucket_lifecycle_configuration(Bucket=inputs["bucket"], **request)
    return str(inputs["bucket"])


def _read_lifecycle(account: Account, resource_id: str, given: Properties) -> Properties:
    del given
    client = account.client("s3")
    answer = client.get_bucket_lifecycle_configuration(Bucket=resource_id)
    found = from_api(client, "GetBucketLifecycleConfiguration", answer)
    return {"bucket": resource_id, "region": account.region, "rules": found["rules"]}


def _put_policy(account: Account, inputs: Properties) -> str:
    account.client("s3").put_bucket_policy(Bucket=inputs["bucket"], Policy=inputs["policy"])
    return str(inputs["bucket"])


def _read_policy(account: Account, resource_id: str, given: Properties) -> Properties:
    del given
    policy = account.client("s3").get_bucket_policy(Bucket=resource_id)["Policy"]
    return {"bucket": resource_id, "region": account.region, "policy": policy}


def _remove(operation: str, account: Account, resource_id: str, outputs: Properties) -> None:
    del outputs
    getattr(account.client("s3"), operation)(Bucket=resource_id)


_TAGGING = _BucketTagging(
    service="s3",
    of="bucket",
    parameter="Bucket",
    list_with="get_bucket_tagging",
    tag_with="put_bucket_tagging",
    untag_with="delete_bucket_tagging",
    pair=("Key", "Value"),
)

BUCKET = Description(
    token="aws:s3/bucket:Bucket",  # noqa: S106 - a type token of Pulumi's
    source="internal/service/s3/bucket.go",
    served=("bucket", "forceDestroy"),
    required=("bucket",),
    replacing=("bucket",),
    computed=("arn",),
    defaults={"forceDestroy": False},
    remembered=("forceDestroy",),
    gone=(_GONE,),
    tagging=_TAGGING,
    create=_create,
    read=_read,
    delete=_delete,
)

PUBLIC_ACCESS_BLOCK = Description(
    token="aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",  # noqa: S106 - as above
    source="internal/service/s3/bucket_public_access_block.go",
    served=("bucket", *_FLAGS),
    required=("bucket",),
    replacing=("bucket",),
    defaults=dict.fromkeys(_FLAGS, False),
    gone=(_GONE, "NoSuchPublicAccessBlockConfiguration"),
    create=_put_block,
    read=_read_block,
    update=by_putting(_put_block),
    delete=partial(_remove, "delete_public_access_block"),
)

ENCRYPTION = Description(
    token="aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",  # noqa: S106
    source="internal/service/s3/bucket_server_side_encryption_configuration.go",
    served=("bucket", "rules"),
    required=("bucket", "rules"),
    replacing=("bucket",),
    defaults={"rules.bucketKeyEnabled": False},
    gone=(_GONE, "ServerSideEncryptionConfigurationNotFoundError"),
    create=_put_encryption,
    read=_read_encryption,
    update=by_putting(_put_encryption),
    delete=partial(_remove, "delete_bucket_encryption"),
)

LIFECYCLE = Description(
    token="aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",  # noqa: S106 - as above
    source="internal/service/s3/bucket_lifecycle_configuration.go",
    served=("bucket", "rules"),
    required=("bucket", "rules"),
    replacing=("bucket",),
    gone=(_GONE, "NoSuchLifecycleConfiguration"),
    create=_put_lifecycle,
    read=_read_lifecycle,
    update=by_putting(_put_lifecycle),
    delete=partial(_remove, "delete_bucket_lifecycle"),
)

BUCKET_POLICY = Description(
    token="aws:s3/bucketPolicy:BucketPolicy",  # noqa: S106 - as above
    source="internal/service/s3/bucket_policy.go",
    served=("bucket", "policy"),
    required=("bucket", "policy"),
    replacing=("bucket",),
    documents=("policy",),
    gone=(_GONE, "NoSuchBucketPolicy"),
    create=_put_policy,
    read=_read_policy,
    update=by_putting(_put_policy),
    delete=partial(_remove, "delete_bucket_policy"),
)

DESCRIPTIONS = (BUCKET, PUBLIC_ACCESS_BLOCK, ENCRYPTION, LIFECYCLE, BUCKET_POLICY)
