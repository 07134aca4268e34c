"""The writer's calls as CQL through the dual session, as by an application that keeps its statements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from keyspaces_migration.cql.identifiers import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from keyspaces_migration.dual_write.bounds import Bound
    from keyspaces_migration.dual_write.session import DualSession


class ByCql:
    """Writes as `DualWriter` does, by text and values."""

    def __init__(self, session: DualSession) -> None:
        self._session = session

    def insert(self, table: str, row: Mapping[str, Any], *, ttl_s: int | None = None) -> object:
        """Insert a row."""
        marks = ", ".join("?" * len(row))
        cql = f"INSERT INTO {quote(table)} ({', '.join(map(quote, row))}) VALUES ({marks}){_using(ttl_s)}"  # noqa: S608 -- names are quoted
        return self._session.execute(cql, (*row.values(), *_given(ttl_s)))

    def update(
        self, table: str, key: Mapping[str, Any], columns: Mapping[str, Any], *, ttl_s: int | None = None
    ) -> object:
        """Set columns of a row."""
        sets, where = _equal(columns, ", "), _equal(key, " AND ")
        cql = f"UPDATE {quote(table)}{_using(ttl_s)} SET {sets} WHERE {where}"  # noqa: S608 -- names are quoted
        return self._session.execute(cql, (*_given(ttl_s), *columns.values(), *key.values()))

    def delete_row(self, table: str, key: Mapping[str, Any]) -> object:
        """Delete what the key names."""
        return self.delete_range(table, key)

    def delete_partition(self, table: str, key: Mapping[str, Any]) -> object:
        """Delete a partition."""
        return self.delete_range(table, key)

    def delete_range(self, table: str, key: Mapping[str, Any], bounds: Sequence[Bound] = ()) -> object:
        """Delete a range of rows."""
        ends = "".join(f" AND {quote(bound.column)} {bound.comparison.value} ?" for bound in bounds)
        cql = f"DELETE FROM {quote(table)} WHERE {_equal(key, ' AND ')}{ends}"  # noqa: S608 -- names are quoted
        return self._session.execute(cql, (*key.values(), *(bound.value for bound in bounds)))


def _using(ttl_s: int | None) -> str:
    return "" if ttl_s is None else " USING TTL ?"


def _given(ttl_s: int | None) -> tuple[int, ...]:
    return () if ttl_s is None else (ttl_s,)


def _equal(names: Iterable[str], separator: str) -> str:
    return separator.join(f"{quote(name)} = ?" for name in names)
