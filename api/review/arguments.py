"""Values to try a statement with, found by the names and types of its parameters.

A row of the demo school, with the rows that it refers to, fills whatever parameters are named like its
columns: `course_id`, `week_number`, `title`. The rest follows from the type. A new noun needs nothing here.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType
from typing import Any, get_args, get_origin

import psycopg
from psycopg import sql
from pydantic import BaseModel

from api.database.parameters import Patch
from api.database.queries import Parameter, Query
from api.database.query import Source
from api.review.catalogue import Catalogue, ForeignKey, Table

Row = dict[str, Any]
Values = dict[str, str | None]
"""By the name of the parameter, as text."""

ABSENT_ID = "00000000-0000-7000-8000-000000000000"
STALE_VERSION = "1000000"
UNKNOWN_TOKEN = "\\x" + "00" * 32

_BY_NAME: dict[str, str | None] = {"after_id": None, "page_limit": "2", "page_offset": "0"}
_BY_TYPE: dict[str, str] = {
    "bigint": "1",
    "boolean": "false",
    "bytea": "\\x" + "01" * 32,
    "date": "2026-09-01",
    "integer": "1",
    "jsonb": "{}",
    "smallint": "201",
    "text": "sample",
    "timestamptz": "2026-09-01T06:00:00Z",
    "uuid": ABSENT_ID,
}

_ROWS = 6


def contexts(connection: psycopg.Connection[Any], catalogue: Catalogue, query: Query) -> list[Row]:
    """Rows to fill the parameters with: of the table named like the folder, or of the one that fits best."""
    names = {parameter.name for parameter in query.parameters} - {"token_hash"}
    table = catalogue.tables.get(query.name.partition("/")[0])
    if table is None:
        table = max(catalogue.tables.values(), key=lambda candidate: len(candidate.columns & names))
    rows = _rows(connection, table)
    for row in rows:
        _add_parents(connection, catalogue, table, row, {table.name})
    if not any(row.keys() & names for row in rows) and not any(p.type == "jsonb" for p in query.parameters):
        return rows[:1] or [{}]
    return rows or [{}]


def _rows(connection: psycopg.Connection[Any], table: Table) -> list[Row]:
    """A few rows; of a table whose key has parts, one for each value of all parts but the last."""
    parts = [sql.Identifier(column) for column in table.key]
    some = (
        sql.SQL("distinct on ({})").format(sql.SQL(", ").join(parts[:-1])) if len(parts) > 1 else sql.SQL("")
    )
    statement = sql.SQL(
        "select {some} to_jsonb(rows) from lms.{table} as rows order by {key} limit {limit}"
    ).format(some=some, table=sql.Identifier(table.name), key=sql.SQL(", ").join(parts), limit=_ROWS)
    return [row for (row,) in connection.execute(statement)]


def _add_parents(
    connection: psycopg.Connection[Any], catalogue: Catalogue, table: Table, row: Row, seen: set[str]
) -> None:
    for key in table.parents:
        parent = None if key.parent in seen else _parent(connection, key, row)
        if parent is not None:
            seen.add(key.parent)
            for column, value in parent.items():
                row.setdefault(column, value)
            _add_parents(connection, catalogue, catalogue.tables[key.parent], row, seen)


def _parent(connection: psycopg.Connection[Any], key: ForeignKey, row: Row) -> Row | None:
    matches = sql.SQL(" and ").join(
        sql.SQL("to_jsonb(parents) ->> {} = {}").format(parent_column, str(row.get(column)))
        for column, parent_column in zip(key.columns, key.parent_columns, strict=True)
    )
    statement = sql.SQL("select to_jsonb(parents) from lms.{} as parents where {}").format(
        sql.Identifier(key.parent), matches
    )
    found = connection.execute(statement).fetchone()
    return None if found is None else found[0]


def attempts(
    query: Query, sources: Mapping[str, Source], context: Row, catalogue: Catalogue, token_hash: str
) -> Iterator[Values]:
    """Sets of values: the row as it is, the same with texts nobody has, and each with one value changed."""
    usual = {
        parameter.name: _value(parameter, sources[parameter.name].type, context)
        for parameter in query.parameters
    }
    if "token_hash" in usual:
        usual["token_hash"] = token_hash
    taken = set().union(*(table.unique for table in catalogue.tables.values()))
    fresh = usual | {
        parameter.name: _other_text(usual[parameter.name])
        for parameter in query.parameters
        if parameter.type == "text" and parameter.name in taken
    }
    for start in [usual] if fresh == usual else [usual, fresh]:
        yield start
        for parameter in query.parameters:
            for value in _alternatives(parameter, sources[parameter.name].type, context, start):
                yield start | {parameter.name: value}


def ordered(query: Query, values: Values) -> Sequence[str | None]:
    """The values in the order of `$n`."""
    return [values[parameter.name] for parameter in query.parameters]


def _value(parameter: Parameter, hint: Any, context: Row) -> str | None:
    if parameter.name in _BY_NAME:
        return _BY_NAME[parameter.name]
    if parameter.type == "jsonb":
        return json.dumps(_sample(hint, context))
    if parameter.name in context:
        value = context[parameter.name]
        return value if value is None or isinstance(value, str) else json.dumps(value)
    return _BY_TYPE[parameter.type]


def _alternatives(parameter: Parameter, hint: Any, context: Row, start: Values) -> Iterator[str | None]:
    if NoneType in get_args(hint) and start[parameter.name] is not None:
        yield None
    if parameter.name == "after_id":
        yield ABSENT_ID
    elif parameter.name == "version":
        yield STALE_VERSION
    elif parameter.name == "page_limit":
        yield "100"
    elif parameter.name == "page_offset":
        yield "1"
    elif parameter.type == "boolean":
        yield "true"
    elif parameter.type == "uuid":
        yield ABSENT_ID
    elif parameter.type == "bytea":
        yield UNKNOWN_TOKEN
    elif parameter.type == "jsonb":
        yield "[]" if get_origin(hint) is list else "{}"
        yield from (json.dumps({name: value}) for name, value in _sample_fields(hint, context))


def _sample(hint: Any, context: Row) -> Any:
    """A JSON value of this annotation, out of a row."""
    if get_origin(hint) is list:
        return [_sample(get_args(hint)[0], context)]
    return dict(_sample_fields(hint, context))


def _sample_fields(hint: Any, context: Row) -> Iterator[tuple[str, Any]]:
    model = get_args(hint)[0] if get_origin(hint) is Patch else hint
    if isinstance(model, type) and issubclass(model, BaseModel):
        for name in model.model_fields:
            if name in context:
                yield name, context[name]


def _other_text(value: str | None) -> str | None:
    """A text of the same form that nobody has yet."""
    return None if value is None else value + value[-1:] * 3
