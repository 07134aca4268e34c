"""Bad files by the hundred, each made from a good one by one change that knows the path it broke."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from keyspaces_migration.config import Problem
from keyspaces_migration.config.yaml_text import read_yaml

Location = tuple[str | int, ...]
Change = tuple[str, Location, str, dict[str, Any]]
GOOD = read_yaml(Path(__file__).with_name("full.yaml")).content

NULLABLE = {
    "role_name",
    "rcu",
    "wcu",
    "version_column",
    "deleted_column",
    "write_time_column",
    "expiry_column",
    "default_ttl",
    "order",
    "encryption_key_arn",
    "backend",
    "comparison_lambda",
    "payload_bucket",
    "zip_version",
    "reserved_concurrency",
    "vpc",
    "auto_scaling",
    "comment",
    "access",
    "runbooks",
    "log_uri",
    "unload",
    "cloudwatch_namespace",
    "results",
}
OPTIONAL = NULLABLE | {
    "dead_letters",
    "max_age",
    "max_follower_lag",
    "provision_bucket",
    "keep_payloads",
    "writers",
    "policy",
    "description",
    "disposable",
    "engine",
    "workers_per_table",
    "consistency",
    "schedule",
    "confidence",
    "max_mismatch_rate",
    "tolerated_mismatch_rate",
    "settle_time",
    "repair",
    "enabled",
    "max_rows",
    "cutover",
    "waiting_period",
    "consecutive_passes",
    "max_check_age",
    "canary_steps",
    "bake_time",
    "min_compared_reads",
    "retire_after",
    "tags",
    "clustering_keys",
    "static_columns",
    "required",
    "via_roles",
    "alarm_arns",
    "watch",
    "interval",
    "max_differing_reads",
    "max_failed_share",
    "max_p99_ratio",
    "tolerated_p99_ms",
    "max_throttled_share",
    "provisioning",
    "secrets_provider",
    "architecture",
    "memory_mb",
    "timeout",
    "layers",
    "environment_variables",
    "max_event_age",
    "max_retries",
    "alarms",
    "topic_arns",
    "target_utilization_percent",
    "roles",
    "notifications",
    "channels",
    "arguments",
    "events",
    "least_severity",
    "repeat_after",
    "check_grace",
    "executors",
    "cores_per_executor",
    "memory_per_executor_gb",
    "conf",
    "above_rows",
}
# Elsewhere a key of this name is required.
OPTIONAL_SOURCE = ("backfill", "spark", "secrets", "source")
# Elsewhere a key of this name has a default that is not null.
NULLABLE_SCHEDULES = {("comparison_lambda", "schedule"), ("dead_letters", "schedule")}
FREE_TEXT = {"description", "comment", "zip_version"}
FREE_MAPS = {("tags",), ("environment_variables",), ("conf",)}
# Maps whose keys are the file's own names, so that another key is no unknown key but another name.
NAMED = {"tables", "tags", "environment_variables", "channels", "arguments", "roles", "conf"}
# Whatever JSON can say is allowed there: the notifier's class judges it.
ANYTHING = {"arguments"}


def at(content: Any, location: Location) -> Any:
    for part in location:
        content = content[part]
    return content


def changed(location: Location, value: Any) -> dict[str, Any]:
    content = copy.deepcopy(GOOD)
    at(content, location[:-1])[location[-1]] = value
    return content


def without(location: Location) -> dict[str, Any]:
    content = copy.deepcopy(GOOD)
    del at(content, location[:-1])[location[-1]]
    return content


def text(location: Location) -> str:
    return "".join(map(part_text, location)).lstrip(".")


def part_text(part: str | int) -> str:
    if isinstance(part, int):
        return f"[{part}]"
    return f"[{part!r}]" if "." in part else f".{part}"


def is_one_key_map(location: Location) -> bool:
    return len(location) > 1 and isinstance(location[-1], int) and location[-2] in {"columns", "clustering_keys"}


def is_named(location: Location) -> bool:
    return location[-1:] in {(name,) for name in NAMED} or location[-2:] == ("history", "columns")


def places(value: Any, location: Location = ()) -> Iterator[tuple[Location, Any]]:
    yield location, value
    if is_one_key_map(location):
        return
    if isinstance(value, dict):
        for key, part in value.items():
            yield from places(part, (*location, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from places(part, (*location, index))


def wrong_kinds(value: Any) -> list[tuple[str, Any]]:
    kinds: list[tuple[str, Any]] = [("a map", {"x": {"y": 1}}), ("a list", [[1], {}]), ("true", True)]
    if isinstance(value, bool):
        return [*kinds[:2], ("text", "yes"), ("a number", 1), ("a decimal", 0.5)]
    if isinstance(value, str):
        return [
            *kinds,
            ("a number", -7),
            ("a decimal", 0.25),
            ("an odd text", "\u00a0 \u2028\U0001f300 "),
            ("nothing", ""),
        ]
    if isinstance(value, int | float):
        return [*kinds, ("text", str(value)), ("too little", -1), ("far too much", -(10**17))]
    if isinstance(value, list):
        return [("a map", {"x": 1}), ("text", "x"), ("a number", 3), ("true", False)]
    return [("a list", [1]), ("text", "x"), ("a number", 3), ("true", True)]


def changed_values() -> Iterator[Change]:
    for location, value in places(GOOD):
        if not location or (location[-2:-1] and location[-2] in ANYTHING):
            continue
        is_free_text = location[-1] in FREE_TEXT or location[-2:-1] in {
            ("tags",),
            ("environment_variables",),
            ("conf",),
        }
        may_be_empty = is_free_text and location[-1] not in {"comment", "zip_version"}
        for kind, wrong in wrong_kinds(value):
            if not (is_free_text and kind == "an odd text") and not (may_be_empty and kind == "nothing"):
                yield f"{kind} instead", location, text(location), changed(location, wrong)
        if location[-1] not in NULLABLE and location not in {OPTIONAL_SOURCE, *NULLABLE_SCHEDULES}:
            yield "null instead", location, text(location), changed(location, None)


def missing_keys() -> Iterator[Change]:
    for location, _ in places(GOOD):
        name = location[-1] if location else 0
        is_optional = name in OPTIONAL or location == OPTIONAL_SOURCE or is_named(location[:-1]) or is_named(location)
        if isinstance(name, str) and not is_optional:
            yield "left out", location, text(location), without(location)


def changed_keys() -> Iterator[Change]:
    for location, value in places(GOOD):
        if not isinstance(value, dict) or is_one_key_map(location) or location == ("tags",):
            continue
        if is_named(location):
            odd = (*location, "not a name!")
            yield "bad name", odd, f"{text(location)}['not a name!']", changed(odd, next(iter(value.values())))
            continue
        extra = (*location, "retries_")
        yield "unknown key", extra, text(extra), changed(extra, 1)
        for name in value:
            misspelt = (*location, f"{name}x")
            content = changed(misspelt, value[name])
            del at(content, location)[name]
            yield "misspelt key", misspelt, text(misspelt), content


CHANGES = [*changed_values(), *missing_keys(), *changed_keys()]


def test_there_are_two_hundred_bad_files_at_least() -> None:
    assert len(CHANGES) >= 200


@pytest.mark.parametrize(
    ("path", "content"),
    [change[2:] for change in CHANGES],
    ids=[f"{change[0]}: {text(change[1])}" for change in CHANGES],
)
def test_a_bad_file_names_the_path_that_was_broken(
    problems: Callable[[dict[str, Any]], list[Problem]], path: str, content: dict[str, Any]
) -> None:
    found = problems(content)
    assert path in {problem.path for problem in found}, [str(problem) for problem in found]
    for problem in found:
        assert problem.line
        assert problem.column
        assert problem.found
        assert problem.allowed


def test_a_misspelt_key_is_told_what_it_may_have_been(problems: Callable[[dict[str, Any]], list[Problem]]) -> None:
    for name, _, path, content in CHANGES:
        if name == "misspelt key":
            [problem] = [each for each in problems(content) if each.path == path]
            assert problem.hint == f"did you mean {path.rpartition('.')[2][:-1]!r}?"
