"""How a call of the AWS API can fail, one class for each decision of a caller."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from botocore.exceptions import BotoCoreError, ClientError

from keyspaces_migration.errors import MigrationError


class AwsRequestError(MigrationError):
    """AWS did not do what was asked."""


class TableMissingError(AwsRequestError):
    """There is no such keyspace or table."""


class AwsAccessRefusedError(AwsRequestError):
    """AWS does not take the credentials, or they don't allow this. Correct the AWS connection or its role."""


class AwsQuotaError(AwsRequestError):
    """A quota of the account is used up. Have it raised in Service Quotas."""


class TableBusyError(AwsRequestError):
    """Another change of the table is under way, or it exists already. It may pass."""


class AwsRequestRefusedError(AwsRequestError):
    """AWS refuses what was asked. Correct it."""


class AwsUnreachableError(AwsRequestError):
    """AWS does not answer, or is too busy to. It may pass."""


class TablesNotActiveError(AwsRequestError):
    """A table is in a state that it does not leave for ACTIVE by itself, or could not be looked at."""


class TableDiffersError(AwsRequestError):
    """The table is there, and not as it was asked for."""


_BY_CODE: Mapping[str, type[AwsRequestError]] = MappingProxyType(
    {
        "ResourceNotFoundException": TableMissingError,
        "ServiceQuotaExceededException": AwsQuotaError,
        "ConflictException": TableBusyError,
        **dict.fromkeys(
            (
                "AccessDeniedException",
                "ExpiredTokenException",
                "IncompleteSignature",
                "InvalidSignatureException",
                "MissingAuthenticationToken",
                "UnrecognizedClientException",
            ),
            AwsAccessRefusedError,
        ),
        **dict.fromkeys(
            ("InternalServerException", "InternalFailure", "ServiceUnavailable", "ThrottlingException"),
            AwsUnreachableError,
        ),
    }
)


@contextmanager
def aws_errors(subject: str) -> Iterator[None]:
    """Call the API, and raise boto3's errors as ours, with boto3's as the cause.

    Args:
        subject: What the call is about, for the message.

    Raises:
        AwsRequestError: One of its subclasses.
    """
    try:
        yield
    except ClientError as error:
        code = error.response["Error"].get("Code", "")
        raise _BY_CODE.get(code, AwsRequestRefusedError)(f"{subject}: {error}") from error
    except BotoCoreError as error:
        raise AwsUnreachableError(f"{subject}: {error}") from error
