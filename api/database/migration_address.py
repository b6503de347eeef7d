"""Where migrations connect to: the address on yoyo's command line, or else the environment's."""

from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import ValidationError
from yoyo.connections import DatabaseURI

from api.database.migration_files import MigrationError
from api.settings import Settings

APPLICATION = "lms-migrations"
"""What pg_stat_activity shows, so that whoever waits can see who migrates."""

POOLER_PORTS = {"6432": "PgBouncer", "6543": "Supavisor"}


def connect(uri: DatabaseURI) -> psycopg.Connection:
    """A connection in autocommit mode, ready for scripts in UTF-8. Raises MigrationError.

    Nothing in the address means LMS_MIGRATION_URL, or else LMS_DATABASE_URL.
    """
    try:
        given = conninfo_to_dict(_conninfo(uri))
        for port in str(given.get("port") or "").split(","):
            _refuse_pooler(port)
        defaults: dict[str, Any] = {"fallback_application_name": APPLICATION, "connect_timeout": "10"}
        connection = psycopg.connect(
            make_conninfo(**{**defaults, **given, "client_encoding": "UTF8"}),
            autocommit=True,
            prepare_threshold=None,
        )
    except psycopg.Error as error:
        raise MigrationError(f"The database cannot be reached: {str(error).strip()}") from error
    try:
        # The port may also come from PGPORT or a service file.
        _refuse_pooler(str(connection.info.port))
    except MigrationError:
        connection.close()
        raise
    return connection


def _conninfo(uri: DatabaseURI) -> str:
    parts = {
        "host": uri.hostname,
        "port": uri.port,
        "user": uri.username,
        "password": uri.password,
        "dbname": uri.database,
    }
    given = {name: str(value) for name, value in parts.items() if value} | uri.args
    if not given:
        return _environment_url()
    if given.get("host", "").startswith("%"):
        raise MigrationError("Give a socket directory as postgresql+lms:///database?host=/directory.")
    return make_conninfo("", **given)


def _environment_url() -> str:
    try:
        return Settings().require_migration_url()
    except ValidationError as error:
        # Without the values: an address has a password in it.
        problems = (f"LMS_{'.'.join(map(str, e['loc']))}: {e['msg']}".upper() for e in error.errors())
        raise MigrationError("\n".join(problems)) from error


def _refuse_pooler(port: str) -> None:
    if pooler := POOLER_PORTS.get(port):
        raise MigrationError(
            f"Port {port} is {pooler}'s, a pooler, which may change the session between two statements; the "
            "migration lock is held by the session. Give the address of the server itself."
        )
