"""The SQL of operations: query files as in sql/, beside the code that sends them, run on psycopg.

    api/operations/sql/    what `lms import`, `lms users`, `lms mail` and `lms performance` send
    seeds/sql/             what `lms seed` sends

They have the form of sql/README.md, `$n` and header included, so that a DBA reads and EXPLAINs them the same
way and finds them by name in pg_stat_statements. They do not lie in sql/, because that folder is exactly what
the service can send: these run as an owner, do not ask `lms.actor()` for leave, and have no repository.
"""

from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from psycopg.rows import class_row

from api.database.queries import load_query

Row = TypeVar("Row")


def rows(
    connection: psycopg.Connection[Any], folder: Path, name: str, model: type[Row], *parameters: object
) -> list[Row]:
    """The rows of a statement, such as `import_courses/read_term` of a folder of query files."""
    # A raw cursor leaves `$n` alone: the server gets the file byte for byte.
    with psycopg.RawCursor(connection, row_factory=class_row(model)) as cursor:
        return cursor.execute(_text(folder, name), parameters).fetchall()


def count(connection: psycopg.Connection[Any], folder: Path, name: str, *parameters: object) -> int:
    """How many rows a statement that writes has written."""
    with psycopg.RawCursor(connection) as cursor:
        return cursor.execute(_text(folder, name), parameters).rowcount


@cache
def _text(folder: Path, name: str) -> bytes:
    return load_query(name, folder).text.encode()
