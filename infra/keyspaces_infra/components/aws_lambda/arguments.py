"""What a function is made of, whichever way its code comes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from keyspaces_infra.components.alarms import AlarmArgs
from keyspaces_infra.components.aws_lambda.permissions import role_statements
from keyspaces_infra.components.checks import at_most, named, one_of, within
from keyspaces_infra.components.errors import ComponentArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pulumi

    from keyspaces_infra.components.aws_lambda.destinations import Destination
    from keyspaces_infra.components.aws_lambda.triggers.base import Trigger
    from keyspaces_infra.components.place import Place
    from keyspaces_infra.components.policies import Statement

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_LONGEST_NAME = 64
_MEMORY_MIB = (128, 10240)
_TIMEOUT_S = (1, 900)
_MOST_SECURITY_GROUPS = 5
_MOST_SUBNETS = 16
_LONGEST_DESCRIPTION = 256
# https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
_EVENT_AGE_S = (60, 21600)
_RETRIES = (0, 2)
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
_RETENTIONS_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)


class Architecture(StrEnum):
    """The processor that the code is built for."""

    X86_64 = "x86_64"
    ARM64 = "arm64"


@dataclass(frozen=True, kw_only=True)
class LambdaArgs:
    """Arguments that functions of a zip and of an image share.

    Attributes:
        name: Of the function, and the stem of every other name.
        place: Account and Region.
        description: For people, up to 256 characters.
        memory_mib: 128 to 10240; processing power grows with it.
        timeout_s: 1 to 900.
        architecture: What the code is built for.
        environment: Variables, encrypted with the function's own key.
        reserved_concurrency: So many at the same time, kept for this function; None for the account's common pool.
        subnet_ids: Of a VPC; with security groups or not at all.
        security_group_ids: As above.
        statements: What the function may do beyond its own logs, key and queues.
        log_retention_days: One of CloudWatch Logs' steps.
        on_failure: Where an event goes that failed for good; None for a dead letter queue of the function's own.
        on_success: Where the result of an asynchronous call goes.
        maximum_event_age_s: An asynchronous event is given up after 60 to 21600 s.
        maximum_retries: An asynchronous event is tried again 0 to 2 times.
        triggers: What calls the function.
        alarms: How alarms judge and whom they tell.
        tags: Of everything that has tags.

    Raises:
        ComponentArgumentError: AWS would refuse it, or two triggers have one name.
    """

    name: str
    place: Place
    description: str = ""
    memory_mib: int = 256
    timeout_s: int = 30
    architecture: Architecture = Architecture.ARM64
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    reserved_concurrency: int | None = None
    subnet_ids: Sequence[pulumi.Input[str]] = ()
    security_group_ids: Sequence[pulumi.Input[str]] = ()
    statements: Sequence[Statement] = ()
    log_retention_days: int = 30
    on_failure: Destination | None = None
    on_success: Destination | None = None
    maximum_event_age_s: int = _EVENT_AGE_S[1]
    maximum_retries: int = _RETRIES[1]
    triggers: Sequence[Trigger] = ()
    alarms: AlarmArgs = field(default_factory=AlarmArgs)
    tags: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        named("LambdaArgs.name", self.name, longest=_LONGEST_NAME)
        self._check_size()
        self._check_events()
        self._check_network()
        self._check_triggers()
        self._check_statements()

    def where(self, argument: str) -> str:
        """How messages name an argument."""
        return f"function {self.name}.{argument}"

    @property
    def in_vpc(self) -> bool:
        """Whether the function has network interfaces in a VPC."""
        return bool(self.subnet_ids)

    def _check_size(self) -> None:
        advice = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
        at_most(self.where("description"), self.description, most=_LONGEST_DESCRIPTION, advice="Shorten it.")
        least, most = _MEMORY_MIB
        within(self.where("memory_mib"), self.memory_mib, least=least, most=most, advice=advice)
        least, most = _TIMEOUT_S
        within(self.where("timeout_s"), self.timeout_s, least=least, most=most, advice="Split longer work.")
        if self.reserved_concurrency is not None and self.reserved_concurrency < 0:
            raise ComponentArgumentError(
                where=self.where("reserved_concurrency"),
                found=self.reserved_concurrency,
                allowed="0 (never runs) or more",
                advice="Leave it out for the account's common pool.",
            )
        one_of(
            self.where("log_retention_days"), self.log_retention_days, allowed=_RETENTIONS_DAYS, advice="Take the next."
        )

    def _check_events(self) -> None:
        least, most = _EVENT_AGE_S
        where = self.where("maximum_event_age_s")
        within(where, self.maximum_event_age_s, least=least, most=most, advice="Lambda keeps an event for 6 hours.")
        least, most = _RETRIES
        where = self.where("maximum_retries")
        within(where, self.maximum_retries, least=least, most=most, advice="Put a queue before it for more.")

    def _check_network(self) -> None:
        if bool(self.subnet_ids) != bool(self.security_group_ids):
            missing = "security_group_ids" if self.subnet_ids else "subnet_ids"
            raise ComponentArgumentError(
                where=self.where(missing),
                found=(),
                allowed="subnets with security groups, or neither",
                advice=f"Give {missing}, or take the other away.",
            )
        at_most(self.where("subnet_ids"), self.subnet_ids, most=_MOST_SUBNETS, advice="One a zone is enough.")
        where = self.where("security_group_ids")
        at_most(where, self.security_group_ids, most=_MOST_SECURITY_GROUPS, advice="Merge their rules.")

    def _check_triggers(self) -> None:
        for name, times in Counter(trigger.name for trigger in self.triggers).items():
            if times > 1:
                raise ComponentArgumentError(
                    where=self.where("triggers"),
                    found=f"{times} of the name {name}",
                    allowed="a name once",
                    advice="Names of schedules and permissions are made of it.",
                )
        for trigger in self.triggers:
            trigger.check(self)

    def _check_statements(self) -> None:
        unknown = ""
        given = [each.sid for each in role_statements(self, key_arn=unknown, on_failure_arn=unknown)]
        for sid, times in Counter(given).items():
            if times > 1:
                raise ComponentArgumentError(
                    where=self.where("statements"),
                    found=f"{times} of the sid {sid}",
                    allowed="a sid once in the role's policy",
                    advice="Rename the statement, or the trigger that it is made of.",
                )
