"""How the alarms stand that a canary's deployment bakes under."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keyspaces_migration.errors import MigrationError

_MOST_NAMES = 100
_OK, _ALARM = "OK", "ALARM"


class AlarmUnknownError(MigrationError):
    """CloudWatch has no alarm of that name: nobody knows how it stands."""


@dataclass(frozen=True, kw_only=True)
class AlarmState:
    """An alarm as CloudWatch has it.

    Attributes:
        name: Its name.
        state: OK, ALARM or INSUFFICIENT_DATA.
        acts: Whether its actions are enabled: AppConfig takes nothing back for one whose are not
            (https://docs.aws.amazon.com/appconfig/latest/userguide/monitoring-deployments.html).
    """

    name: str
    state: str
    acts: bool

    @property
    def is_ok(self) -> bool:
        """Whether a step may be raised under it."""
        return self.state == _OK and self.acts

    @property
    def fires(self) -> bool:
        """Whether it is in ALARM."""
        return self.state == _ALARM

    def __str__(self) -> str:
        return f"{self.name} is {self.state}{'' if self.acts else ', and its actions are disabled'}"


def read_alarms(client: Any, arns: Sequence[str]) -> tuple[AlarmState, ...]:  # noqa: ANN401 -- boto3's client of "cloudwatch"
    """Return how alarms stand, in the order of their ARNs.

    Raises:
        AlarmUnknownError: One is not there.
        ClientError, BotoCoreError: CloudWatch did not answer; both are boto3's.
    """
    names = [arn.split(":", 6)[-1] for arn in arns]
    found: dict[str, AlarmState] = {}
    for start in range(0, len(names), _MOST_NAMES):
        some = names[start : start + _MOST_NAMES]
        # Without the types, CloudWatch leaves composite alarms out.
        answer = client.describe_alarms(AlarmNames=some, AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        for each in (*answer.get("MetricAlarms", ()), *answer.get("CompositeAlarms", ())):
            found[each["AlarmName"]] = AlarmState(
                name=each["AlarmName"], state=each["StateValue"], acts=bool(each.get("ActionsEnabled", True))
            )
    missing = [name for name in names if name not in found]
    if missing:
        raise AlarmUnknownError(f"CloudWatch has no alarm {', '.join(missing)}: run provision, which makes it")
    return tuple(found[name] for name in names)
