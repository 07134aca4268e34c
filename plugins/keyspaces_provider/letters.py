"""The dead letter queue that `provision` made, looked at from outside: nothing is taken from it."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from keyspaces_provider.aws import account_client, require_aws_connection

if TYPE_CHECKING:
    from keyspaces_migration.config import Migration
    from keyspaces_migration.events.watch import Queue

LOOK_BACK = timedelta(minutes=15)
PERIOD_S = 300


def queue_url(migration: "Migration", sqs: Any) -> str | None:  # noqa: ANN401 - boto3's clients have no types
    """The queue's address; None where there is no queue.

    Raises:
        ClientError: AWS refused.
        BotoCoreError: AWS can't be reached.
    """
    try:
        return str(sqs.get_queue_url(QueueName=migration.dead_letter_queue)["QueueUrl"])
    except sqs.exceptions.QueueDoesNotExist:
        return None


def look_at_queue(migration: "Migration") -> "Queue | None":
    """How many letters wait, and how old the oldest is; None where there is no queue.

    The count is SQS's approximation, of letters that wait and that somebody holds at the moment. The age is the newest
    that CloudWatch has; it lags some minutes.

    Raises:
        ConnectionFieldsError: there is no such AWS connection.
        ClientError: AWS refused.
        BotoCoreError: AWS can't be reached.
    """
    from keyspaces_migration.events.watch import Queue

    require_aws_connection(migration.connections.aws)
    name, sqs = migration.dead_letter_queue, client("sqs", migration)
    if (url := queue_url(migration, sqs)) is None:
        return None
    counted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counted)["Attributes"]
    return Queue(name=name, letters=sum(int(found[each]) for each in counted), oldest_age=_oldest_age(name, migration))


def _oldest_age(name: str, migration: "Migration") -> timedelta | None:
    now = datetime.now(UTC)
    points = client("cloudwatch", migration).get_metric_statistics(
        Namespace="AWS/SQS",
        MetricName="ApproximateAgeOfOldestMessage",
        Dimensions=[{"Name": "QueueName", "Value": name}],
        StartTime=now - LOOK_BACK,
        EndTime=now,
        Period=PERIOD_S,
        Statistics=["Maximum"],
    )["Datapoints"]
    newest = max(points, key=lambda point: point["Timestamp"], default=None)
    return None if newest is None else timedelta(seconds=float(newest["Maximum"]))


def client(service: str, migration: "Migration") -> Any:  # noqa: ANN401 - boto3's clients have no types
    """boto3's client of a service in the account of the target.

    Raises:
        ClientError: a role can't be assumed.
    """
    target = migration.target
    return account_client(service, aws_conn_id=migration.connections.aws, region=target.region, roles=target.role_chain)
