import pytest
from croniter import CroniterError, croniter  # type: ignore[import-untyped]
from hypothesis import example, given
from hypothesis import strategies as st

from keyspaces_migration.config.cron import PRESETS, check_schedule
from keyspaces_migration.config.problems import RuleError

NUMBERS = st.integers(min_value=0, max_value=70).map(str)
ENDS = NUMBERS | st.sampled_from(["jan", "DEC", "mon", "sun"])
PARTS = st.one_of(
    st.just("*"),
    ENDS,
    st.builds("{}-{}".format, ENDS, ENDS),
    st.builds("*/{}".format, NUMBERS),
    st.builds("{}-{}/{}".format, ENDS, ENDS, NUMBERS),
)
FIELDS = st.lists(PARTS, min_size=1, max_size=3).map(",".join)


@given(st.lists(FIELDS, min_size=4, max_size=6).map(" ".join))
@example("0 0 * * 7")
@example("0 0 31 12 *")
def test_no_schedule_is_accepted_that_airflow_refuses(text: str) -> None:
    try:
        accepted = check_schedule(text)
    except RuleError:
        return
    try:
        croniter(accepted)
    except CroniterError as error:
        pytest.fail(f"{text!r}: {error}")


@pytest.mark.parametrize("text", ["0 5 * * *", "*/15 0-6/2 1,15 jan-mar mon", "59 23 31 12 7", *PRESETS])
def test_what_cron_reads_is_accepted(text: str) -> None:
    assert check_schedule(f"  {text.replace(' ', '   ')} ") == text


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("60 * * * *", "minute, which goes from 0 to 59"),
        ("* * 0 * *", "day of the month"),
        ("* * * 13 *", "month, which goes from 1 to 12"),
        ("* * * * 8", "day of the week"),
        ("* * * * funday", "day of the week"),
        ("5-1 * * * *", "minute"),
        ("*/0 * * * *", "minute"),
        ("", "1 field"),
        ("@dayly", "did you mean '@daily'?"),
        ("@reboot", ""),
        ("@once", ""),
    ],
)
def test_what_is_no_schedule_says_which_field(text: str, hint: str) -> None:
    with pytest.raises(RuleError) as caught:
        check_schedule(text)
    assert hint in caught.value.violations[0].hint
