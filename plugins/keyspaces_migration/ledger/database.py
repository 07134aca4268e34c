"""Transactions on the ledger's database, alike on SQLite and PostgreSQL."""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DatabaseError, InterfaceError, NoSuchModuleError, OperationalError

from keyspaces_migration.ledger.errors import LedgerAddressError, LedgerDamagedError, LedgerUnreachableError

_BUSY_TIMEOUT_S = 60
_CONNECT_TIMEOUT_S = 10
_BETWEEN_CONNECTS_S = (0.02, 0.2)
# The driver gives no SQLSTATE (it is 53300) for a connection that was refused; before the login the server speaks its
# own language, so one that is not set to English is not understood, and the task's retry has to wait.
_NO_CONNECTION_IS_FREE = (
    "too many clients already",
    "remaining connection slots are reserved",
    "too many connections for",
)
_INSERT: dict[str, Callable[[sa.Table], sqlite.Insert | postgresql.Insert]] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}
_WRITES = "ledger_writes"
_ENFORCES = "ledger_enforces_references"


@dataclass(frozen=True)
class Address:
    """Where a ledger is; `str()` of it holds no login, password or option."""

    url: sa.URL

    @classmethod
    def parse(cls, url: str | sa.URL) -> "Address":
        """Read an SQLAlchemy URL.

        Raises:
            LedgerAddressError: Not a URL, not SQLite or PostgreSQL, or an SQLite that is not one file.
        """
        try:
            parsed = sa.make_url(url)
        except (ArgumentError, ValueError):
            # Not chained, and not quoted: the text may hold a password.
            raise LedgerAddressError(
                "The ledger's address is no database URL; write sqlite:////folder/ledger.db or postgresql://host/database"
            ) from None
        if parsed.get_backend_name() not in _INSERT:
            raise LedgerAddressError(f"A ledger is kept in PostgreSQL or SQLite, not in {parsed.get_backend_name()!r}")
        address = cls(parsed)
        if address.is_sqlite and not Path(parsed.database or "").is_absolute():
            found = parsed.database or ":memory:"
            raise LedgerAddressError(
                f"The SQLite ledger at {found!r} is not one file for every process; give the absolute path of a file"
            )
        return address

    @property
    def is_sqlite(self) -> bool:
        """Whether the ledger is a file of this machine."""
        return self.url.get_backend_name() == "sqlite"

    @property
    def file(self) -> Path:
        """The SQLite file."""
        return Path(self.url.database or "")

    def __str__(self) -> str:
        """For messages."""
        if self.is_sqlite:
            return f"SQLite file {self.file}"
        port = f":{self.url.port}" if self.url.port else ""
        return f"PostgreSQL database {self.url.database} on {self.url.host or 'the local socket'}{port}"

    __repr__ = __str__


