"""Too much privilege: what the service's role, and everybody else's, cannot do."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from api.operations import migrate
from tests.conftest import TestDatabase
from tests.support.postgres import Server
from tests.support.school import School, found_school

STRANGERS = {"anon": "", "authenticated": "", "service_role": "bypassrls"}
"""The roles through which Supabase serves a database to the world."""


@pytest.fixture(scope="module")
def owner(module_database: TestDatabase) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(module_database.admin_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def api(module_database: TestDatabase, school: School) -> Iterator[psycopg.Connection[Any]]:  # noqa: ARG001
    with psycopg.connect(
        module_database.server.url(module_database.name, "lms_api"), autocommit=True
    ) as connection:
        yield connection


@pytest.fixture(scope="module")
def strangers(server: Server) -> Iterator[list[str]]:
    with psycopg.connect(server.admin_url(), autocommit=True) as connection:
        made = [
            name
            for name in STRANGERS
            if not connection.execute("select from pg_roles where rolname = %s", (name,)).fetchone()
        ]
        for name in made:
            connection.execute(
                sql.SQL("create role {} nologin {}").format(sql.Identifier(name), sql.SQL(STRANGERS[name]))
            )
        yield list(STRANGERS)
        for name in made:
            connection.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))


def _all(connection: psycopg.Connection[Any], statement: str, *values: object) -> list[Any]:
    return connection.execute(sql.SQL(statement), values or None).fetchall()


def test_the_service_is_nobody_special(owner: psycopg.Connection[Any]) -> None:
    assert _all(
        owner,
        "select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls from pg_roles "
        "where rolname = 'lms_api'",
    ) == [(False, False, False, False, False)]
    assert _all(owner, "select from pg_auth_members where member = 'lms_api'::regrole") == []


def test_the_service_owns_nothing(owner: psycopg.Connection[Any]) -> None:
    assert _all(owner, "select from pg_shdepend where refobjid = 'lms_api'::regrole and deptype = 'o'") == []
    assert _all(
        owner,
        "select distinct nspowner::regrole::text from pg_namespace where nspname = 'lms' "
        "union select relowner::regrole::text from pg_class where relnamespace = 'lms'::regnamespace "
        "union select proowner::regrole::text from pg_proc where pronamespace = 'lms'::regnamespace",
    ) == [("lms_owner",)]


def test_the_service_makes_nothing_in_a_migrated_database(empty_database: str) -> None:
    # Not in a clone: privileges on a database are no part of what its template passes on.
    migrate.apply(empty_database)
    with psycopg.connect(empty_database) as connection:
        assert _all(
            connection,
            "select has_database_privilege('lms_api', current_database(), 'create'), "
            "has_database_privilege('lms_api', current_database(), 'temporary')",
        ) == [(False, False)]
        connection.execute("set role lms_api")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("create temporary table mine ()")


@pytest.mark.parametrize("privilege", ["truncate", "references", "trigger"])
def test_the_service_has_no_such_privilege_on_any_table(
    owner: psycopg.Connection[Any], privilege: str
) -> None:
    assert (
        _all(
            owner,
            "select relname from pg_class where relkind in ('r', 'p') and relnamespace::regnamespace::text "
            "in ('lms', 'lms_migrations', 'public') and has_table_privilege('lms_api', oid, %s)",
            privilege,
        )
        == []
    )


@pytest.mark.parametrize(
    "statement",
    [
        "create table lms.mine ()",
        "create table public.mine ()",
        "create table lms_migrations.mine ()",
        "create schema mine",
        "create function lms.mine() returns void language sql as ''",
        "alter table lms.terms add column mine text",
        "alter table lms.terms disable row level security",
        "drop table lms.terms",
        "drop function lms.actor(bytea)",
        "truncate lms.terms",
        "create index on lms.terms (title)",
        "create policy mine on lms.terms using (true)",
        "set role lms_owner",
        "set role lms_migrate",
        "alter role lms_api superuser",
        "select password_hash from lms.users",
        "select users from lms.users",
        "update lms.users set user_id = lms.uuidv7()",
        "update lms.users set created_at = now()",
        (
            "insert into lms.users (email, full_name, role, password_hash, settings) "
            "values ('a@school.example', 'A', 'student', '!', '{}')"
        ),
        "delete from lms.users",
        "update lms.sessions set user_id = user_id",
        "update lms.sessions set expires_at = now() + interval '1 year'",
        (
            "insert into lms.courses (code, title, term_id, lecturer_id, capacity, seats_taken) "
            "select 'C-1', 'C', term_id, lecturer_id, 1, 1 from lms.courses"
        ),
        "delete from lms.student_enrollments",
        "update lms.student_enrollments set student_id = student_id",
        "update lms.student_enrollments set course_id = course_id",
        "update lms.student_enrollments set enrolled_at = now()",
        "update lms.materials set origin = 'linked'",
        "update lms.materials set course_id = course_id",
        "update lms.materials set file_id = null",
        "insert into lms.files (file_id, due_at) values (lms.uuidv7(), now())",
        "insert into lms.files (state, due_at) values ('stored', now())",
        "update lms.files set due_at = now() + interval '1 year'",
        "update lms.files set course_id = course_id",
        "update lms.audit_events set changes = '{}'",
        "update lms.audit_events set action = action",
        "delete from lms.audit_events",
        "truncate lms.audit_events",
        "insert into lms.audit_events (audit_event_id, action) values (lms.uuidv7(), 'users.update')",
        "insert into lms.audit_events (occurred_at, action) values (now() - interval '1 day', 'users.update')",
        "select reply from lms.email_outbox",
        "update lms.email_outbox set state = 'sent'",
        "insert into lms.email_outbox (kind, user_id, state) select 'password_set', user_id, 'sent' from lms.users",
        "delete from lms.email_outbox",
        (
            "insert into lms.account_tokens (token_hash, user_id, expires_at) select sha256('a'), user_id, now() "
            "from lms.users"
        ),
        "update lms.account_tokens set expires_at = now()",
        "select lms.issue_account_token(sha256('a'), lms.uuidv7(), 1)",
        "select from lms.quiz_answer_keys",
        "select key from lms.quiz_answer_keys",
        "update lms.quiz_answer_keys set key_version = 1",
        "update lms.quiz_attempts set score = 1",
        "select lms.graded('[]', '{}', '{}', '{}')",
        "select from lms_import.oulad_students",
        "insert into lms_import.oulad_courses (line) values (1)",
        "delete from lms_import.oulad_registrations",
        "select from lms_import.oulad_assessments",
        "select from lms_import.oulad_results",
        "insert into lms_migrations._yoyo_migration (migration_hash, migration_id) values ('a', 'b')",
        "delete from lms_migrations._yoyo_migration",
        "copy lms.terms to '/tmp/terms'",
        "copy lms.terms to program 'cat'",
        "select pg_read_file('/etc/passwd')",
    ],
)
def test_the_service_cannot(api: psycopg.Connection[Any], statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        api.execute(sql.SQL(statement))


@pytest.mark.usefixtures("school")
@pytest.mark.parametrize(
    "statement",
    [
        "select password_hash from lms.users",
        "update lms.users set full_name = full_name",
        "select token_hash from lms.sessions",
        "select from lms.actor(sha256('a'))",
        "select from lms.credentials('a@school.example')",
        "select enrolled_at from lms.student_enrollments",
        "update lms.student_enrollments set state = state",
        "select answers from lms.quiz_attempts",
        "update lms.quiz_attempts set score = 1",
        "select from lms.quiz_answer_keys",
        "select from lms.account_tokens",
        (
            "insert into lms.account_tokens (token_hash, user_id, expires_at) "
            "select sha256('a'), user_id, now() + interval '1 day' from lms.users"
        ),
        (
            "insert into lms.email_outbox (kind, user_id, state) "
            "select 'password_set', user_id, 'sent' from lms.users"
        ),
        "insert into lms.email_outbox (kind, user_id) select 'password_set', user_id from lms.users",
        (
            "insert into lms.email_outbox (kind, user_id, course_id) "
            "select 'invitation', user_id, course_id from lms.users cross join lms.courses"
        ),
        "insert into lms.audit_events (action, changes) values ('users.privileges', '{}')",
        "update lms.email_outbox set user_id = user_id",
        "select from lms.audit_events",
        "create table lms.mine ()",
        "set role lms_api",
    ],
)
def test_the_worker_cannot(module_database: TestDatabase, statement: str) -> None:
    url = module_database.server.url(module_database.name, "lms_worker")
    with (
        psycopg.connect(url, autocommit=True) as worker,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        worker.execute(sql.SQL(statement))


COLUMNS = """
    select relname::text, attname::text,
        has_column_privilege('lms_api', attrelid, attnum, 'select'),
        has_column_privilege('lms_api', attrelid, attnum, 'insert'),
        has_column_privilege('lms_api', attrelid, attnum, 'update')
    from pg_attribute join pg_class on pg_class.oid = attrelid
    where relnamespace = 'lms'::regnamespace and relkind = 'r' and attnum > 0 and not attisdropped
