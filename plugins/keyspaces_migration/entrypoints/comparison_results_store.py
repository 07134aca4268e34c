"""Puts what a call saw into S3, under the prefix that is the function's."""

from collections.abc import Mapping

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from keyspaces_migration.config.infrastructure import RESULTS
from keyspaces_migration.errors import MigrationError

_TAKEN = 412


class ResultNotLeftError(MigrationError):
    """What a call saw could not be put into S3: a right, an address, or a failure that may pass."""


def results_address(environment: Mapping[str, str]) -> str:
    """The prefix that results go under, from the function's environment.

    Raises:
        ResultNotLeftError: It is not set.
    """
    address = environment.get(RESULTS, "")
    if not address.startswith("s3://"):
        raise ResultNotLeftError(
            f"{RESULTS} is {address or 'not set'}; allowed: s3://bucket/prefix. Set comparison_lambda.results in the "
            "migration file and run provision"
        )
    return address


def leave(text: str, *, at: str, once: bool) -> bool:
    """Put an object; whether this call did.

    Args:
        text: What it holds.
        at: Its address, `s3://bucket/key`.
        once: Leave what lies there already. Lambda may give an event to the function twice: the first result may have
            been read by then, and what was judged stays where it was found.

    Raises:
        ResultNotLeftError: It could not be put.
    """
    bucket, _, key = at.removeprefix("s3://").partition("/")
    condition = {"IfNoneMatch": "*"} if once else {}
    try:
        boto3.client("s3").put_object(
            Bucket=bucket, Key=key, Body=text.encode(), ContentType="application/json", **condition
        )
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == _TAKEN:
            return False
        raise ResultNotLeftError(f"{at} could not be put ({error})") from error
    except BotoCoreError as error:
        raise ResultNotLeftError(f"{at} could not be put ({error})") from error
    return True
