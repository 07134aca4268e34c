from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from keyspaces_migration.config import CheckEngine, Engine, LoadOrder, Migration, load_migration
from keyspaces_migration.config.yaml_text import read_yaml
from rehearsal.adapted import Adapted, adapt
from rehearsal.servers.connections import connection_ids
from rehearsal.settings import WorldPorts, WorldSettings
from rehearsal.subject import own_subject, sample_subject
from rehearsal.world import World

REPOSITORY = Path(__file__).parents[3]
FULL = REPOSITORY / "tests" / "unit" / "keyspaces_migration" / "config" / "full.yaml"
SAMPLE = REPOSITORY / "dags" / "migrations" / "flights.yaml"
ODD = Path(__file__).parent / "synthetic"


@pytest.fixture(scope="module")
def full() -> Adapted:
    return adapt(load_migration(FULL), rows=1_000)


def leaves(content: Any, path: str = "") -> dict[str, Any]:
    """The content of a file by the path of each value."""
    if isinstance(content, dict) and content:
        found: dict[str, Any] = {}
        for name, value in content.items():
            found |= leaves(value, f"{path}.{name}" if path else name)
        return found
    return {path: content}


def as_migration(content: dict[str, Any]) -> Migration:
    return Migration.model_validate_json(json.dumps(content))


def plain(migration: Migration) -> dict[str, Any]:
    return migration.model_dump(mode="json", by_alias=True)


@pytest.mark.parametrize("file", [FULL, SAMPLE, ODD / "odd_types.yaml", ODD / "odd_lives.yaml"])
def test_every_difference_is_in_the_list_and_what_is_in_the_list_differs(file: Path) -> None:
    before = load_migration(file)
    adapted = adapt(before, rows=1_000)
    yours, here = leaves(plain(before)), leaves(plain(adapted.migration))
    differing = {path for path in yours.keys() | here.keys() if yours.get(path) != here.get(path)}
    listed = [change.path for change in adapted.changes]
    assert len(listed) == len(set(listed))
    assert all(any(path == each or path.startswith(f"{each}.") for each in listed) for path in differing)
    assert all(any(path == each or path.startswith(f"{each}.") for path in differing) for each in listed)


@pytest.mark.parametrize("file", [FULL, SAMPLE, ODD / "odd_types.yaml", ODD / "odd_lives.yaml"])
def test_the_copy_is_a_migration_file_that_says_the_same(file: Path, tmp_path: Path) -> None:
    adapted = adapt(load_migration(file), rows=1_000)
    copy = tmp_path / "copy.yaml"
    copy.write_text(adapted.as_yaml(), encoding="utf-8")
    assert load_migration(copy).digest == adapted.migration.digest


def test_what_the_migration_is_about_stays_as_it_is(full: Adapted) -> None:
    before, here = load_migration(FULL), full.migration
    assert (here.name, here.source, here.target.keyspace) == (before.name, before.source, before.target.keyspace)
    for name, table in before.tables.items():
        assert here.tables[name] == table.model_copy(update={"encryption_key_arn": None})
    assert here.backfill.order is LoadOrder.DUAL_WRITES_FIRST
    assert here.consistency.engine is CheckEngine.LAMBDA
    assert here.backfill.budget == before.backfill.budget


def test_the_copy_stays_within_the_world(full: Adapted) -> None:
    here = full.migration
    assert here.environment.disposable
    assert here.connections.model_dump() == connection_ids("orders")
    assert (here.target.region, here.target.account_id, here.target.role_chain) == ("us-east-1", "000000000000", ())
    assert here.backfill.engine is Engine.AIRFLOW
    assert here.reports.is_relative
    assert here.provisioning.backend is None
    function = here.comparison_lambda
    assert function is not None
    assert (function.vpc, function.schedule, function.layers) == (None, None, ())
    assert function.secrets.source == "keyspaces-migration/orders/source"
    assert [channel.notifier for channel in here.notifications.channels.values()] == [
        "rehearsal.notifications.FileNotifier"
    ]


