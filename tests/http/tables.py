"""All rows of the school, to compare, to put back, and to tell whose were touched."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg import sql

_TABLES = """
select relname
from pg_catalog.pg_class
where relnamespace = 'lms'::regnamespace and relkind = 'r'
order by relname
"""
_COLUMNS = """
select attname
from pg_catalog.pg_attribute
where attrelid = %s::regclass and attnum > 0 and not attisdropped and attgenerated = ''
order by attnum
"""


class Tables:
    """The tables of the schema `lms`, read and restored by a superuser."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.names = [name for (name,) in connection.execute(_TABLES)]
        self._rows = sql.SQL(" union all ").join(
            # last_seen_at is no business of a request's: it is noted once a minute.
            sql.SQL("select {} || ' ' || (to_jsonb(t) - 'last_seen_at')::text from lms.{} as t").format(
                sql.Literal(name), sql.Identifier(name)
            )
            for name in self.names
        )
        self._back = {name: self._refilling(name) for name in self.names}

    def _refilling(self, name: str) -> sql.Composed:
        columns = sql.SQL(", ").join(
            sql.Identifier(column) for (column,) in self.connection.execute(_COLUMNS, (f"lms.{name}",))
        )
        return sql.SQL("insert into lms.{0} ({1}) select {1} from saved.{0}").format(
            sql.Identifier(name), columns
        )

    def rows(self) -> Counter[str]:
        """Every row, as its table and its JSON."""
        return Counter(row for (row,) in self.connection.execute(self._rows))

    def save(self) -> None:
        """Keep a copy of every row, for `restore`."""
        self.connection.execute("create schema saved")
        for name in self.names:
            self.connection.execute(
                sql.SQL("create table saved.{0} as table lms.{0}").format(sql.Identifier(name))
            )

    def restore(self, names: Iterable[str] | None = None) -> None:
        """Make the rows of these tables, or of all, what they were when they were saved."""
        wanted = self.names if names is None else list(names)
        if not wanted:
            return
        with self.connection.transaction():
            self.connection.execute("set local session_replication_role = replica")  # no foreign keys
            for name in wanted:
                self.connection.execute(sql.SQL("delete from lms.{}").format(sql.Identifier(name)))
                self.connection.execute(self._back[name])


def touched(before: Counter[str], after: Counter[str]) -> list[str]:
    """The rows that are no longer what they were, as they were and as they are."""
    return sorted((before - after) + (after - before))
