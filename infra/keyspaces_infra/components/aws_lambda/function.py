"""A Lambda function with all that it needs to be run by someone who is asleep."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import pulumi
import pulumi_aws as aws

from keyspaces_infra.components.alarms import Metric, metric_alarm
from keyspaces_infra.components.aws_lambda.arguments import LambdaArgs
from keyspaces_infra.components.aws_lambda.destinations import Destination
from keyspaces_infra.components.aws_lambda.permissions import key_statements, log_group_name, role_statements
from keyspaces_infra.components.aws_lambda.triggers.base import InvokedFunction, attach_all
from keyspaces_infra.components.dead_letters import DeadLetterQueue, DeadLetterQueueArgs
from keyspaces_infra.components.policies import policy, trust

if TYPE_CHECKING:
    from collections.abc import Mapping

ALIAS = "live"
_KEY_DELETION_DAYS = 30

Args = TypeVar("Args", bound=LambdaArgs)


class AwsLambda(pulumi.ComponentResource, ABC, Generic[Args]):
    """A function, its key, role, log group, alias `live`, dead letter queue, alarms and triggers.

    Everything calls the alias, never the newest code by itself. A variant says how the code comes.

    Attributes:
        name: The function's name.
        arn: The function's ARN.
        alias_arn: ARN of the alias `live`, which callers use.
        role_arn: The role that the code runs as.
        key_arn: The function's own key.
        dead_letters: The function's own dead letter queue; None where `on_failure` was given.
        alarm_arns: Of all alarms of the function.
    """

    type_token: ClassVar[str]

    def __init__(self, args: Args, *, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(self.type_token, args.name, None, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        key = self._key()
        self.dead_letters, self._on_failure = self._failures(key.arn)
        role, rights = self._role(key.arn)
        function = self._function(role, key, wait_for=[rights, self._log_group(key.arn)])
        alias = aws.lambda_.Alias(
            args.name,
            name=ALIAS,
            function_name=function.name,
            function_version=function.version,
            opts=self._child,
        )
        self._invoke_config(args.name, function.name, qualifier=alias.name)
        # Who calls the function past its alias loses no event either.
        self._invoke_config(f"{args.name}-unqualified", function.name, qualifier=None)
        self.name, self.arn, self.alias_arn = args.name, function.arn, alias.arn
        self.role_arn, self.key_arn = role.arn, key.arn
        self.alarm_arns = self._alarms()
        attach_all(args.triggers, target=self._as_target(function, alias))
        self.register_outputs(
            {"name": self.name, "arn": self.arn, "alias_arn": self.alias_arn, "role_arn": self.role_arn}
        )

    @abstractmethod
    def _package(self, args: Args) -> Mapping[str, Any]:
        """The arguments of `aws.lambda_.Function` that say where the code is."""

    def _key(self) -> aws.kms.Key:
        name = self._args.name
        key = aws.kms.Key(
            name,
            description=f"Environment, logs and dead letters of {name}",
            enable_key_rotation=True,
            deletion_window_in_days=_KEY_DELETION_DAYS,
            policy=policy(key_statements(name, place=self._args.place)),
            # A key has no name: by this tag it is found again when an engine was killed while making it.
            tags={**self._tags, "Name": name},
            opts=self._child,
        )
        aws.kms.Alias(name, name=f"alias/{name}", target_key_id=key.key_id, opts=self._child)
        return key

    def _failures(self, key_arn: pulumi.Output[str]) -> tuple[DeadLetterQueue | None, Destination]:
        args = self._args
        if args.on_failure is not None:
            return None, args.on_failure
        queue = DeadLetterQueue(
            DeadLetterQueueArgs(
                name=f"{args.name}-dead-letters",
                key_arn=key_arn,
                alarms=args.alarms,
                tags=args.tags,
                # What is in it are calls that can be made again: it goes with the function.
                protect=False,
            ),
            opts=self._child,
        )
        return queue, Destination(queue_arn=queue.arn, key_arn=key_arn)

    def _role(self, key_arn: pulumi.Output[str]) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        args = self._args
        role = aws.iam.Role(
            args.name,
            name=args.name,
            assume_role_policy=trust("lambda.amazonaws.com"),
            tags=self._tags,
            opts=self._child,
        )
        allowed = role_statements(args, key_arn=key_arn, on_failure_arn=self._on_failure.queue_arn)
        rights = aws.iam.RolePolicy(args.name, name=args.name, role=role.name, policy=policy(allowed), opts=self._child)
        return role, rights

    def _log_group(self, key_arn: pulumi.Output[str]) -> aws.cloudwatch.LogGroup:
        return aws.cloudwatch.LogGroup(
            self._args.name,
            name=log_group_name(self._args.name),
            retention_in_days=self._args.log_retention_days,
            kms_key_id=key_arn,
            tags=self._tags,
            opts=self._child,
        )

    def _function(
        self, role: aws.iam.Role, key: aws.kms.Key, *, wait_for: list[pulumi.Resource]
    ) -> aws.lambda_.Function:
        # The rights come first, as Lambda makes network interfaces in the role's name while it makes the function; the
        # log group too, as Lambda would make one by itself, without key and without end.
        args = self._args
        variables = dict(args.environment)
        return aws.lambda_.Function(
            args.name,
            name=args.name,
            description=args.description,
            role=role.arn,
            architectures=[args.architecture.value],
            memory_size=args.memory_mib,
            timeout=args.timeout_s,
            reserved_concurrent_executions=args.reserved_concurrency,
            environment=aws.lambda_.FunctionEnvironmentArgs(variables=variables) if variables else None,
            # Without variables AWS forgets the key, and every preview would show a change.
            kms_key_arn=key.arn if variables else None,
            vpc_config=aws.lambda_.FunctionVpcConfigArgs(
                subnet_ids=list(args.subnet_ids), security_group_ids=list(args.security_group_ids)
            )
            if args.in_vpc
            else None,
            publish=True,
            tags=self._tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=wait_for),
            **self._package(args),
        )

    def _invoke_config(self, name: str, function: pulumi.Output[str], *, qualifier: pulumi.Output[str] | None) -> None:
        args, shapes = self._args, aws.lambda_
        aws.lambda_.FunctionEventInvokeConfig(
            name,
            function_name=function,
            qualifier=qualifier,
            maximum_event_age_in_seconds=args.maximum_event_age_s,
            maximum_retry_attempts=args.maximum_retries,
            destination_config=shapes.FunctionEventInvokeConfigDestinationConfigArgs(
                on_failure=shapes.FunctionEventInvokeConfigDestinationConfigOnFailureArgs(
                    destination=self._on_failure.queue_arn
                ),
                on_success=shapes.FunctionEventInvokeConfigDestinationConfigOnSuccessArgs(
                    destination=args.on_success.queue_arn
                )
                if args.on_success
                else None,
            ),
            opts=self._child,
        )

    def _alarms(self) -> list[pulumi.Output[str]]:
        args = self._args
        made = [
            metric_alarm(
                f"{args.name}-{metric.lower()}",
                description=f"{metric} of function {args.name}",
                metric=Metric(namespace="AWS/Lambda", name=metric, dimensions={"FunctionName": args.name}),
                above=0,
                alarms=args.alarms,
                tags=args.tags,
                opts=self._child,
            ).arn
            for metric in ("Errors", "Throttles")
        ]
        return [*made, *([self.dead_letters.alarm_arn] if self.dead_letters else [])]

    def _as_target(self, function: aws.lambda_.Function, alias: aws.lambda_.Alias) -> InvokedFunction:
        return InvokedFunction(
            name=self._args.name,
            place=self._args.place,
            function_name=function.name,
            alias_name=alias.name,
            alias_arn=alias.arn,
            on_failure=self._on_failure,
            tags=self._tags,
            options=self._child,
        )

    @property
    def _tags(self) -> dict[str, str]:
        return dict(self._args.tags)
