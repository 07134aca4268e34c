from __future__ import annotations

import json
from pathlib import Path

from keyspaces_migration.config import Migration, load_migration
from rehearsal.synthetic.damage import damageable, known_keys

HERE = Path(__file__).parent


def migration(file: Path, *tables: str) -> Migration:
    loaded = load_migration(file)
    return loaded.model_copy(update={"tables": {name: loaded.tables[name] for name in tables}})


def test_a_table_is_damaged_that_a_repair_can_mend_cell_by_cell() -> None:
    found = damageable(load_migration(HERE.parents[3] / "dags" / "migrations" / "flights.yaml"))
    assert found is not None
    assert (found.shape.name, found.column) == ("departures", "dest")


def test_no_table_whose_rows_end_or_have_collections_or_few_keys_is_damaged() -> None:
    lives = HERE / "odd_lives.yaml"
    assert damageable(migration(lives, "sessions", "events", "flags")) is None
    assert damageable(migration(HERE / "odd_types.yaml", "everything")) is None
    found = damageable(migration(lives, "sessions", "numbered"))
    assert found is not None
    assert (found.shape.name, found.column) == ("numbered", "revision")


def test_the_keys_that_the_application_knows_are_those_of_its_record(tmp_path: Path) -> None:
    lines = [
        {"adopt": "events", "key": {"id": 1}, "row": None},
        {"begin": 1, "table": "events", "key": {"id": 2}, "row": None},
        {"begin": 2, "table": "others", "key": {"id": 3}, "row": None},
        {"acknowledge": 1},
    ]
    truth = tmp_path / "truth.jsonl"
    under_way = '{"begin": 3, "table": "eve'
    truth.write_text("\n".join([*map(json.dumps, lines), under_way]), encoding="utf-8")
    assert known_keys(truth, "events") == {'{"id":1}', '{"id":2}'}
