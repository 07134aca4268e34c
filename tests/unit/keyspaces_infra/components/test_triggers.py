"""What calls a function: each kind, the registry of kinds, and what is refused."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_aws as aws
import pytest

from keyspaces_infra.components.aws_lambda.destinations import Destination
from keyspaces_infra.components.aws_lambda.triggers import (
    ObjectFilter,
    S3Trigger,
    ScheduleTrigger,
    SnsTrigger,
    SqsTrigger,
    Trigger,
    kinds,
    register,
    trigger_of,
)
from keyspaces_infra.components.aws_lambda.variants import S3Code, ZipLambda, ZipLambdaArgs
from keyspaces_infra.components.errors import ComponentArgumentError
from keyspaces_infra.components.place import Place
from tests.unit.keyspaces_infra.pulumi_recorder import declared

if TYPE_CHECKING:
    from keyspaces_infra.components.aws_lambda.triggers.base import InvokedFunction
    from tests.unit.keyspaces_infra.pulumi_recorder import Recorder

ALIAS_ARN = "arn:lambda/alias:compare"
PERMISSION = "aws:lambda/permission:Permission"
RIGHTS = "aws:iam/rolePolicy:RolePolicy"
SCHEDULE = "aws:scheduler/schedule:Schedule"
MAPPING = "aws:lambda/eventSourceMapping:EventSourceMapping"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"
NOTIFICATION = "aws:s3/bucketNotification:BucketNotification"


def function(*triggers: Trigger, **changes: Any) -> ZipLambdaArgs:
    given: dict[str, Any] = {
        "name": "compare",
        "place": Place(account_id="123456789012", region="eu-central-1"),
        "code": S3Code(bucket="artefacts", key="compare.zip"),
        "runtime": "python3.13",
        "handler": "app.handle",
        "triggers": triggers,
    }
    return ZipLambdaArgs(**given | changes)


def asked_for(*triggers: Trigger, **changes: Any) -> Recorder:
    args = function(*triggers, **changes)
    return declared(lambda: ZipLambda(args))


def statements(recorder: Recorder, name: str) -> Any:
    return json.loads(recorder.inputs(RIGHTS, name)["policy"])["Statement"]


def test_a_schedule_calls_the_alias_with_a_role_of_its_own() -> None:
    recorder = asked_for(
        ScheduleTrigger(
            name="nightly",
            expression="cron(0 3 * * ? *)",
            timezone="Europe/Berlin",
            payload='{"tables": "all"}',
            maximum_event_age_s=600,
            maximum_retries=2,
        )
    )
    assert recorder.inputs(SCHEDULE, "compare-nightly") == {
        "name": "compare-nightly",
        "scheduleExpression": "cron(0 3 * * ? *)",
        "scheduleExpressionTimezone": "Europe/Berlin",
        "state": "ENABLED",
        "flexibleTimeWindow": {"mode": "OFF"},
        "target": {
            "arn": ALIAS_ARN,
            "roleArn": "arn:iam/role:compare-nightly",
            "input": '{"tables": "all"}',
            "retryPolicy": {"maximumEventAgeInSeconds": 600, "maximumRetryAttempts": 2},
            "deadLetterConfig": {"arn": "arn:sqs/queue:compare-dead-letters"},
        },
    }
    assert statements(recorder, "compare-nightly") == [
        {"Sid": "Invoke", "Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": [ALIAS_ARN]},
        {
            "Sid": "OnFailureSend",
            "Effect": "Allow",
            "Action": ["sqs:SendMessage"],
            "Resource": ["arn:sqs/queue:compare-dead-letters"],
        },
        {
            "Sid": "OnFailureKey",
            "Effect": "Allow",
            "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
            "Resource": ["arn:kms/key:compare"],
        },
    ]
    trust = json.loads(recorder.inputs("aws:iam/role:Role", "compare-nightly")["assumeRolePolicy"])["Statement"]
    assert [(each["Principal"], each["Condition"]) for each in trust] == [
        ({"Service": "scheduler.amazonaws.com"}, {"StringEquals": {"aws:SourceAccount": "123456789012"}})
    ]


def test_a_schedule_sends_to_the_queue_for_failures_that_was_given() -> None:
    nightly = ScheduleTrigger(name="nightly", expression="rate(1 day)", enabled=False)
    recorder = asked_for(nightly, on_failure=Destination(queue_arn="arn:failed"))
    schedule = recorder.inputs(SCHEDULE, "compare-nightly")
    assert schedule["target"]["deadLetterConfig"] == {"arn": "arn:failed"}
    assert schedule["state"] == "DISABLED"
    assert [each["Sid"] for each in statements(recorder, "compare-nightly")] == ["Invoke", "OnFailureSend"]


def test_a_queues_messages_come_in_batches_of_which_single_ones_may_fail() -> None:
    trigger = SqsTrigger(
        name="letters",
        queue_arn="arn:letters",
        queue_key_arn="arn:letters-key",
        batch_size=100,
        batching_window_s=5,
        maximum_concurrency=4,
    )
    recorder = asked_for(trigger, reserved_concurrency=4)
    assert recorder.inputs(MAPPING, "compare-letters") == {
        "eventSourceArn": "arn:letters",
        "functionName": ALIAS_ARN,
        "batchSize": 100,
        "maximumBatchingWindowInSeconds": 5,
        "functionResponseTypes": ["ReportBatchItemFailures"],
        "scalingConfig": {"maximumConcurrency": 4},
        "enabled": True,
        "tags": {},
    }
    assert statements(recorder, "compare")[3:] == [
        {
            "Sid": "Queueletters",
            "Effect": "Allow",
            "Action": ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
            "Resource": ["arn:letters"],
        },
        {"Sid": "QueueKeyletters", "Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": ["arn:letters-key"]},
    ]


def test_the_functions_rights_to_a_queue_are_there_before_the_function() -> None:
    recorder = asked_for(SqsTrigger(name="letters", queue_arn="arn:letters"))
    mapping = recorder.asked[(MAPPING, "compare-letters")]
    assert any(urn.endswith("alias:Alias::compare") for urn in mapping.dependencies)
    waits_for = recorder.asked[("aws:lambda/function:Function", "compare")].dependencies
    assert any(urn.endswith("rolePolicy:RolePolicy::compare") for urn in waits_for)
    assert statements(recorder, "compare")[-1]["Sid"] == "Queueletters"


def test_a_topic_may_call_the_alias_and_is_subscribed() -> None:
    recorder = asked_for(SnsTrigger(name="told", topic_arn="arn:told", filter_policy={"table": ["weather"]}))
    assert recorder.inputs(PERMISSION, "compare-told") == {
        "statementId": "told",
        "action": "lambda:InvokeFunction",
        "function": "compare",
        "qualifier": "live",
        "principal": "sns.amazonaws.com",
        "sourceArn": "arn:told",
    }
    assert recorder.inputs(SUBSCRIPTION, "compare-told") == {
        "topic": "arn:told",
        "protocol": "lambda",
        "endpoint": ALIAS_ARN,
        "filterPolicy": '{"table": ["weather"]}',
    }
    waits_for = recorder.asked[(SUBSCRIPTION, "compare-told")].dependencies
    assert any(urn.endswith("permission:Permission::compare-told") for urn in waits_for)


def test_triggers_on_one_bucket_become_one_notification_and_one_permission() -> None:
    recorder = asked_for(
        S3Trigger(name="csv", bucket="history", objects=ObjectFilter(prefix="in/", suffix=".csv")),
        S3Trigger(name="gone", bucket="history", events=["s3:ObjectRemoved:*"]),
        S3Trigger(name="other", bucket="reports"),
    )
    created = ["s3:ObjectCreated:*"]
    assert recorder.inputs(NOTIFICATION, "history") == {
        "bucket": "history",
        "lambdaFunctions": [
            {
                "id": "csv",
                "lambdaFunctionArn": ALIAS_ARN,
                "events": created,
                "filterPrefix": "in/",
                "filterSuffix": ".csv",
            },
            {"id": "gone", "lambdaFunctionArn": ALIAS_ARN, "events": ["s3:ObjectRemoved:*"]},
        ],
    }
    assert recorder.inputs(NOTIFICATION, "reports")["lambdaFunctions"] == [
        {"id": "other", "lambdaFunctionArn": ALIAS_ARN, "events": created}
    ]
    permissions = [each.inputs for each in recorder.of_type(PERMISSION)]
    assert [(each["sourceArn"], each["sourceAccount"]) for each in permissions] == [
        ("arn:aws:s3:::history", "123456789012"),
        ("arn:aws:s3:::reports", "123456789012"),
    ]
    waits_for = recorder.asked[(NOTIFICATION, "history")].dependencies
    assert any(urn.endswith("permission:Permission::compare-csv") for urn in waits_for)


def test_two_functions_can_not_both_own_a_bucket() -> None:
    def program() -> None:
        ZipLambda(function(S3Trigger(name="csv", bucket="history")))
        ZipLambda(function(S3Trigger(name="csv", bucket="history"), name="second"))

    with pytest.raises(AssertionError, match=r"duplicate resource URN: .*BucketNotification::history"):
        declared(program)


def test_every_triggers_resource_stands_under_the_function_and_uses_its_provider() -> None:
    def program() -> None:
        provider = aws.Provider("elsewhere", region="eu-west-1")
        args = function(
            ScheduleTrigger(name="a", expression="rate(1 day)"),
            SqsTrigger(name="b", queue_arn="arn:letters"),
            SnsTrigger(name="c", topic_arn="arn:told"),
            S3Trigger(name="d", bucket="history"),
        )
        ZipLambda(args, opts=pulumi.ResourceOptions(provider=provider))

    made = [each for (typ, _), each in declared(program).asked.items() if typ.startswith("aws:")]
    assert {SCHEDULE, MAPPING, SUBSCRIPTION, NOTIFICATION} <= {each.typ for each in made}
    assert all("keyspaces-migration:index:ZipLambda" in each.parent for each in made)
    assert all("aws::elsewhere" in each.provider for each in made)


def test_kinds_are_known_by_name() -> None:
    assert set(kinds()) >= {"s3", "schedule", "sns", "sqs"}
    made = trigger_of("schedule", name="nightly", expression="rate(1 day)")
    assert made == ScheduleTrigger(name="nightly", expression="rate(1 day)")


def test_a_kind_of_ones_own_is_one_class() -> None:
    @register("test-only")
    @dataclass(frozen=True, kw_only=True)
    class OtherTrigger(Trigger):
        principal: str

        def attach(self, target: InvokedFunction) -> None:
            target.permit(self.name, service=self.principal, source_arn="arn:somewhere")

    made = trigger_of("test-only", name="mine", principal="iot.amazonaws.com")
    assert isinstance(made, OtherTrigger)
    assert asked_for(made).inputs(PERMISSION, "compare-mine")["principal"] == "iot.amazonaws.com"


def test_a_kind_can_not_be_taken_twice() -> None:
    @dataclass(frozen=True, kw_only=True)
    class OtherTrigger(Trigger):
        def attach(self, target: InvokedFunction) -> None:
            raise NotImplementedError

    with pytest.raises(ComponentArgumentError, match="ScheduleTrigger, which has it"):
        register("schedule")(OtherTrigger)
    assert isinstance(trigger_of("schedule", name="nightly", expression="rate(1 day)"), ScheduleTrigger)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("kafka", {"name": "a"}, r"trigger kind: found 'kafka', allowed is .*s3, schedule, sns, sqs"),
        ("sns", {"name": "a", "topic": "arn:told"}, r"sns trigger setting: found 'topic', allowed is name, topic_arn"),
        ("sns", {"name": "a"}, r"sns trigger: found \['name'\].*missing .*topic_arn"),
    ],
)
def test_an_unknown_kind_or_setting_is_refused(kind: str, settings: dict[str, object], message: str) -> None:
    with pytest.raises(ComponentArgumentError, match=message):
        trigger_of(kind, **settings)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (ScheduleTrigger, {"expression": "0 3 * * *"}, r"expression: found '0 3 \* \* \*'"),
        (ScheduleTrigger, {"expression": "rate(1 day)", "maximum_event_age_s": 59}, "allowed is 60 to 86400"),
        (ScheduleTrigger, {"expression": "rate(1 day)", "maximum_retries": 186}, "allowed is 0 to 185"),
        (SqsTrigger, {"queue_arn": "arn:q", "batch_size": 11}, "batch_size: found 11, allowed is 1 to 10"),
        (SqsTrigger, {"queue_arn": "arn:q", "batch_size": 10001, "batching_window_s": 1}, "allowed is 1 to 10000"),
        (SqsTrigger, {"queue_arn": "arn:q", "batching_window_s": 301}, "allowed is 0 to 300"),
        (SqsTrigger, {"queue_arn": "arn:q", "maximum_concurrency": 1}, "allowed is 2 to 1000"),
        (S3Trigger, {"bucket": "Not_A_Bucket"}, r"s3 trigger mine\.bucket: found 'Not_A_Bucket'"),
        (S3Trigger, {"bucket": "history", "events": []}, r"events: found \(\)"),
        (S3Trigger, {"bucket": "history", "events": ["ObjectCreated"]}, r"events: found \('ObjectCreated',\)"),
        (SnsTrigger, {"topic_arn": "arn:told", "name": "a b"}, r"SnsTrigger\.name: found 'a b'"),
    ],
)
def test_what_aws_would_refuse_is_refused(kind: type[Trigger], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ComponentArgumentError, match=message):
        kind(**{"name": "mine"} | settings)


OVERLAPPING = [
    (ObjectFilter(), ObjectFilter(prefix="in/")),
    (ObjectFilter(prefix="in/"), ObjectFilter(prefix="in/new/")),
    (ObjectFilter(suffix=".csv"), ObjectFilter(prefix="in/", suffix="s.csv")),
]


@pytest.mark.parametrize(("one", "other"), OVERLAPPING)
def test_filters_that_one_object_passes_both_are_refused(one: ObjectFilter, other: ObjectFilter) -> None:
    some = S3Trigger(name="one", bucket="history", objects=one, events=["s3:ObjectCreated:Put"])
    all_created = S3Trigger(name="other", bucket="history", objects=other)
    with pytest.raises(ComponentArgumentError, match=r"s3 trigger other\.objects.*one does not have"):
        function(some, all_created)


def test_filters_that_exclude_each_other_or_are_of_other_events_are_allowed() -> None:
    assert function(
        S3Trigger(name="a", bucket="history", objects=ObjectFilter(prefix="in/")),
        S3Trigger(name="b", bucket="history", objects=ObjectFilter(prefix="out/", suffix=".csv")),
        S3Trigger(name="c", bucket="history", objects=ObjectFilter(prefix="out/", suffix=".json")),
        S3Trigger(name="d", bucket="history", events=["s3:ObjectRemoved:Delete"]),
        S3Trigger(name="e", bucket="history", events=["s3:ObjectRemoved:DeleteMarkerCreated"]),
    )


@pytest.mark.parametrize("concurrency", [None, 5])
def test_a_queue_can_not_call_more_than_the_function_runs(concurrency: int | None) -> None:
    trigger = SqsTrigger(name="letters", queue_arn="arn:letters", maximum_concurrency=concurrency)
    with pytest.raises(ComponentArgumentError, match=r"reserved_concurrency of 4"):
        function(trigger, reserved_concurrency=4)


def test_queues_together_can_not_call_more_than_the_function_runs() -> None:
    queues = [SqsTrigger(name=name, queue_arn=f"arn:{name}", maximum_concurrency=3) for name in ("a", "b")]
    with pytest.raises(ComponentArgumentError, match=r"reserved_concurrency of 5"):
        function(*queues, reserved_concurrency=5)
    assert function(*queues, reserved_concurrency=6)


def test_two_triggers_of_one_name_are_refused() -> None:
    with pytest.raises(ComponentArgumentError, match=r"triggers: found '2 of the name same'"):
        function(SnsTrigger(name="same", topic_arn="arn:a"), SnsTrigger(name="same", topic_arn="arn:b"))


def test_two_triggers_whose_statements_would_have_one_name_are_refused() -> None:
    with pytest.raises(ComponentArgumentError, match=r"statements: found '2 of the sid Queueab'"):
        function(SqsTrigger(name="a-b", queue_arn="arn:a"), SqsTrigger(name="ab", queue_arn="arn:b"))


def test_a_schedules_name_that_gets_too_long_is_refused() -> None:
    nightly = ScheduleTrigger(name="nightly", expression="rate(1 day)")
    with pytest.raises(ComponentArgumentError, match=r"schedule trigger nightly\.name: found 'c+-nightly'"):
        function(nightly, name="c" * 57)
    assert function(nightly, name="c" * 56)
