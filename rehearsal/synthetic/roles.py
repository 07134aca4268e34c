"""What else the history says of a row beside its columns, and whether a column of the table says it already."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Self

from keyspaces_migration.cql.types import Scalar, ScalarName
from keyspaces_migration.snowflake_names import stored_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from keyspaces_migration.config import Table

# Types of which there is a value before and after; a number in text is not in the order of its value.
_STEPS = frozenset(
    map(Scalar, (ScalarName.TINYINT, ScalarName.SMALLINT, ScalarName.INT, ScalarName.BIGINT, ScalarName.TIMESTAMP))
)


class Role(Enum):
    """What a column of the history is for. Where one column has several, the first here decides what is in it."""

    EXPIRY = "expiry"
    WRITE_TIME = "write_time"
    DELETED = "deleted"
    VERSION = "version"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What there is to know of a table to make rows of it, found once: it is asked for each row.

    Attributes:
        key: The columns of the primary key.
        regular: Those that are neither key nor static.
        stored: Snowflake's name of each column, as its catalogue has it.
        named: The names in the history, likewise, of the columns that the migration file gives a role.
        owners: The table's own column by the role that its column of the history has, such as `updated_at` as version.
        may_repeat: Whether a key may come several times in the history, one of them being the newest by its version.
        expires: Whether rows have a time to live.
    """

    key: tuple[str, ...]
    regular: tuple[str, ...]
    stored: Mapping[str, str]
    named: Mapping[Role, str]
    owners: Mapping[Role, str]
    may_repeat: bool
    expires: bool

    @classmethod
    def of(cls, table: Table) -> Self:
        """Find them.

        Raises:
            ValueError: A column of the table is of another type than its role in the history.
        """
        schema, types = table.schema_, table.schema_.column_types
        stored = {name: stored_name(table.history_column(name)) for name in types}
        named = _named(table)
        columns = {place: name for name, place in stored.items()}
        owners = {role: columns[place] for role, place in named.items() if place in columns}
        for role, name in owners.items():
            if (wanted := _TYPES.get(role)) is not None and types[name] != wanted:
                raise ValueError(
                    f"the history's {named[role]} is the table's own column {name}, a {types[name]}, and is also its "
                    f"{role.value} column, which has to be a {wanted}"
                )
        version = owners.get(Role.VERSION)
        steps = version is None or (version not in schema.primary_key and types[version] in _STEPS)
        return cls(
            key=schema.primary_key,
            regular=tuple(column.name for column in schema.regular_columns),
            stored=stored,
            named=named,
            owners=owners,
            may_repeat=Role.VERSION in named and steps,
            expires=table.expires,
        )

    def owner(self, role: Role, *, in_key: bool) -> str | None:
        """The table's own column of a role, if it has one, and that is part of the key or is not, as asked."""
        column = self.owners.get(role)
        return column if column is not None and (column in self.key) is in_key else None


_TYPES = {
    Role.EXPIRY: Scalar(ScalarName.TIMESTAMP),
    Role.WRITE_TIME: Scalar(ScalarName.TIMESTAMP),
    Role.DELETED: Scalar(ScalarName.BOOLEAN),
}


def _named(table: Table) -> dict[Role, str]:
    history = table.history
    written = {
        Role.EXPIRY: history.expiry_column,
        Role.WRITE_TIME: history.write_time_column,
        Role.DELETED: history.deleted_column,
        Role.VERSION: history.version_column,
    }
    return {role: stored_name(name) for role, name in written.items() if name is not None}
