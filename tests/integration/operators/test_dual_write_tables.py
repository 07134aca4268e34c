"""Whether tables of a local Keyspaces can take dual writes, asked through Airflow's connections."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from keyspaces_migration.config import Migration, load_migration
from keyspaces_provider.dual_write_tables import TablesNotReadyError, require_ready_tables
from rehearsal.soak.pair import PROPERTIES, table_statement
from tests.integration.operators.conftest import AWS, CASSANDRA, KEYSPACES, SNOWFLAKE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cassandra.cluster import Session

SOAK = Path(__file__).parents[3] / "rehearsal/soak/migration.yaml"


@pytest.fixture
def migration(
    session: Session, keyspace: str, environment: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Migration:
    """The soak's, into the module's keyspace, with tables of the test's own names."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    content: dict[str, Any] = yaml.safe_load(SOAK.read_text(encoding="utf-8"))
    content["connections"] |= {"source": CASSANDRA, "target": KEYSPACES, "aws": AWS, "history": SNOWFLAKE}
    content["target"]["keyspace"] = keyspace
    content["tables"] = {f"t{uuid.uuid4().hex[:10]}": table for table in content["tables"].values()}
    file = tmp_path / "soak.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    made = load_migration(file)
    for name, table in made.tables.items():
        session.execute(table_statement(keyspace, name, table, PROPERTIES))
    return made


def test_tables_as_provision_makes_them_are_ready(migration: Migration) -> None:
    require_ready_tables(migration)


def test_every_table_that_is_not_ready_is_named_with_the_reason(migration: Migration, session: Session) -> None:
    keyspace = migration.target.keyspace
    one, other = migration.tables
    session.execute(f"DROP TABLE {keyspace}.{one}")
    session.execute(f"DROP TABLE {keyspace}.{other}")
    session.execute(table_statement(keyspace, other, migration.tables[other]))
    with pytest.raises(TablesNotReadyError) as caught:
        require_ready_tables(migration)
    message = str(caught.value)
    assert re.search(rf"{one}\b.*(missing|no such table|not there|does not exist)", message)
    assert f"table {other}: its client-side timestamps are off, and every dual write carries one" in message
    assert f"table {other}: its time to live is off" in message
    assert "Nothing was changed" in message


def test_a_column_that_is_not_as_in_the_file_is_named(migration: Migration, session: Session) -> None:
    name = next(iter(migration.tables))
    session.execute(f"ALTER TABLE {migration.target.keyspace}.{name} ADD later int")
    with pytest.raises(TablesNotReadyError, match="later"):
        require_ready_tables(migration)
