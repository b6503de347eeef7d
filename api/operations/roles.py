"""Who may log in to the database, and what the database is for."""

from enum import StrEnum

import psycopg
from psycopg import sql

from api.database.roles import MIGRATION_ROLE, SERVICE_ROLE
from api.operations.failures import FailureError
from api.operations.targets import connect


class Environment(StrEnum):
    """What a database is for. Demo data are refused where it is production."""

    PRODUCTION = "production"
    STAGING = "staging"
    DEVELOPMENT = "development"


def give_login(admin_url: str, role: str, password: str | None) -> None:
    """Let a role of the migrations log in, with a password if there is one.

    Without, its password stays as it is, and pg_hba.conf decides what else lets it in. The password goes to
    the server hashed (SCRAM-SHA-256), so no log can hold it. Done twice, it stays done.

    Raises:
        FailureError: there is no such role yet, or the administrator may not change it.
        psycopg.OperationalError: no connection.
    """
    with connect(admin_url) as connection:
        try:
            connection.execute(_login_statement(connection, role, password))
            if role == SERVICE_ROLE:
                # Lists are written for the generic plan. Left to choose, PostgreSQL plans many of them anew for
                # each request, since it takes `offset $n` for a tenth of the rows.
                connection.execute("alter role lms_api set plan_cache_mode = 'force_generic_plan'")
            if role == MIGRATION_ROLE:
                # A later migration may make a schema; it will belong to the owner of the others.
                connection.execute(
                    sql.SQL("grant create on database {} to lms_owner").format(
                        sql.Identifier(connection.info.dbname)
                    )
                )
        except psycopg.errors.UndefinedObject:
            raise FailureError(f"There is no role {role}: run `lms migrate` first.") from None
        except psycopg.errors.InsufficientPrivilege:
            raise FailureError(
                f"{connection.info.user} may not change the role {role}: connect as a superuser or as "
                "whoever made the role."
            ) from None


def can_log_in(url: str) -> bool:
    """Whether the server lets this user in now. Whatever keeps him out counts as no."""
    try:
        connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def set_environment(admin_url: str, environment: Environment) -> str:
    """Record what the database is for, in `lms.deployments`; returns the name of the database.

    Raises:
        FailureError: the database is not migrated so far, or the user is no member of its owner.
        psycopg.OperationalError: no connection.
    """
    with connect(admin_url) as connection:
        database = connection.info.dbname
        try:
            connection.execute("update lms.deployments set environment = %s", (environment.value,))
        except (psycopg.errors.InvalidSchemaName, psycopg.errors.UndefinedTable):
            raise FailureError(f"{database} is not migrated so far: run `lms migrate` first.") from None
        except psycopg.errors.InsufficientPrivilege:
            raise FailureError(
                f"{connection.info.user} may not record what {database} is for: connect as its owner."
            ) from None
    return database


def _login_statement(connection: psycopg.Connection, role: str, password: str | None) -> sql.Composed:
    statement = sql.SQL("alter role {} login").format(sql.Identifier(role))
    if password is None:
        return statement
    hashed = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
    return statement + sql.SQL(" password {}").format(sql.Literal(hashed.decode()))
