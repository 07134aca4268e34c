from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.config.durations import format_duration, parse_duration
from keyspaces_migration.config.problems import RuleError


@given(st.integers(min_value=0, max_value=99_999 * 86_400))
def test_every_duration_of_whole_seconds_reads_back(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize(
    ("text", "seconds", "canonical"),
    [
        ("P7D", 604_800, "P7D"),
        ("P1W", 604_800, "P7D"),
        ("PT36H", 129_600, "P1DT12H"),
        ("PT90S", 90, "PT1M30S"),
        ("P1DT1H1M1S", 90_061, "P1DT1H1M1S"),
        ("PT0S", 0, "PT0S"),
    ],
)
def test_equal_durations_have_one_text(text: str, seconds: int, canonical: str) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)
    assert format_duration(timedelta(seconds=seconds)) == canonical


@given(st.text(alphabet="PTWDHMSY0123456789.-+ ٣", max_size=20))
def test_any_other_text_is_refused(text: str) -> None:
    try:
        duration = parse_duration(text)
    except RuleError as error:
        [violation] = error.violations
        assert "ISO 8601" in violation.allowed
    else:
        assert parse_duration(format_duration(duration)) == duration
