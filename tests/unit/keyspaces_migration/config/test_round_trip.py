"""Content survives: from model to file to model, and into the ledger and back."""

import copy
import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from keyspaces_migration.config import Migration, load_migration
from keyspaces_migration.config.durations import format_duration
from keyspaces_migration.config.yaml_text import read_yaml, write_yaml

FLIGHTS = Path(__file__).parents[4] / "dags" / "migrations" / "flights.yaml"
FULL = Path(__file__).with_name("full.yaml")

NAMES = st.from_regex(r"[a-z0-9][a-z0-9_]{0,47}", fullmatch=True)
SCALARS = st.sampled_from(["int", "text", "timestamp", "uuid"])
TYPES = SCALARS | SCALARS.map("list<{}>".format) | st.builds("map<{}, {}>".format, SCALARS, SCALARS)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(NAMES, min_size=3, max_size=8, unique=True))
    split = draw(st.integers(min_value=1, max_value=len(names) - 1))
    keys, others = names[:split], names[split:]
    partition, clustering = keys[:1], keys[1:]
    columns = [{name: draw(SCALARS)} for name in keys] + [{name: draw(TYPES)} for name in others]
    expires = draw(st.booleans())
    provisioned = {"mode": "PROVISIONED", "rcu": draw(st.integers(1, 10**6)), "wcu": draw(st.integers(1, 10**6))}
    return {
        "schema": {
            "columns": draw(st.permutations(columns)),
            "partition_keys": partition,
            "clustering_keys": [{name: draw(st.sampled_from(["ASC", "DESC"]))} for name in clustering],
            "static_columns": others[:1] if clustering else [],
        },
        "throughput": draw(st.sampled_from([provisioned, {"mode": "PAY_PER_REQUEST"}])),
        "history": {"table": "A.B.C", "columns": {names[0]: "FIRST_"}, "expiry_column": "E" if expires else None},
        **({"default_ttl": f"PT{draw(st.integers(1, 630_720_000))}S"} if expires else {}),
    }


@st.composite
def migrations(draw: st.DrawFn) -> dict[str, Any]:
    content: dict[str, Any] = copy.deepcopy(read_yaml(FULL).content)
    content["description"] = draw(st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Cn"])))
    content["tables"] = draw(st.dictionaries(NAMES, tables(), min_size=1, max_size=3))
    content["cutover"]["waiting_period"] = format_duration(timedelta(seconds=draw(st.integers(172_800, 10**7))))
    content["consistency"]["confidence"] = draw(st.floats(0.9, 1, exclude_max=True))
    steps = draw(st.sets(st.integers(1, 99)))
    content["cutover"]["canary_steps"] = [*sorted(steps), 100]
    return content


# No shrinking: a migration is large, and the first failing example says enough.
@settings(
    max_examples=30,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(migrations())
def test_a_migration_reads_back_from_yaml_and_from_its_canonical_json(tmp_path: Path, content: dict[str, Any]) -> None:
    path = tmp_path / "orders.yaml"
    path.write_text(write_yaml(content), encoding="utf-8")
    first = load_migration(path)
    path.write_text(write_yaml(first.model_dump(mode="json", by_alias=True)), encoding="utf-8")
    second = load_migration(path)
    restored = Migration.from_canonical_json(first.canonical_json())
    assert first == second == restored
    assert first.digest == second.digest == restored.digest
    assert list(first.tables) == list(restored.tables)


def shuffled(value: Any, order: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        order.shuffle(keys)
        return {key: shuffled(value[key], order) for key in keys}
    return [shuffled(each, order) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_keys_does_not_change_the_digest(
    load: Callable[[Any], Migration], content: dict[str, Any], seed: int
) -> None:
    order = random.Random(seed)
    assert load(shuffled(content, order)).digest == load(content).digest


def test_comments_quotes_and_written_defaults_do_not_change_the_digest(load: Callable[[Any], Migration]) -> None:
    text = FLIGHTS.read_text(encoding="utf-8")
    other = text.replace("owner: data-infrastructure", "owner: 'data-infrastructure' # a team")
    other = other.replace("PT2M", "PT120S").replace("1e-4", "0.0001")
    other = other.replace("partition_keys: [tailnum]", "partition_keys:\n        - tailnum\n      static_columns: []")
    assert other != text
    assert load(other).digest == load(text).digest


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("{engines: int}\n        - {seats: int}", "{seats: int}\n        - {engines: int}"),
        ("partition_keys: [carrier, flight_date]", "partition_keys: [flight_date, carrier]"),
        ("wcu: 4000", "wcu: 4001"),
        ("[admin]", "[admin, other]"),
        ("PT2M", "PT3M"),
    ],
)
def test_any_other_change_changes_the_digest(load: Callable[[Any], Migration], was: str, becomes: str) -> None:
    text = FLIGHTS.read_text(encoding="utf-8")
    assert was in text
    assert load(text.replace(was, becomes)).digest != load(text).digest


def test_the_digest_is_the_same_on_every_machine_and_release() -> None:
    """A new digest stops the migrations that are under way: change this number only with the content of full.yaml."""
    assert load_migration(FULL).digest == "6395f74bbda04bda6b7222a7a5dfefa2f76d94a9ddfc873cbe8744b38aea1576"


def test_a_migration_can_not_be_changed(content: dict[str, Any], load: Callable[[Any], Migration]) -> None:
    migration = load(content)
    with pytest.raises(ValidationError, match="frozen"):
        migration.owner = "someone"  # type: ignore[misc]


def test_rules_hold_for_what_comes_from_the_ledger_too(
    content: dict[str, Any], load: Callable[[Any], Migration]
) -> None:
    text = load(content).canonical_json()
    assert '"waiting_period":"P10D"' in text
    with pytest.raises(ValidationError, match="at least P2D"):
        Migration.from_canonical_json(text.replace('"waiting_period":"P10D"', '"waiting_period":"PT1S"'))


def test_the_defaults_keep_the_rules_themselves(content: dict[str, Any], load: Callable[[Any], Migration]) -> None:
    del content["cutover"], content["consistency"]
    migration = load(content)
    written_out = load(migration.model_dump(mode="json", by_alias=True))
    assert written_out == migration
    assert not migration.environment.disposable