"""

UNREAD = {"email_outbox": {"reply"}, "users": {"password_hash"}}
"""Columns that the service does not read."""
NONE_OF_ITS_BUSINESS = {"deployments", "quiz_answer_keys", "score_changes"}
"""Tables that it neither reads nor writes."""
INSERTED = {
    "audit_events": {"actor_id", "action", "user_id", "course_id", "changes"},
    "courses": {
        "code",
        "title",
        "description",
        "term_id",
        "lecturer_id",
        "capacity",
        "state",
        "mastery_policy",
    },
    "email_outbox": {"delivery_id", "kind", "user_id", "course_id"},
    "files": {"course_id", "due_at"},
    "materials": {
        "course_id",
        "week_number",
        "kind",
        "origin",
        "title",
        "url",
        "file_id",
        "crawled_at",
        "metadata",
    },
    "quiz_attempts": {"quiz_id", "quiz_version", "student_id", "attempt_number", "max_score", "due_at"},
    "quiz_versions": set[str](),
    "quizzes": {
        "course_id",
        "week_number",
        "title",
        "opens_at",
        "closes_at",
        "time_limit_seconds",
        "attempts_allowed",
        "score_policy",
        "feedback_policy",
    },
    "regrades": {"quiz_id", "requested_by"},
    "student_enrollments": {"student_id", "course_id", "state", "delivery_id"},
    "syllabus_weeks": {"course_id", "week_number", "topic", "objectives", "reading"},
    "terms": {"code", "title", "starts_on", "ends_on"},
    "topic_performance": set[str](),
    "users": {"email", "full_name", "role", "password_hash"},
}
"""Columns of a new row that the service fills; the rest is the database's. Its own tables are left out here."""
UPDATED = {
    "audit_events": set[str](),
    "courses": INSERTED["courses"] | {"seats_taken", "version", "syllabus_version", "updated_at"},
    "email_outbox": set[str](),
    "files": {"state", "name", "media_type", "byte_size", "sha256"},
    "materials": INSERTED["materials"] - {"course_id", "origin", "file_id"} | {"version", "updated_at"},
    "quiz_attempts": {"answers", "version"},
    "quiz_versions": set[str](),
    "quizzes": INSERTED["quizzes"] - {"course_id"} | {"state", "version", "updated_at"},
    "regrades": {"requests"},
    "student_enrollments": {"state", "delivery_id", "version", "updated_at"},
    "syllabus_weeks": {"topic", "objectives", "reading"},
    "terms": INSERTED["terms"] | {"version", "updated_at"},
    "topic_performance": set[str](),
    "users": INSERTED["users"] | {"settings", "settings_version", "version", "deactivated_at", "updated_at"},
}
DELETED = {
    "account_tokens",
    "courses",
    "files",
    "idempotency_keys",
    "materials",
    "quizzes",
    "sessions",
    "syllabus_weeks",
    "terms",
}
OWN_UPKEEP = {"account_tokens", "idempotency_keys", "sessions"}
"""Tables of the service itself, not of the school."""


