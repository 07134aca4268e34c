"""What a function's role may do, and who may use its key: the least that works."""

from __future__ import annotations

from typing import TYPE_CHECKING

from keyspaces_infra.components.aws_lambda.destinations import Destination
from keyspaces_infra.components.policies import Effect, Statement

if TYPE_CHECKING:
    import pulumi

    from keyspaces_infra.components.aws_lambda.arguments import LambdaArgs
    from keyspaces_infra.components.place import Place

# https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html, execution role permissions
_INTERFACES = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)


def log_group_name(function: str) -> str:
    """Where Lambda writes a function's output unless told otherwise."""
    return f"/aws/lambda/{function}"


def role_statements(
    args: LambdaArgs, *, key_arn: pulumi.Input[str], on_failure_arn: pulumi.Input[str]
) -> list[Statement]:
    """Everything that the function's role may do.

    Args:
        args: The function.
        key_arn: Its own key, which its own dead letter queue has as well.
        on_failure_arn: The queue for failures, its own or a given one.
    """
    on_failure = args.on_failure or Destination(queue_arn=on_failure_arn)
    group = args.place.arn("logs", f"log-group:{log_group_name(args.name)}")
    return [
        Statement(sid="Logs", actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[f"{group}:*"]),
        Statement(sid="Key", actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[key_arn]),
        *on_failure.statements("OnFailure"),
        *(args.on_success.statements("OnSuccess") if args.on_success is not None else []),
        *(_network(args) if args.in_vpc else []),
        *(statement for trigger in args.triggers for statement in trigger.statements()),
        *args.statements,
    ]


def _network(args: LambdaArgs) -> list[Statement]:
    # These rights know no narrower resource for Lambda's use. They are the service's, not the code's: the second
    # statement keeps them from what runs inside the function, as AWS's page on VPC access advises.
    function = args.place.arn("lambda", f"function:{args.name}")
    return [
        Statement(sid="Interfaces", actions=_INTERFACES, resources=["*"]),
        Statement(
            sid="InterfacesNotForCode",
            effect=Effect.DENY,
            actions=_INTERFACES,
            resources=["*"],
            conditions={"ArnEquals": {"lambda:SourceFunctionArn": function}},
        ),
    ]


def key_statements(function: str, *, place: Place) -> list[Statement]:
    """Who may use the function's key: the account through IAM, and CloudWatch Logs for the function's own log group.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    """
    group = place.arn("logs", f"log-group:{log_group_name(function)}")
    return [
        Statement(sid="Account", actions=["kms:*"], resources=["*"], principal={"AWS": place.root}),
        Statement(
            sid="Logs",
            actions=["kms:Decrypt*", "kms:Describe*", "kms:Encrypt*", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            resources=["*"],
            principal={"Service": f"logs.{place.region}.amazonaws.com"},
            conditions={"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": group}},
        ),
    ]
