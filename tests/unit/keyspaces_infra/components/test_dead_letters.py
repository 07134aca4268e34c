"""A dead letter queue: encrypted, by TLS alone, protected, and watched."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from keyspaces_infra.components.alarms import AlarmArgs
from keyspaces_infra.components.dead_letters import DeadLetterQueue, DeadLetterQueueArgs
from keyspaces_infra.components.errors import ComponentArgumentError
from tests.unit.keyspaces_infra.pulumi_recorder import declared

QUEUE = "aws:sqs/queue:Queue"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"


def test_letters_are_kept_14_days_and_protected() -> None:
    args = DeadLetterQueueArgs(name="letters", visibility_timeout_s=120, tags={"Team": "data"})
    recorder = declared(lambda: DeadLetterQueue(args))
    queue = recorder.asked[(QUEUE, "letters")]
    assert queue.protect
    assert queue.inputs == {
        "name": "letters",
        "messageRetentionSeconds": 1209600,
        "visibilityTimeoutSeconds": 120,
        "sqsManagedSseEnabled": True,
        "tags": {"Team": "data"},
    }


def test_a_given_key_takes_the_place_of_sqs_own() -> None:
    args = DeadLetterQueueArgs(name="letters", key_arn="arn:key")
    queue = declared(lambda: DeadLetterQueue(args)).inputs(QUEUE, "letters")
    assert queue["kmsMasterKeyId"] == "arn:key"
    assert "sqsManagedSseEnabled" not in queue


def test_nobody_reaches_it_without_tls() -> None:
    policy = declared(lambda: DeadLetterQueue(DeadLetterQueueArgs(name="letters"))).inputs(
        "aws:sqs/queuePolicy:QueuePolicy", "letters"
    )
    assert policy["queueUrl"] == "https://queue/letters"
    assert json.loads(policy["policy"]) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "TlsAlone",
                "Effect": "Deny",
                "Action": ["sqs:*"],
                "Principal": "*",
                "Resource": ["arn:sqs/queue:letters"],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }


def test_an_old_letter_raises_an_alarm_while_there_is_time() -> None:
    args = DeadLetterQueueArgs(name="letters", alarms=AlarmArgs(topic_arns=["arn:told"]))
    alarm = declared(lambda: DeadLetterQueue(args)).inputs(ALARM, "letters-age")
    assert alarm.pop("alarmDescription").startswith("The oldest letter of letters is older than 86400 s")
    assert alarm == {
        "name": "letters-age",
        "namespace": "AWS/SQS",
        "metricName": "ApproximateAgeOfOldestMessage",
        "dimensions": {"QueueName": "letters"},
        "statistic": "Maximum",
        "period": 300,
        "evaluationPeriods": 1,
        "comparisonOperator": "GreaterThanThreshold",
        "threshold": 86400,
        "treatMissingData": "notBreaching",
        "alarmActions": ["arn:told"],
        "tags": {},
    }


def test_everything_stands_under_the_queue_and_its_outputs_can_be_used() -> None:
    def program() -> None:
        provider = aws.Provider("elsewhere", region="eu-west-1")
        queue = DeadLetterQueue(DeadLetterQueueArgs(name="letters"), opts=pulumi.ResourceOptions(provider=provider))
        known = pulumi.Output.all(queue.url, queue.arn, queue.name, queue.alarm_arn)
        aws.sns.Topic("sees", name=known.apply("|".join))

    asked = declared(program)
    made = [each for each in asked.asked.values() if each.typ.startswith("aws:") and each.name != "sees"]
    assert len(made) == 3
    assert all("keyspaces-migration:index:DeadLetterQueue" in each.parent for each in made)
    assert all("aws::elsewhere" in each.provider for each in made)
    seen = "https://queue/letters|arn:sqs/queue:letters|letters|arn:cloudwatch/metricAlarm:letters-age"
    assert asked.inputs("aws:sns/topic:Topic", "sees")["name"] == seen


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "letters.fifo"}, r"DeadLetterQueueArgs\.name: found 'letters\.fifo'"),
        ({"name": "l" * 81}, r"allowed is 1 to 80"),
        ({"visibility_timeout_s": 43201}, r"DeadLetterQueue letters\.visibility_timeout_s: found 43201"),
        ({"oldest_letter_s": 59}, r"oldest_letter_s: found 59"),
        ({"oldest_letter_s": 1209600}, r"Leave a day to act"),
    ],
)
def test_what_sqs_or_time_would_refuse_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ComponentArgumentError, match=message):
        DeadLetterQueueArgs(**{"name": "letters"} | changes)