def test_the_service_reads_and_writes_these_columns_and_no_others(owner: psycopg.Connection[Any]) -> None:
    unread: dict[str, set[str]] = {}
    inserted: dict[str, set[str]] = {}
    updated: dict[str, set[str]] = {}
    for table, column, selects, inserts, updates in _all(owner, COLUMNS):
        unread.setdefault(table, set()).update([] if selects else [column])
        inserted.setdefault(table, set()).update([column] if inserts else [])
        updated.setdefault(table, set()).update([column] if updates else [])
    for table in NONE_OF_ITS_BUSINESS:
        assert (inserted.pop(table), updated.pop(table)) == (set(), set()), table
        assert unread.pop(table), table
    assert {table: columns for table, columns in unread.items() if columns} == UNREAD
    school = inserted.keys() - OWN_UPKEEP
    assert {table: inserted[table] for table in school} == INSERTED
    assert {table: updated[table] for table in school} == UPDATED
    assert updated["sessions"] == {"last_seen_at", "revoked_at"}


def test_the_service_does_not_so_much_as_look_into_the_staging_of_imports(
    owner: psycopg.Connection[Any],
) -> None:
    ((tables, held),) = _all(
        owner,
        "select count(*), count(*) filter (where has_table_privilege('lms_api', oid, "
        "'select, insert, update, delete') or has_any_column_privilege('lms_api', oid, 'select, insert, update')) "
        "from pg_class where relnamespace = 'lms_import'::regnamespace and relkind = 'r'",
    )
    assert tables
    assert held == 0
    assert _all(owner, "select has_schema_privilege('lms_api', 'lms_import', 'usage')") == [(False,)]


