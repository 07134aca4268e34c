from __future__ import annotations

import pytest

from keyspaces_infra.cron import aws_cron
from keyspaces_infra.errors import ScheduleNotExpressibleError


@pytest.mark.parametrize(
    ("cron", "aws"),
    [
        ("@hourly", "cron(0 * * * ? *)"),
        ("@daily", "cron(0 0 * * ? *)"),
        ("@weekly", "cron(0 0 ? * SUN *)"),
        ("@monthly", "cron(0 0 1 * ? *)"),
        ("*/15 4,16 * jan-jun *", "cron(*/15 4,16 * JAN-JUN ? *)"),
        ("0 6 * * 1-5", "cron(0 6 ? * MON-FRI *)"),
        ("0 6 * * mon-fri/2", "cron(0 6 ? * MON-FRI/2 *)"),
        ("0 6 * * 0,7", "cron(0 6 ? * SUN,SUN *)"),
        ("0 6 1,15 * *", "cron(0 6 1,15 * ? *)"),
    ],
)
def test_five_cron_fields_become_schedulers_six(cron: str, aws: str) -> None:
    assert aws_cron(cron) == aws


def test_days_of_the_month_and_of_the_week_together_are_refused() -> None:
    with pytest.raises(ScheduleNotExpressibleError, match="give one"):
        aws_cron("0 6 1 * 1")
