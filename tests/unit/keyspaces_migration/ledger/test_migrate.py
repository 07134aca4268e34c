import fcntl
import logging
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from keyspaces_migration.ledger import (
    Ledger,
    LedgerAddressError,
    LedgerSchemaError,
    LedgerSignatureError,
    LedgerUnreachableError,
    open_ledger,
)
from keyspaces_migration.ledger.audit import sign_first
from keyspaces_migration.ledger.database import create_sqlite_file
from keyspaces_migration.ledger.errors import LedgerDamagedError
from keyspaces_migration.ledger.migrate import downgrade, known_revisions, upgrade
from keyspaces_migration.ledger.records import ReportKind
from keyspaces_migration.ledger.revision import current_revision
from keyspaces_migration.ledger.schema import HEAD, VERSION_TABLE, metadata
from keyspaces_migration.lifecycle import Milestone, Stage
from tests.keyring import KEYRING


def make_empty(ledger: Ledger) -> None:
    if ledger.database.address.is_sqlite:
        create_sqlite_file(ledger.database.address.file)


def tables(ledger: Ledger) -> set[str]:
    with ledger.database.reading() as connection:
        return set(sa.inspect(connection).get_table_names())


def pretend_revision(ledger: Ledger, revision: str) -> None:
    with ledger.database.writing() as connection:
        connection.execute(sa.update(sa.table(VERSION_TABLE, sa.column("version_num"))).values(version_num=revision))


def test_the_migrated_schema_is_the_one_that_the_code_describes(ledger: Ledger) -> None:
    with ledger.database.reading() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True},
        )
        assert compare_metadata(context, metadata) == []


def test_constraints_have_the_names_that_the_code_gives_them(ledger: Ledger, tmp_path: Path) -> None:
    """Alembic compares no CHECK constraints: those of both schemas are read back from a database and compared."""
    described = Ledger(f"sqlite:///{tmp_path}/described.db", keyring=KEYRING)
    create_sqlite_file(described.database.address.file)
    with described.database.writing() as connection:
        metadata.create_all(connection)
        expected = _checks(connection)
    with ledger.database.reading() as connection:
        assert _checks(connection).keys() == expected.keys()
        if ledger.database.address.is_sqlite:
            assert _checks(connection) == expected


def _checks(connection: sa.Connection) -> dict[str, str]:
    inspector = sa.inspect(connection)
    return {
        str(check["name"]): check["sqltext"]
        for table in metadata.tables
        for check in inspector.get_check_constraints(table)
    }


RUN = {"migration": "m", "stage": "assess", "dag_id": "d", "run_id": "r", "digest": "a" * 64, "canonical_json": "{}"}
RUN["recorded_at"] = MOMENT = "2026-01-01 00:00:00.000000+00:00"
OF_NO_RUN = {"dag_id": "d", "run_id": "nobody"}
REPORT = {"media_type": "text/plain", "path": "/x", "sha256": "a" * 64, "created_at": MOMENT}


def insert(table: str, row: dict[str, str]) -> sa.Insert:
    """Literals: PostgreSQL gives them the column's type, whereas a bound text is no timestamp to it."""
    columns: list[sa.ColumnClause[str]] = [sa.column(name) for name in row]
    return sa.insert(sa.table(table, *columns)).values(
        {name: sa.literal_column(f"'{value}'", sa.Text) for name, value in row.items()}
    )


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("run_configurations", RUN | {"stage": "asses"}),
        ("run_configurations", RUN | {"digest": "a" * 63}),
        ("milestones", OF_NO_RUN | {"milestone": "assessed", "reached_at": MOMENT}),
        ("reports", OF_NO_RUN | REPORT | {"kind": "assessment"}),
    ],
)
def test_the_database_itself_refuses_a_row_that_breaks_a_rule(ledger: Ledger, table: str, row: dict[str, str]) -> None:
    with pytest.raises(sa.exc.IntegrityError), ledger.database.writing() as connection:
        connection.execute(insert(table, row))


