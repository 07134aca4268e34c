from __future__ import annotations

from pathlib import Path

from keyspaces_migration.config import load_migration
from keyspaces_migration.consistency.history import draw_sql
from keyspaces_migration.consistency.shape import TableShape

FLIGHTS = Path(__file__).parents[4] / "dags" / "migrations" / "flights.yaml"


def test_the_shape_of_a_table_is_read_from_the_migration_file() -> None:
    tables = {name: TableShape.of(name, table) for name, table in load_migration(FLIGHTS).tables.items()}
    departures = tables["departures"]
    assert departures.primary_key == ("origin", "flight_date", "carrier", "sched_dep_time", "flight")
    assert departures.selected[-2:] == departures.static_columns == ("airport_name", "visibility_miles")
    assert departures.history.version_column is not None
    # Collections of several cells have no one write time.
    assert "destinations" not in tables["planes"].dated_columns
    assert "manufacturer" in tables["planes"].dated_columns
    for shape in tables.values():
        assert f'"{shape.history.table.rsplit(".", maxsplit=1)[-1]}"' in draw_sql(shape)
