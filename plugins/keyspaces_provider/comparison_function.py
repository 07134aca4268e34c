"""The comparison Lambda through Airflow's AWS connection: calls it, and fetches what its calls have left."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from keyspaces_migration.config.infrastructure import ALIAS
from keyspaces_migration.errors import MigrationError
from keyspaces_provider.aws import account_client, require_aws_connection
from keyspaces_provider.triggers.comparison import ObjectTrigger

if TYPE_CHECKING:
    from keyspaces_migration.config import Migration
    from keyspaces_migration.config.infrastructure import ComparisonLambda
    from keyspaces_migration.entrypoints.comparison_calls import Call

LOOK_EVERY = timedelta(seconds=10)


class FunctionNotCalledError(MigrationError):
    """The comparison Lambda could not be called, or what it would leave could not be looked at: nothing was checked."""


class ComparisonFunction:
    """The function of a migration whose check it makes.

    Args:
        migration: The migration; its `comparison_lambda` has a place for results.
    """

    def __init__(self, migration: "Migration") -> None:
        self._migration = migration
        self._clients: dict[str, Any] = {}

    @property
    def settings(self) -> "ComparisonLambda":
        """Its section of the migration file.

        Raises:
            FunctionNotCalledError: There is none, or it has no place for results.
        """
        function = self._migration.comparison_lambda
        if function is None or function.results is None:
            raise FunctionNotCalledError(
                f"The migration {self._migration.name} has no comparison_lambda with results; add it to the file"
            )
        return function

    def require_results(self) -> None:
        """Look at the place of the results once, before anything is called.

        Raises:
            FunctionNotCalledError: AWS does not let this connection look.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        bucket, prefix = self._place()
        try:
            require_aws_connection(self._migration.connections.aws)
            self._client("s3").list_objects_v2(Bucket=bucket, Prefix=f"{prefix}/", MaxKeys=1)
        except (BotoCoreError, ClientError) as error:
            raise FunctionNotCalledError(
                f"The results of the comparison Lambda under s3://{bucket}/{prefix} can't be looked at through the "
                f"connection {self._migration.connections.aws} ({error}). It needs s3:ListBucket on the bucket and "
                "s3:GetObject under the prefix"
            ) from error

    def invoke(self, call: "Call") -> None:
        """Hand a call over; Lambda keeps it until it can be made.

        Raises:
            FunctionNotCalledError: AWS did not take it.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        name = self._migration.comparison_function
        try:
            self._client("lambda").invoke(
                FunctionName=name, Qualifier=ALIAS, InvocationType="Event", Payload=call.payload
            )
        except (BotoCoreError, ClientError) as error:
            raise FunctionNotCalledError(
                f"The comparison Lambda {name}:{ALIAS} could not be called for {call} ({error}). Run provision, which "
                f"makes it; the connection {self._migration.connections.aws} needs lambda:InvokeFunction on it"
            ) from error

    def left(self, call: "Call") -> tuple[bytes | None, bytes | None]:
        """What lies in the place of a call's result, or else in that of why there is none. Errors are boto3's."""
        result = self._fetch(call.event.result)
        return result, None if result is not None else self._fetch(call.event.failure)

    def trigger(self, call: "Call", *, until: datetime, look_every: timedelta) -> ObjectTrigger:
        """What waits for a call."""
        bucket, prefix = self._place()
        keys = [call.event.result] if self.settings.max_retries else [call.event.result, call.event.failure]
        return ObjectTrigger(
            aws_conn_id=self._migration.connections.aws,
            region=self._migration.target.region,
            roles=list(self._migration.target.role_chain),
            bucket=bucket,
            prefix=f"{prefix}/{call.event.result.removesuffix('.json')}",
            keys=[f"{prefix}/{key}" for key in keys],
            until=until.isoformat(),
            look_every_s=look_every.total_seconds(),
        )

    def _fetch(self, key: str) -> bytes | None:
        bucket, prefix = self._place()
        client = self._client("s3")
        try:
            content: bytes = client.get_object(Bucket=bucket, Key=f"{prefix}/{key}")["Body"].read()
        except client.exceptions.NoSuchKey:
            return None
        return content

    def _place(self) -> tuple[str, str]:
        bucket, _, prefix = str(self.settings.results).removeprefix("s3://").partition("/")
        return bucket, prefix

    def _client(self, service: str) -> Any:  # noqa: ANN401 - boto3's clients have no types
        if service not in self._clients:
            target, connection = self._migration.target, self._migration.connections.aws
            self._clients[service] = account_client(
                service, aws_conn_id=connection, region=target.region, roles=target.role_chain
            )
        return self._clients[service]
