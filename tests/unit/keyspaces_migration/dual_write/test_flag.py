from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyspaces_migration.dual_write.errors import FlagFormatError
from keyspaces_migration.dual_write.flag import FLAG_NAME, FlagState, WriteMode

B = 1_790_000_000_123_457


@st.composite
def states(draw: st.DrawFn) -> FlagState:
    mode = draw(st.sampled_from(WriteMode))
    barrier = st.integers(1, 2**60)
    return FlagState(
        mode=mode,
        barrier_us=draw(
            barrier if mode.needs_barrier else st.none() if mode is WriteMode.SOURCE_ONLY else st.none() | barrier
        ),
        target_read_percent=100 if mode is WriteMode.TARGET_ONLY else draw(st.integers(0, 100)) if mode.is_dual else 0,
        version=draw(st.integers(0, 2**50)),
    )


@given(states())
def test_applications_read_the_state_that_was_deployed(state: FlagState) -> None:
    document = json.loads(json.dumps(state.to_appconfig()))
    served = json.dumps(document["values"]).encode()  # AppConfig serves the values by the flag's name
    assert FlagState.from_appconfigdata(served) == state


@given(states())
def test_what_appconfig_adds_of_its_own_is_passed_over(state: FlagState) -> None:
    value = {**state.to_json(), "_createdAt": "2026-11-28T12:00:00.000Z", "_updatedAt": "2026-11-28T12:00:00.000Z"}
    assert FlagState.from_json(value) == state


@given(states())
def test_every_value_is_declared_and_keeps_its_declared_type(state: FlagState) -> None:
    document = state.to_appconfig()
    attributes = document["flags"][FLAG_NAME]["attributes"]
    values = document["values"][FLAG_NAME]
    assert values.keys() == {"enabled", *attributes}
    types = {"string": str, "number": int}
    assert all(isinstance(values[name], types[each["constraints"]["type"]]) for name, each in attributes.items())


def served(**changes: Any) -> bytes:
    good = FlagState(mode=WriteMode.DUAL_SOURCE_LEADS, barrier_us=B, target_read_percent=5, version=7).to_json()
    return json.dumps({FLAG_NAME: {name: v for name, v in {**good, **changes}.items() if v != "absent"}}).encode()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no json", "no JSON"),
        (b"[]", "holds no flag"),
        (b'{"other": {}}', "holds no flag"),
        (b'{"keyspaces_migration": 1}', "allowed: exactly"),
        (served(mode="absent"), "allowed: exactly"),
        (served(barrier_us="absent"), "allowed: exactly"),
        (served(extra=1), "allowed: exactly"),
        (served(enabled=False), "switched off"),
        (served(mode="DUAL"), "mode is 'DUAL'; allowed: SOURCE_ONLY"),
        (served(barrier_us=B), "barrier_us is"),
        (served(barrier_us="-5"), "barrier_us is"),
        (served(barrier_us="none"), "needs barrier_us"),
        (served(target_read_percent=101), "allowed: 0 to 100"),
        (served(target_read_percent=0.5), "a whole number"),
        (served(target_read_percent="5"), "a whole number"),
        (served(version=True), "a whole number"),
        (served(mode="RECORD"), "target_read_percent is 5 in RECORD"),
        (served(mode="SOURCE_ONLY", target_read_percent=0), "carries no barrier_us"),
        (served(mode="TARGET_ONLY"), "below 100 in TARGET_ONLY"),
    ],
)
def test_what_is_no_flag_of_ours_is_refused_and_never_guessed(content: bytes, message: str) -> None:
    with pytest.raises(FlagFormatError, match=message):
        FlagState.from_appconfigdata(content)


def test_a_whole_number_may_come_with_a_fraction_of_zero() -> None:
    assert FlagState.from_appconfigdata(served(version=7.0)).version == 7
