"""Secrets of AWS Secrets Manager, as text."""

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from keyspaces_migration.entrypoints.secret_model import SecretError
from keyspaces_migration.errors import MigrationError


class SecretUnreadError(MigrationError):
    """Secrets Manager did not hand out a secret: a right, a name, or a failure that may pass."""


def secret_text(name: str, *, region: str | None = None) -> str:
    """Return what a secret holds; `region` is that of the process's own configuration, if none is given.

    Raises:
        SecretUnreadError: It could not be read.
        SecretError: It is binary.
    """
    try:
        answer = boto3.client("secretsmanager", region_name=region).get_secret_value(SecretId=name)
    except (BotoCoreError, ClientError) as error:
        raise SecretUnreadError(f"Secret {name} could not be read from Secrets Manager ({error})") from error
    if "SecretString" not in answer:
        raise SecretError(f"Secret {name} can't be used: it is binary; allowed: a JSON object as text")
    return str(answer["SecretString"])