def test_a_row_that_breaks_no_rule_is_taken(ledger: Ledger) -> None:
    """The twin of the test above, so that its rows are known to be refused for what is wrong with them."""
    with ledger.database.writing() as connection:
        connection.execute(insert("run_configurations", RUN))


def test_every_value_of_the_enums_fits_its_column(ledger: Ledger) -> None:
    with ledger.database.reading() as connection:
        checks = _checks(connection)
    for enum, check in (
        (Stage, "ck_run_configurations_stage"),
        (Milestone, "ck_milestones_milestone"),
        (ReportKind, "ck_reports_kind"),
    ):
        for member in enum:
            assert f"'{member.value}'" in checks[check]


def test_up_down_and_up_again_leaves_a_working_ledger(ledger: Ledger) -> None:
    downgrade(ledger.database, revision="base")
    assert tables(ledger) == {VERSION_TABLE}
    upgrade(ledger.database)
    assert tables(ledger) == {VERSION_TABLE, *metadata.tables}
    assert ledger.milestones("flights") == ()


@pytest.mark.parametrize("revision", ["r0001", "r0003_backfill", "r0005_flag", "r0006_provisioning"])
def test_what_is_recorded_lives_through_an_upgrade_and_back(ledger: Ledger, revision: str) -> None:
    (known,) = [name for name in known_revisions() if name.startswith(revision)]
    downgrade(ledger.database, revision=known)
    with ledger.database.writing() as connection:
        connection.execute(insert("run_configurations", RUN))
        reached = {"dag_id": "d", "run_id": "r", "milestone": "assessed", "reached_at": MOMENT}
        connection.execute(insert("milestones", reached))
        connection.execute(insert("reports", {"dag_id": "d", "run_id": "r"} | REPORT | {"kind": "assessment"}))
    upgrade(ledger.database)
    with pytest.raises(LedgerSignatureError, match=r"record with id 1 of migration m.*not signed.*\.ledger sign"):
        ledger.milestones("m")
    with ledger.database.writing() as connection:
        assert sign_first(connection, ledger.chains) == 3
    assert [each.milestone for each in ledger.milestones("m")] == [Milestone.ASSESSED]
    assert [each.kind for each in ledger.reports("m")] == [ReportKind.ASSESSMENT]
    downgrade(ledger.database, revision=known)
    with ledger.database.reading() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM reports")) == 1
    upgrade(ledger.database)
    with pytest.raises(sa.exc.IntegrityError), ledger.database.writing() as connection:
        connection.execute(insert("milestones", OF_NO_RUN | {"milestone": "assessed", "reached_at": MOMENT}))


def test_a_schema_change_that_leaves_a_row_without_its_run_is_taken_back(tmp_path: Path) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db", keyring=KEYRING)
    with (
        pytest.raises(LedgerDamagedError, match="1 rows that refer to none"),
        ledger.database.migrating() as connection,
    ):
        connection.execute(insert("milestones", OF_NO_RUN | {"milestone": "assessed", "reached_at": MOMENT}))
    with ledger.database.reading() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM milestones")) == 0