def test_the_service_deletes_from_these_tables_and_no_others(owner: psycopg.Connection[Any]) -> None:
    deletes = _all(
        owner,
        "select relname::text from pg_class where relnamespace = 'lms'::regnamespace and relkind = 'r' "
        "and has_table_privilege('lms_api', oid, 'delete')",
    )
    assert {name for (name,) in deletes} == DELETED


WORKER = {
    "audit_events": {
        "select": False,
        "insert": INSERTED["audit_events"],
        "update": False,
        "delete": False,
    },
    "courses": {
        "select": {"course_id", "code", "title", "lecturer_id", "state"},
        "insert": False,
        "update": False,
        "delete": False,
    },
    "email_outbox": {
        "select": True,
        "insert": {"kind", "user_id", "course_id", "score_change_id"},
        "update": {"state", "attempts", "next_attempt_at", "reply", "settled_at"},
        "delete": True,
    },
    "files": {"select": True, "insert": False, "update": {"state"}, "delete": True},
    "materials": {"select": {"file_id"}, "insert": False, "update": False, "delete": False},
    "quiz_attempts": {
        "select": {"attempt_id", "quiz_id", "max_score"},
        "insert": False,
        "update": False,
        "delete": False,
    },
    "quizzes": {
        "select": {"quiz_id", "course_id", "title"},
        "insert": False,
        "update": False,
        "delete": False,
    },
    "regrades": {
        "select": True,
        "insert": False,
        "update": {
            "state",
            "claims",
            "due_at",
            "attempts_regraded",
            "scores_changed",
            "attempts_failed",
            "rounds",
            "started_at",
            "finished_at",
        },
        "delete": False,
    },
    "score_changes": {
        "select": True,
        "insert": {"attempt_id", "score_before", "score"},
        "update": False,
        "delete": False,
    },
    "student_enrollments": {
        "select": {"student_id", "course_id", "state"},
        "insert": False,
        "update": False,
        "delete": False,
    },
    "users": {
        "select": {"user_id", "email", "full_name", "role", "deactivated_at"},
        "insert": False,
        "update": False,
        "delete": False,
    },
}
"""What the worker may do: with whole rows, with some columns, or not at all."""


def test_the_worker_has_these_rights_and_no_others(owner: psycopg.Connection[Any]) -> None:
    held: dict[str, dict[str, bool | set[str]]] = {}
    for table, verb, columns, on_all in _all(owner, RIGHTS):
        held.setdefault(table, {})[verb] = set(columns) if columns and not on_all else on_all
    assert {table: verbs for table, verbs in held.items() if any(verbs.values())} == WORKER
    assert _all(
        owner,
        "select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls from pg_roles "
        "where rolname = 'lms_worker'",
    ) == [(False, False, False, False, False)]
    assert _all(owner, "select from pg_auth_members where member = 'lms_worker'::regrole") == []
    assert (
        _all(owner, "select from pg_shdepend where refobjid = 'lms_worker'::regrole and deptype = 'o'") == []
    )


