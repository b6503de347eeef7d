"""What PostgreSQL says about a statement, asked as the service asks: the extended protocol, and the role it names.

libpq's calls are used as they are, because a statement's `$n` must reach the server untouched and with no
types but those that the server infers, as they do from asyncpg.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import Any

import psycopg
from psycopg import pq, sql
from psycopg.pq.abc import PGresult

_SETTINGS = {
    # As on the role, which `set role` does not bring; an empty path finds every name that is not qualified.
    "search_path": "",
    "timezone": "UTC",
    "statement_timeout": "5s",
    "lock_timeout": "3s",
}


class StatementError(Exception):
    """The server refused a statement."""

    def __init__(self, result: PGresult) -> None:
        def told(field: pq.DiagnosticField) -> str | None:
            value = result.error_field(field)
            return None if value is None else value.decode()

        self.code = told(pq.DiagnosticField.SQLSTATE) or ""
        self.constraint = told(pq.DiagnosticField.CONSTRAINT_NAME)
        self.sentence = told(pq.DiagnosticField.MESSAGE_PRIMARY) or "it failed"
        position = told(pq.DiagnosticField.STATEMENT_POSITION)
        self.position = None if position is None else int(position) - 1
        super().__init__(self.sentence)


@dataclass(frozen=True, slots=True)
class Column:
    """A result column: its name, and its type as `format_type` spells it, timestamptz in short."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement that the server has parsed."""

    name: str
    parameters: tuple[str, ...]
    columns: tuple[Column, ...]


Rows = list[tuple[str | None, ...]]
"""What a statement gave, as text."""


class Server:
    """One transaction on a migrated database, which is always rolled back."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self._names = (f"check_{number}" for number in count(1))

    @contextmanager
    def as_role(self, role: str) -> Iterator[None]:
        """Within the block be this role, with the settings of the service's sessions, which then stay."""
        for name, value in _SETTINGS.items():
            self.connection.execute("select set_config(%s, %s, true)", (name, value))
        self.connection.execute(sql.SQL("set local role {}").format(sql.Identifier(role)))
        yield
        self.connection.execute("set local role none")

    def prepare(self, text: str) -> Prepared:
        """Parse a statement and tell its types. Raises StatementError."""
        name = next(self._names)
        pgconn = self.connection.pgconn
        with self._kept():
            _succeed(pgconn.prepare(name.encode(), text.encode()))
            described = _succeed(pgconn.describe_prepared(name.encode()))
        return Prepared(
            name,
            tuple(self._types[described.param_type(i)] for i in range(described.nparams)),
            tuple(
                Column((described.fname(i) or b"").decode(), self._types[described.ftype(i)])
                for i in range(described.nfields)
            ),
        )

    def explain(self, prepared: Prepared) -> None:
        """Plan a statement, without running it. Raises StatementError, above all where a grant is missing."""
        nulls = sql.SQL(", ").join([sql.NULL] * len(prepared.parameters))
        arguments = sql.SQL("({})").format(nulls) if prepared.parameters else sql.SQL("")
        command = sql.SQL("explain execute {}{}").format(sql.Identifier(prepared.name), arguments)
        with self._kept():
            _succeed(self.connection.pgconn.exec_(command.as_bytes(self.connection)))

    def run(self, prepared: Prepared, values: Sequence[str | None], *, seed: float | None = None) -> Rows:
        """Run a statement, undo what it did, and give its rows. Raises StatementError.

        With a seed, `random()` gives the same numbers each time.
        """
        with self._undone():
            if seed is not None:
                self._send(sql.SQL("select pg_catalog.setseed({})").format(seed).as_bytes(self.connection))
            result = _succeed(
                self.connection.pgconn.exec_prepared(
                    prepared.name.encode(),
                    # psycopg's annotation forgets that a value may be null.
                    [None if value is None else value.encode() for value in values],  # type: ignore[misc]
                )
            )
            return [
                tuple(_text(result.get_value(row, column)) for column in range(result.nfields))
                for row in range(result.ntuples)
            ]

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """Keep the transaction alive where the block fails."""
        self._send(b"savepoint kept")
        try:
            yield
        except StatementError:
            self._send(b"rollback to savepoint kept")
            raise
        finally:
            self._send(b"release savepoint kept")

    @contextmanager
    def _undone(self) -> Iterator[None]:
        self._send(b"savepoint undone")
        try:
            yield
        finally:
            self._send(b"rollback to savepoint undone; release savepoint undone")

    def _send(self, command: bytes) -> None:
        # Thousands of these go by, and psycopg's own way takes four times as long.
        _succeed(self.connection.pgconn.exec_(command))

    @cached_property
    def _types(self) -> Mapping[int, str]:
        return dict(
            self.connection.execute(
                "select oid, case oid when 'timestamptz'::regtype then 'timestamptz' "
                "else pg_catalog.format_type(oid, null) end from pg_catalog.pg_type"
            ).fetchall()
        )


def _succeed(result: PGresult) -> PGresult:
    if result.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
        raise StatementError(result)
    return result


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


@contextmanager
def rolled_back(url: str) -> Iterator[Server]:
    """A transaction on the database of this address, undone at the end."""
    with psycopg.connect(url, connect_timeout=10, prepare_threshold=None) as connection:
        try:
            yield Server(connection)
        finally:
            connection.rollback()