def test_durations_are_those_of_the_sample(full: Adapted) -> None:
    sample, here = load_migration(SAMPLE).cutover, full.migration.cutover
    for name in ("waiting_period", "consecutive_passes", "canary_steps", "bake_time", "min_compared_reads"):
        assert getattr(here, name) == getattr(sample, name)
    assert (here.retire_after, here.watch.interval) == (sample.retire_after, sample.watch.interval)
    # What the file says of differing and failing reads is its own.
    assert here.watch.max_differing_reads == load_migration(FULL).cutover.watch.max_differing_reads


def test_a_check_sweeps_all_of_a_table_and_never_less_than_the_file_asks() -> None:
    before = load_migration(FULL)
    assert adapt(before, rows=1_000_000).migration.consistency.sweep_rows == 2_000_000
    assert adapt(before, rows=10).migration.consistency.sweep_rows == before.consistency.sweep_rows


def test_what_is_not_rehearsed_is_said(full: Adapted) -> None:
    said = " ".join(full.unrehearsed)
    for word in ("VPC", "KMS", "IAM", "Spark", "access", "notification", "Pulumi backend"):
        assert word in said
    page = full.as_page()
    assert "| consistency.settle_time | PT1M | PT5S |" in page
    assert all(each in page for each in full.unrehearsed)


def test_the_file_itself_is_not_touched(tmp_path: Path) -> None:
    own = tmp_path / "orders.yaml"
    own.write_bytes(FULL.read_bytes())
    adapt(load_migration(own), rows=10)
    assert own.read_bytes() == FULL.read_bytes()


def test_names_follow_from_the_migration(full: Adapted, tmp_path: Path) -> None:
    subject = own_subject(full, tmp_path / "orders.yaml")
    assert subject.dag_id("assess") == "orders.assess"
    assert (subject.flag.application, subject.flag.environment) == ("keyspaces-migration-orders", "production")
    assert subject.letters == "keyspaces-migration-orders-dead-letters"
    assert subject.on_target("order_lines") == "shop.order_lines"
    assert not subject.loads_before_barrier
    sample = sample_subject()
    assert (sample.name, sample.first_step, sample.loads_before_barrier) == ("flights", 10, True)


def test_a_table_whose_rows_end_meanwhile_is_not_written_to(tmp_path: Path) -> None:
    lives = load_migration(ODD / "odd_lives.yaml")
    content = plain(lives)
    content["tables"]["events"]["default_ttl"] = "PT1H"
    adapted = adapt(as_migration(content), rows=10)
    assert "events" not in own_subject(adapted, tmp_path / "x.yaml").tables
    content["tables"] = {"events": content["tables"]["events"]}
    with pytest.raises(ValueError, match="end by default_ttl within four hours"):
        own_subject(adapt(as_migration(content), rows=10), tmp_path / "x.yaml")


def test_a_file_without_tables_has_nothing_to_rehearse(tmp_path: Path) -> None:
    content = plain(load_migration(SAMPLE)) | {"tables": {}}
    with pytest.raises(ValueError, match="no tables yet"):
        own_subject(adapt(as_migration(content), rows=10), tmp_path / "x.yaml")


def test_a_world_of_one_s_own_has_its_connections_its_data_and_its_file_alone(full: Adapted, tmp_path: Path) -> None:
    world = World(WorldSettings(home=tmp_path / "world", ports=WorldPorts(), own=full))
    assert world.data.module == "rehearsal.synthetic"
    # As `launch` does, without Airflow.
    world.airflow.home.mkdir(parents=True)
    world.airflow._write_passwords()
    assert {each.connection_id for each in world.airflow.all_connections()} == set(connection_ids("orders").values())
    world.airflow.dags.joinpath("migrations").mkdir(parents=True)
    world.airflow.dags.joinpath("migrations", "flights.yaml").touch()
    world.airflow._write_own_file(full.as_yaml())
    (file,) = world.airflow.dags.joinpath("migrations").iterdir()
    assert file == world.subject.file
    assert read_yaml(file).content["migration"] == "orders"
    sample = World(WorldSettings(home=tmp_path / "other", ports=WorldPorts()))
    with pytest.raises(ValueError, match="never among ours"):
        sample.airflow._write_own_file("")
    assert SAMPLE.exists()