RIGHTS = """
    select relname::text, verb, array(
        select attname::text from pg_attribute
        where attrelid = pg_class.oid and attnum > 0 and not attisdropped and verb <> 'delete'
        and has_column_privilege('lms_worker', attrelid, attnum, replace(verb, 'delete', 'select'))
    ), has_table_privilege('lms_worker', pg_class.oid, verb)
    from pg_class cross join unnest(array['select', 'insert', 'update', 'delete']) as verb
    where relnamespace = 'lms'::regnamespace and relkind = 'r'
"""


def test_an_event_is_added_and_its_key_and_time_are_the_databases(
    api: psycopg.Connection[Any], owner: psycopg.Connection[Any]
) -> None:
    api.execute("insert into lms.audit_events (action, changes) values ('users.privileges', '{}')")
    assert _all(
        owner,
        "select actor_id, abs(extract(epoch from now() - occurred_at)) < 60, "
        "abs(('x' || left(replace(audit_event_id::text, '-', ''), 12))::bit(48)::bigint / 1000.0 "
        "- extract(epoch from now())) < 60 from lms.audit_events where action = 'users.privileges'",
    ) == [(None, True, True)]


def test_the_service_reads_what_it_should(api: psycopg.Connection[Any]) -> None:
    for statement in (
        "select count(*) > 0 from lms.courses",
        "select count(*) > 0 from lms.users",
        "select count(*) > 0 from lms_migrations._yoyo_migration",
    ):
        assert _all(api, statement) == [(True,)]


@pytest.mark.parametrize("stranger", ["public", *STRANGERS])
def test_strangers_have_no_privilege(
    owner: psycopg.Connection[Any],
    strangers: list[str],  # noqa: ARG001 - makes the roles
    stranger: str,
) -> None:
    holds = {
        "usage": "select nspname from pg_namespace where nspname in ('lms', 'lms_import', 'lms_migrations') and "
        "(has_schema_privilege(%(who)s, oid, 'usage') or has_schema_privilege(%(who)s, oid, 'create'))",
        "tables": "select relname from pg_class where relkind in ('r', 'p', 'v', 'm', 'S') and relnamespace in "
        "('lms'::regnamespace, 'lms_import'::regnamespace, 'lms_migrations'::regnamespace) and "
        "(has_table_privilege(%(who)s, oid, 'select, insert, update, delete, truncate, references, trigger') or "
        "relkind <> 'S' and has_any_column_privilege(%(who)s, oid, 'select, insert, update, references'))",
        "functions": "select proname from pg_proc where pronamespace = 'lms'::regnamespace and "
        "has_function_privilege(%(who)s, oid, 'execute')",
    }
    for what, statement in holds.items():
        assert owner.execute(sql.SQL(statement), {"who": stranger}).fetchall() == [], what


@pytest.mark.parametrize("stranger", ["anon", "authenticated"])
def test_strangers_see_no_row_even_where_a_grant_slipped(
    database: TestDatabase, strangers: list[str], stranger: str
) -> None:
    assert stranger in strangers
    found_school(database.admin_url)
    with psycopg.connect(database.admin_url) as connection:
        tables = [
            name for (name,) in _all(connection, "select tablename from pg_tables where schemaname = 'lms'")
        ]
        filled = 0
        who = sql.Identifier(stranger)
        connection.execute(sql.SQL("grant usage on schema lms to {}").format(who))
        connection.execute(sql.SQL("grant all on all tables in schema lms to {}").format(who))
        for table in tables:
            count = sql.SQL("select count(*) from lms.{}").format(sql.Identifier(table))
            filled += connection.execute(count).fetchone() != (0,)
            connection.execute(sql.SQL("set local role {}").format(who))
            assert connection.execute(count).fetchone() == (0,), table
            connection.execute("set local role none")
        assert filled >= 5
        connection.rollback()


TIMEOUTS = {
    "statement_timeout": "5s",
    "lock_timeout": "3s",
    "idle_in_transaction_session_timeout": "5s",
    "TimeZone": "UTC",
    "search_path": '""',
}


@pytest.mark.parametrize("way", ["direct", "as the service comes"])
def test_a_session_of_the_service_has_its_limits(module_database: TestDatabase, way: str) -> None:
    url = (
        module_database.server.url(module_database.name, "lms_api")
        if way == "direct"
        else module_database.service_url
    )
    with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
        for setting, value in TIMEOUTS.items():
            shown = connection.execute(sql.SQL("show {}").format(sql.Identifier(setting))).fetchone()
            assert shown == (value,), setting
