"""What calls a function; importing this package registers every kind of this repository."""

from keyspaces_infra.components.aws_lambda.triggers.base import Trigger
from keyspaces_infra.components.aws_lambda.triggers.registry import kinds, register, trigger_of
from keyspaces_infra.components.aws_lambda.triggers.s3 import ObjectFilter, S3Trigger
from keyspaces_infra.components.aws_lambda.triggers.schedule import ScheduleTrigger
from keyspaces_infra.components.aws_lambda.triggers.sns import SnsTrigger
from keyspaces_infra.components.aws_lambda.triggers.sqs import SqsTrigger

__all__ = [
    "ObjectFilter",
    "S3Trigger",
    "ScheduleTrigger",
    "SnsTrigger",
    "SqsTrigger",
    "Trigger",
    "kinds",
    "register",
    "trigger_of",
]