class Database:
    """Transactions at one address. A connection lives as long as its transaction, so none crosses a fork."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._engine: sa.Engine | None = None
        self._one_state: ContextVar[sa.Connection | None] = ContextVar("one_state", default=None)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that sees one state of the ledger.

        Raises:
            LedgerUnreachableError: The database does not answer.
        """
        held = self._one_state.get()
        if held is not None:
            yield held
            return
        with self._transaction(writes=False) as connection:
            yield connection

    @contextmanager
    def one_state(self) -> Iterator[None]:
        """Let every `reading` inside, on this thread, see the same state.

        Raises:
            LedgerUnreachableError: The database does not answer.
        """
        with self.reading() as connection:
            token = self._one_state.set(connection)
            try:
                yield
            finally:
                self._one_state.reset(token)

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that commits at its end.

        Raises:
            LedgerUnreachableError: The database does not answer, or is locked beyond patience.
        """
        with self._transaction(writes=True) as connection:
            yield connection

    @contextmanager
    def migrating(self) -> Iterator[sa.Connection]:
        """A writing transaction for changes of the schema.

        SQLite changes a constraint by making the table anew and dropping the old one, which it refuses while rows refer
        to it. So foreign keys are not enforced meanwhile, and are checked as a whole before the end
        (https://www.sqlite.org/lang_altertable.html, the procedure of twelve steps).

        Raises:
            LedgerUnreachableError: The database does not answer, or is locked beyond patience.
            LedgerDamagedError: A row refers to one that is not there; nothing was changed.
        """
        with self._transaction(writes=True, enforces_references=False) as connection:
            yield connection
            if self.address.is_sqlite:
                dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                if dangling:
                    raise LedgerDamagedError(
                        f"The ledger ({self.address}) would have {len(dangling)} rows that refer to none, the first in "
                        f"table {dangling[0][0]}. Its schema stays as it was: find out who wrote them"
                    )

    @contextmanager
    def _transaction(self, *, writes: bool, enforces_references: bool = True) -> Iterator[sa.Connection]:
        self._engine = self._engine or self._new_engine()
        options: dict[str, Any] = {_WRITES: writes, _ENFORCES: enforces_references}
        if not writes and not self.address.is_sqlite:
            # By default each statement of PostgreSQL's sees a state of its own.
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        try:
            with self._connected(self._engine) as opened:
                connection = opened.execution_options(**options)
                with connection.begin():
                    yield connection
        except (OperationalError, InterfaceError) as error:
            raise self._unreachable(error) from error
        except DatabaseError as error:
            # The driver has no narrower class for a file that is damaged or no database at all.
            if type(error) is not DatabaseError:
                raise
            raise self._unreachable(error) from error

    def _connected(self, engine: sa.Engine) -> sa.Connection:
        """A connection; while the server has as many as it takes, wait for one to end."""
        deadline = time.monotonic() + _BUSY_TIMEOUT_S
        while True:
            try:
                return engine.connect()
            except OperationalError as error:
                full = any(text in str(error.orig) for text in _NO_CONNECTION_IS_FREE)
                if not full or time.monotonic() > deadline:
                    raise
            # Not all at once again. Each transaction here takes milliseconds.
            time.sleep(random.uniform(*_BETWEEN_CONNECTS_S))  # noqa: S311 # no secret

    def _new_engine(self) -> sa.Engine:
        options: dict[str, Any] = {"poolclass": sa.NullPool, "hide_parameters": True}
        try:
            if self.address.is_sqlite:
                return _sqlite_engine(self.address.file, options=options)
            return sa.create_engine(self.address.url, connect_args={"connect_timeout": _CONNECT_TIMEOUT_S}, **options)
        except (ModuleNotFoundError, NoSuchModuleError) as error:
            raise LedgerAddressError(f"The {self.address} needs a driver that is not installed: {error}") from error

    def _unreachable(self, error: DatabaseError | InterfaceError) -> LedgerUnreachableError:
        found = str(error.orig).strip()
        return LedgerUnreachableError(f"The ledger ({self.address}) could not be used: {found}. {self._advice(found)}")

    def _advice(self, found: str) -> str:
        if any(text in found for text in _NO_CONNECTION_IS_FREE):
            return f"It was full for {_BUSY_TIMEOUT_S} s: raise its max_connections, or run fewer workers at once"
        if not self.address.is_sqlite:
            return "Check that the server runs, and the login and database of the ledger's connection"
        if "unable to open" in found:
            return "If it is a new ledger, create it: LEDGER_URL=… python -m keyspaces_migration.ledger upgrade"
        if "locked" in found:
            return f"Another process has held it for {_BUSY_TIMEOUT_S} s; find it with: fuser {self.address.file}"
        return "Check the file, its folder's permissions and the free space on its disk"


def insert_once(connection: sa.Connection, table: sa.Table, values: dict[str, Any], *, key: tuple[str, ...]) -> bool:
    """Insert a row unless one with the same `key` is there; whether this call inserted it.

    `key` names the columns of a unique constraint: the database decides between two that write at once.
    """
    insert = _INSERT[connection.dialect.name](table).on_conflict_do_nothing(index_elements=key)
    return connection.execute(insert.values(values)).rowcount == 1


def create_sqlite_file(file: Path) -> None:
    """An empty database in WAL mode, which its file remembers: a writer then does not hold up readers.

    Raises:
        LedgerUnreachableError: It could not be written.
    """
    try:
        file.unlink(missing_ok=True)
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
    except (OSError, sqlite3.Error) as error:
        raise LedgerUnreachableError(f"The ledger could not be created as {file}: {error}. Check the folder") from error


def _sqlite_engine(file: Path, *, options: dict[str, Any]) -> sa.Engine:
    # Without the mode, reading at a mistyped path would leave an empty database there.
    url = f"sqlite+pysqlite:///file:{quote(str(file))}?mode=rw&uri=true"
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY_TIMEOUT_S}, **options)

    @sa.event.listens_for(engine, "connect")
    def configure(dbapi_connection: Any, _record: object) -> None:  # noqa: ANN401 # SQLAlchemy types it so
        # The module would begin transactions by itself, too late and never IMMEDIATE: `begin` below does.
        dbapi_connection.isolation_level = None
        dbapi_connection.execute("PRAGMA foreign_keys = ON")
        dbapi_connection.execute("PRAGMA synchronous = FULL")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        # A writer that begins as a reader may find its snapshot stale, and is then refused without a wait.
        options = connection.get_execution_options()
        writes = options.get(_WRITES, False)
        if not options.get(_ENFORCES, True):
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")  # heeded outside a transaction alone
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine
