"""The database that a command works on, found once for all commands."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from api.database import embedded
from api.operations import migrate
from api.operations.terminal import tell
from api.settings import Settings


@contextmanager
def owner_address(settings: Settings) -> Iterator[str]:
    """The address of the owner or administrator, tried.

    That is LMS_MIGRATION_URL, or LMS_DATABASE_URL, or the server of the data directory: the one that `lms up`
    runs at the moment, or one that runs for as long as the command.

    Raises:
        SystemExit: nothing is set and `lms up` never ran here.
        psycopg.OperationalError: no connection.
    """
    if settings.migration_url is None and settings.database_url is None:
        found = embedded.running_at(settings.data_dir)
        if found is not None:
            yield found
            return
        if embedded.has_data(settings.data_dir):
            tell(f"With the embedded PostgreSQL in {settings.data_dir}.")
            with embedded.running(settings.data_dir) as url:
                yield url
            return
    url = settings.require_migration_url()
    connect(url).close()
    yield url


@contextmanager
def migrated_address(settings: Settings) -> Iterator[str]:
    """The owner's address of a migrated database; without settings, of an empty one that is thrown away.

    Raises:
        EmbeddedError: no address is set, and no server can be started.
        psycopg.OperationalError: no connection.
    """
    if settings.migration_url is not None or settings.database_url is not None:
        with owner_address(settings) as url:
            yield url
        return
    with TemporaryDirectory(prefix="lms-") as directory:
        # PostgreSQL may run as another account, which has to pass through to what is its own.
        Path(directory).chmod(0o711)
        with embedded.running(Path(directory)) as url:
            migrate.apply(url)
            yield url


def connect(url: str, *, dbname: str | None = None) -> psycopg.Connection:
    """A connection in autocommit mode, given up after ten seconds unless the address says otherwise.

    Raises:
        psycopg.OperationalError: the server is not there, or refuses.
    """
    given = conninfo_to_dict(url)
    options: dict[str, Any] = {"connect_timeout": given.get("connect_timeout", 10)}
    if dbname is not None:
        options["dbname"] = dbname
    return psycopg.connect(url, autocommit=True, **options)


def create_database(url: str) -> bool:
    """Create the database that an address names, if the server is there and it is not; whether it did.

    Raises:
        psycopg.OperationalError: no connection, for another reason than that.
        psycopg.errors.InsufficientPrivilege: this user may not create databases.
    """
    try:
        connect(url).close()
    except psycopg.OperationalError as refusal:
        name = conninfo_to_dict(url).get("dbname")
        try:
            connection = connect(url, dbname="postgres")
        except psycopg.OperationalError:
            raise refusal from None
        with connection:
            query = "select from pg_catalog.pg_database where datname = %s"
            if name is None or connection.execute(query, [name]).fetchone() is not None:
                raise
            try:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(str(name))))
            except psycopg.errors.DuplicateDatabase:
                return False  # somebody else was faster
        return True
    return False
