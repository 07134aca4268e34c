"""A message through Amazon's own notifier, and a look at the dead letter queue, against the AWS stand-in."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest

from keyspaces_migration.config import Channel, EventKind, Migration, load_migration
from keyspaces_migration.events import happening
from keyspaces_provider.letters import look_at_queue
from keyspaces_provider.notifications import Sent, place_of, send
from rehearsal.servers.aws import REGION

if TYPE_CHECKING:
    from rehearsal.servers.aws import AwsStandIn

FLIGHTS = Path(__file__).parents[2] / "dags/migrations/flights.yaml"
CONTEXT: Any = {
    "ti": SimpleNamespace(dag_id="flights.drift", run_id="run", task_id="drift", log_url="http://airflow/x")
}


@pytest.fixture
def migration(aws_stand_in: AwsStandIn, monkeypatch: pytest.MonkeyPatch) -> Migration:
    """A migration of the test's own, whose AWS connection leads to the stand-in."""
    extra = {"endpoint_url": aws_stand_in.endpoint_url, "region_name": REGION}
    connection = {"conn_type": "aws", "login": "test", "password": "test", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_FLIGHTS_AWS", json.dumps(connection))
    return load_migration(FLIGHTS).model_copy(update={"name": f"m{uuid4().hex[:8]}"})


def client(aws_stand_in: AwsStandIn, service: str) -> Any:
    session: Any = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)
    return session.client(service, endpoint_url=aws_stand_in.endpoint_url)


def test_an_event_goes_through_sns_to_whoever_has_subscribed(aws_stand_in: AwsStandIn, migration: Migration) -> None:
    sns, sqs = client(aws_stand_in, "sns"), client(aws_stand_in, "sqs")
    topic = sns.create_topic(Name=f"on-call-{migration.name}")["TopicArn"]
    queue = sqs.create_queue(QueueName=f"phone-{migration.name}")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=attributes["QueueArn"])
    channel = Channel(
        notifier="airflow.providers.amazon.aws.notifications.sns.SnsNotifier",
        arguments={
            "aws_conn_id": "flights_aws",
            "region_name": REGION,
            "target_arn": topic,
            "subject": "{{ event.title[:100] }}",
            "message": "{{ event.text }}",
        },
    )
    told = migration.model_copy(
        update={"notifications": migration.notifications.model_copy(update={"channels": {"on_call": channel}})}
    )
    place = place_of(CONTEXT, migration=told)
    event = happening(EventKind.DRIFT, migration=told, place=place, happened="The table {{ planes }} has gone.")
    assert send(event, migration=told, context=CONTEXT) == Sent(through=("on_call",), failed=())
    (received,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
    message = json.loads(received["Body"])
    assert message["Message"] == event.text
    assert message["Subject"] == event.title
    assert "The table {{ planes }} has gone." in message["Message"]


def test_the_dead_letter_queue_is_looked_at_and_nothing_is_taken_from_it(
    aws_stand_in: AwsStandIn, migration: Migration
) -> None:
    assert look_at_queue(migration) is None
    sqs = client(aws_stand_in, "sqs")
    queue = sqs.create_queue(QueueName=migration.dead_letter_queue)["QueueUrl"]
    empty = look_at_queue(migration)
    assert empty is not None
    assert empty.letters == 0
    for letter in ("a", "b", "c"):
        sqs.send_message(QueueUrl=queue, MessageBody=letter)
    sqs.receive_message(QueueUrl=queue, VisibilityTimeout=60)
    for _ in range(2):
        found = look_at_queue(migration)
        assert found is not None
        assert (found.name, found.letters) == (f"keyspaces-migration-{migration.name}-dead-letters", 3)


def test_the_age_of_the_oldest_letter_is_the_newest_that_cloud_watch_has(
    aws_stand_in: AwsStandIn, migration: Migration
) -> None:
    name, now = migration.dead_letter_queue, datetime.now(UTC)
    client(aws_stand_in, "sqs").create_queue(QueueName=name)
    data = [
        {
            "MetricName": "ApproximateAgeOfOldestMessage",
            "Dimensions": [{"Name": "QueueName", "Value": name}],
            "Timestamp": now - timedelta(minutes=minutes),
            "Value": seconds,
        }
        for minutes, seconds in ((11, 600.0), (1, 90_000.0))
    ]
    client(aws_stand_in, "cloudwatch").put_metric_data(Namespace="AWS/SQS", MetricData=data)
    found = look_at_queue(migration)
    assert found is not None
    assert found.oldest_age == timedelta(hours=25)
