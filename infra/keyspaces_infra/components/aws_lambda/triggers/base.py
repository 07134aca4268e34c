"""What calls a function, and the function as its callers see it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

import pulumi_aws as aws

from keyspaces_infra.components.checks import named

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pulumi

    from keyspaces_infra.components.aws_lambda.arguments import LambdaArgs
    from keyspaces_infra.components.aws_lambda.destinations import Destination
    from keyspaces_infra.components.place import Place
    from keyspaces_infra.components.policies import Statement

_LONGEST_NAME = 40


@dataclass(frozen=True, kw_only=True)
class InvokedFunction:
    """A function that a trigger is attached to.

    Attributes:
        name: The function's name.
        place: Account and Region.
        function_name: The name as an output, for resources that must come after the function.
        alias_name: Likewise of the alias that is called.
        alias_arn: Of the alias that is called.
        on_failure: Where an event goes that failed for good.
        tags: Of everything that has tags.
        options: Make the trigger's resources the function's children.
    """

    name: str
    place: Place
    function_name: pulumi.Output[str]
    alias_name: pulumi.Output[str]
    alias_arn: pulumi.Output[str]
    on_failure: Destination
    tags: Mapping[str, str]
    options: pulumi.ResourceOptions

    def permit(
        self, name: str, *, service: str, source_arn: pulumi.Input[str], source_account: str | None = None
    ) -> aws.lambda_.Permission:
        """Let a service call the function for one source.

        Args:
            name: Of the permission, once a function.
            service: Such as `sns.amazonaws.com`.
            source_arn: For which it calls.
            source_account: Whose source that is; for ARNs that name no account.
        """
        return aws.lambda_.Permission(
            f"{self.name}-{name}",
            statement_id=name,
            action="lambda:InvokeFunction",
            function=self.function_name,
            qualifier=self.alias_name,
            principal=service,
            source_arn=source_arn,
            source_account=source_account,
            opts=self.options,
        )


@dataclass(frozen=True, kw_only=True)
class Trigger(ABC):
    """Something that calls a function. A new one is a class with `@register("kind")` in a module of its own.

    Attributes:
        name: Once a function; names of schedules and permissions are made of it.

    Raises:
        ComponentArgumentError: AWS would refuse it.
    """

    kind: ClassVar[str]

    name: str

    def __post_init__(self) -> None:
        named(f"{type(self).__name__}.name", self.name, longest=_LONGEST_NAME)

    def where(self, argument: str) -> str:
        """How messages name an argument."""
        return f"{self.kind} trigger {self.name}.{argument}"

    def check(self, function: LambdaArgs) -> None:  # noqa: B027 - most have nothing to check
        """Refuse a function that the trigger can't call, before anything is declared.

        Raises:
            ComponentArgumentError: It can't be called.
        """

    def statements(self) -> Sequence[Statement]:
        """What the function's role needs for it. Known before the function is made."""
        return ()

    @abstractmethod
    def attach(self, target: InvokedFunction) -> None:
        """Declare what calls the function."""

    @classmethod
    def attach_together(cls, triggers: Sequence[Self], *, target: InvokedFunction) -> None:
        """Declare a function's triggers of this kind; for kinds that must share a resource."""
        for trigger in triggers:
            trigger.attach(target)


def attach_all(triggers: Sequence[Trigger], *, target: InvokedFunction) -> None:
    """Declare all triggers of a function, those of one kind together."""
    for kind in dict.fromkeys(type(trigger) for trigger in triggers):
        kind.attach_together([trigger for trigger in triggers if type(trigger) is kind], target=target)