def test_an_upgrade_that_fails_half_way_changes_nothing(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(empty_url, keyring=KEYRING)

    def fail(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("half way")

    monkeypatch.setattr("alembic.op.create_index", fail)
    with pytest.raises(RuntimeError, match="half way"):
        upgrade(ledger.database)
    assert tables(ledger) == set()
    monkeypatch.undo()
    upgrade(ledger.database)
    assert tables(ledger) == {VERSION_TABLE, *metadata.tables}


def test_a_task_that_finds_the_ledger_as_it_should_be_takes_no_lock_and_imports_no_alembic(
    ledger: Ledger, empty_url: str
) -> None:
    code = "import sys; from keyspaces_migration.ledger import open_ledger; from tests.keyring import KEYRING; "
    code += f"open_ledger({empty_url!r}, keyring=KEYRING).milestones('flights'); sys.exit('alembic' in sys.modules)"
    with ledger.database.writing():
        subprocess.run([sys.executable, "-c", code], check=True, timeout=50)


def test_upgrading_a_ledger_that_is_up_to_date_changes_nothing(ledger: Ledger) -> None:
    upgrade(ledger.database)
    assert tables(ledger) == {VERSION_TABLE, *metadata.tables}


def test_a_ledger_without_a_schema_is_refused_with_the_command_that_makes_it(empty_url: str) -> None:
    ledger = Ledger(empty_url, keyring=KEYRING)
    make_empty(ledger)
    with pytest.raises(
        LedgerSchemaError, match=rf"schema none, older than {HEAD}.*-m keyspaces_migration\.ledger upgrade"
    ):
        ledger.milestones("flights")


def test_a_ledger_of_newer_code_is_refused_and_left_alone(ledger: Ledger, empty_url: str) -> None:
    pretend_revision(ledger, "r9999")
    refusals = (
        lambda: Ledger(empty_url, keyring=KEYRING).milestones("flights"),
        lambda: open_ledger(empty_url, keyring=KEYRING),
        lambda: downgrade(ledger.database, revision="base"),
    )
    for refused in refusals:
        with pytest.raises(LedgerSchemaError, match=rf"r9999.*newest is {HEAD}.*pip install -U"):
            refused()
    with ledger.database.reading() as connection:
        assert current_revision(connection) == "r9999"


def test_a_revision_that_never_was_is_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerSchemaError, match="r0000"):
        downgrade(ledger.database, revision="r0000")


def test_an_sqlite_upgrade_keeps_others_out_before_the_file_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create_while_another_tries(file: Path) -> None:
        folder = os.open(tmp_path, os.O_RDONLY)
        try:
            with pytest.raises(BlockingIOError):
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(folder)
        create_sqlite_file(file)

    monkeypatch.setattr("keyspaces_migration.ledger.migrate.create_sqlite_file", create_while_another_tries)
    assert open_ledger(f"sqlite:///{tmp_path}/ledger.db", keyring=KEYRING).milestones("flights") == ()


def test_a_file_left_half_made_by_a_killed_process_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / ".ledger.db.new").write_text("rubbish")
    assert open_ledger(f"sqlite:///{tmp_path}/ledger.db", keyring=KEYRING).milestones("flights") == ()
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.db"]


def test_a_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / ".ledger.db.new").mkdir()
    with pytest.raises(LedgerUnreachableError, match=r"could not be created as .*\.ledger\.db\.new"):
        open_ledger(f"sqlite:///{tmp_path}/ledger.db", keyring=KEYRING)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LedgerAddressError, match=r"missing/ledger\.db.*No such file.*Create it"):
        open_ledger(f"sqlite:///{tmp_path}/missing/ledger.db", keyring=KEYRING)


def test_the_newest_revision_is_the_one_that_the_code_needs() -> None:
    folder = Path(str(__import__("keyspaces_migration.ledger").__path__[0])) / "ledger/migrations"
    assert ScriptDirectory(str(folder)).get_heads() == [HEAD]


def test_upgrading_leaves_the_configuration_of_logging_alone(empty_url: str) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers), logging.getLogger("alembic").handlers[:])
    open_ledger(empty_url, keyring=KEYRING)
    assert (root.level, list(root.handlers), logging.getLogger("alembic").handlers[:]) == before


def test_other_migrations_in_the_same_database_are_not_touched(empty_url: str) -> None:
    ledger = Ledger(empty_url, keyring=KEYRING)
    make_empty(ledger)
    with ledger.database.writing() as connection:
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES ('of Airflow')"))
    upgrade(ledger.database)
    with ledger.database.reading() as connection:
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == "of Airflow"


def test_the_wheel_carries_the_migrations(tmp_path: Path) -> None:
    from hatchling.builders.wheel import WheelBuilder  # noqa: PLC0415 # the build backend, for this test alone

    (wheel,) = WheelBuilder(str(Path(__file__).parents[4])).build(directory=str(tmp_path), versions=["standard"])
    names = ZipFile(wheel).namelist()
    for name in ("env.py", "versions/r0001_runs_milestones_reports.py"):
        assert f"keyspaces_migration/ledger/migrations/{name}" in names
