"""`sql/schema.sql` says what the migrations make."""

import psycopg
import pytest

from api.review.schema import SCHEMA_FILE, dump
from tests.conftest import TestDatabase
from tests.support.postgres import Server


def _major_version(server: Server) -> int:
    with psycopg.connect(server.admin_url()) as connection:
        return connection.info.server_version // 10_000


def test_the_file_is_what_the_embedded_server_dumps(server: Server, module_database: TestDatabase) -> None:
    if _major_version(server) != 18:
        pytest.skip(
            "other versions spell some of it otherwise; the next test compares the schemas themselves"
        )
    assert dump(module_database.admin_url, server.programs) == SCHEMA_FILE.read_text(encoding="utf-8"), (
        "run python -m api.review.schema"
    )


def test_the_file_makes_the_schema_that_the_migrations_make(
    server: Server, module_database: TestDatabase, empty_database: str
) -> None:
    def restored(schema: str) -> str:
        """The dump of what a dump makes: only then are nested conditions spelled alike."""
        with psycopg.connect(empty_database) as connection:
            connection.execute("drop schema if exists lms, lms_import cascade")
            connection.execute(schema.encode())
        return dump(empty_database, server.programs)

    migrated = dump(module_database.admin_url, server.programs)
    assert restored(SCHEMA_FILE.read_text(encoding="utf-8")) == restored(migrated)


@pytest.mark.parametrize(
    "change",
    [
        "alter table lms.terms add column note text",
        "alter table lms.terms drop constraint terms_dates_ck",
        "comment on column lms.terms.code is 'Something else.'",
        "grant update (archived_at) on lms.terms to lms_api",
        "alter table lms.terms owner to lms_migrate",
        "alter table lms.terms disable row level security",
        "drop policy terms_own_roles on lms.terms",
        "alter function lms.actor(bytea) stable strict",
        "drop index lms.sessions_expires_at_ix",
    ],
)
def test_the_dump_shows(server: Server, database: TestDatabase, change: str) -> None:
    before = dump(database.admin_url, server.programs)
    with psycopg.connect(database.admin_url) as connection:
        connection.execute(psycopg.sql.SQL(change))
    assert dump(database.admin_url, server.programs) != before
