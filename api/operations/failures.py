"""What a command says when something goes wrong that may go wrong: one sentence, no traceback."""

from typing import Final

import asyncpg
import psycopg
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from api.database.embedded import EmbeddedError
from api.storage.store import StorageError


class FailureError(Exception):
    """Why a command cannot do its work, in a sentence for whoever gave it."""


_NO_CONNECTION: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    ConnectionError,
    TimeoutError,
)
_NO_PRIVILEGE: Final = (asyncpg.InsufficientPrivilegeError, psycopg.errors.InsufficientPrivilege)
_NOT_MIGRATED: Final = (
    asyncpg.InvalidSchemaNameError,
    asyncpg.UndefinedTableError,
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.UndefinedTable,
)


def sentence_for(error: BaseException) -> str | None:
    """What to tell the user. None for what nobody expects: that deserves its traceback."""
    match error:
        case FailureError() | EmbeddedError() | StorageError():
            sentence = str(error)
        case ValidationError(title="Settings"):
            sentence = "; ".join(_about_setting(detail) for detail in error.errors())
        case psycopg.Error() | asyncpg.PostgresError() | OSError():
            sentence = _about_database(error)
        case _:
            return None
    return sentence if sentence.endswith((".", "?", "!")) else f"{sentence}."


def _about_setting(detail: ErrorDetails) -> str:
    """What is wrong with one variable. Never its value: that may be a password."""
    name = "_".join(str(part) for part in detail["loc"]).upper()
    return f"LMS_{name}: {detail['msg'].removeprefix('Value error, ')}"


def _about_database(error: psycopg.Error | asyncpg.PostgresError | OSError) -> str:
    said = _first_line(error)
    # A refused or failed connection is all that psycopg gives no SQLSTATE to.
    unconnected = isinstance(error, psycopg.OperationalError) and error.sqlstate is None
    if unconnected or isinstance(error, _NO_CONNECTION):
        return f"No connection to PostgreSQL ({said}): check LMS_DATABASE_URL and LMS_MIGRATION_URL"
    if isinstance(error, _NO_PRIVILEGE):
        return f"PostgreSQL refused ({said}): LMS_MIGRATION_URL has to name a database owner or administrator"
    if isinstance(error, _NOT_MIGRATED):
        return f"The database is not ready ({said}): run `lms migrate` first"
    if isinstance(error, OSError):
        return said
    return f"PostgreSQL refused: {said} (SQLSTATE {error.sqlstate})"


def _first_line(error: BaseException) -> str:
    """The first line of a message, without the words that psycopg and PostgreSQL put before the reason."""
    said = str(error).strip().partition("\n")[0] or type(error).__name__
    said = said.removeprefix("connection failed: ").removeprefix("connection is bad: ")
    return said.replace("FATAL:  ", "").rstrip(". ")
