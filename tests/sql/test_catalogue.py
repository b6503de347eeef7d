"""The rules of the data model, held against the catalogue of the migrated database."""

import re
from typing import Any

import psycopg
import pytest

from api.database.answers import parse_answer
from api.settings import ROOT
from tests.conftest import TestDatabase

SUFFIXES = {"p": "pk", "u": "uq", "f": "fk", "c": "ck", "x": "xk"}


@pytest.fixture(scope="module")
def rows(module_database: TestDatabase) -> Any:
    """Asks the catalogue."""
    with psycopg.connect(module_database.admin_url, autocommit=True) as connection:
        yield lambda statement: connection.execute(statement).fetchall()


TABLES = """
    select relname, obj_description(oid, 'pg_class'), relrowsecurity
    from pg_class where relnamespace = 'lms'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')
"""
COLUMNS = """
    select relname, attname, col_description(attrelid, attnum)
    from pg_attribute join pg_class on pg_class.oid = attrelid
    where relnamespace = 'lms'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')
    and attnum > 0 and not attisdropped
"""
RULES = """
    select relname, conname, contype::text, obj_description(pg_constraint.oid, 'pg_constraint')
    from pg_constraint join pg_class on pg_class.oid = conrelid
    where connamespace = 'lms'::regnamespace and contype in ('p', 'u', 'f', 'c', 'x')
"""
PLAIN_INDEXES = """
    select tables.relname, indexes.relname, indisunique, obj_description(indexes.oid, 'pg_class')
    from pg_index
    join pg_class as indexes on indexes.oid = indexrelid
    join pg_class as tables on tables.oid = indrelid
    where indexes.relnamespace = 'lms'::regnamespace
    and not exists (select from pg_constraint where conindid = indexes.oid and contype in ('p', 'u', 'x'))
"""
WORKED_ON = """
    select relname from pg_class where relnamespace = 'lms'::regnamespace and relkind = 'r'
    and (has_table_privilege('lms_worker', oid, 'select, insert, update, delete')
    or has_any_column_privilege('lms_worker', oid, 'select, insert, update'))
"""
FUNCTIONS = """
    select proname, prosecdef, proisstrict, coalesce(proconfig, '{}'), obj_description(pg_proc.oid, 'pg_proc'),
        lanname
    from pg_proc join pg_language on pg_language.oid = prolang
    where pronamespace = 'lms'::regnamespace
"""


def test_there_is_something_to_hold(rows: Any) -> None:
    for question in (TABLES, COLUMNS, RULES, PLAIN_INDEXES, FUNCTIONS):
        assert len(rows(question)) >= 5


def test_every_table_and_column_says_what_it_holds_of_a_person(rows: Any) -> None:
    silent = [row[:-1] for row in rows(COLUMNS) if not _tells(row[-1])]
    silent += [row[0] for row in rows(TABLES) if not _tells(row[1])]
    assert silent == []


def _tells(comment: str | None) -> bool:
    return (
        re.search(r"\. Personal data: (none|identity|contact|learning record)\b.*\.$", comment or "")
        is not None
    )


def test_every_rule_has_an_answer(rows: Any) -> None:
    for table, name, _, comment in rows(RULES):
        assert comment, f"{table}: {name} has no comment"
        parse_answer(comment)
    for table, name, unique, comment in rows(PLAIN_INDEXES):
        if unique:
            assert comment, f"{table}: {name} has no comment"
            parse_answer(comment)


def test_every_rule_and_index_is_named_after_what_it_is(rows: Any) -> None:
    for table, name, kind, _ in rows(RULES):
        assert re.fullmatch(rf"{table}_(?:[a-z0-9_]+_)?{SUFFIXES[kind]}", name), name
    for table, name, unique, _ in rows(PLAIN_INDEXES):
        assert re.fullmatch(rf"{table}_[a-z0-9_]+_{'uq' if unique else 'ix'}", name), name


def test_names_are_unique_in_the_schema(rows: Any) -> None:
    # The answers of the service are looked up by name alone.
    names = [row[1] for row in rows(RULES)] + [row[1] for row in rows(PLAIN_INDEXES)]
    assert len(names) == len(set(names))


def test_every_plain_index_bears_the_names_of_its_columns(rows: Any) -> None:
    found = rows("""
        select tables.relname, indexes.relname, array(
            select attname::text from unnest(indkey::int2[]) with ordinality as parts (attnum, place)
            join pg_attribute on attrelid = indrelid and pg_attribute.attnum = parts.attnum
            where place <= indnkeyatts order by place
        )
        from pg_index
        join pg_class as indexes on indexes.oid = indexrelid
        join pg_class as tables on tables.oid = indrelid
        where indexes.relnamespace = 'lms'::regnamespace and indexes.relname like '%\\_ix' and indexprs is null
    """)
    assert found
    for table, name, columns in found:
        assert name == f"{table}_{'_'.join(columns)}_ix"


def test_every_foreign_key_has_an_index_to_look_back_by(rows: Any) -> None:
    """Its columns lead some index; one that repeats the row's role or the like may be left out at the end."""
    found = rows("""
        select conname, array(
            select attname::text from unnest(conkey) with ordinality as parts (attnum, place)
            join pg_attribute on attrelid = conrelid and pg_attribute.attnum = parts.attnum
            where attgenerated = '' order by place
        ), array(
            select (
                select array_agg(attname::text order by place)
                from unnest(indkey::int2[]) with ordinality as parts (attnum, place)
                join pg_attribute on attrelid = indrelid and pg_attribute.attnum = parts.attnum
            )::text from pg_index where indrelid = conrelid and indpred is null
        )
        from pg_constraint where connamespace = 'lms'::regnamespace and contype = 'f'
    """)
    assert found
    for name, columns, indexes in found:
        leading = [set(index.strip("{}").split(",")[: len(columns)]) for index in indexes]
        assert set(columns) in leading, f"{name}: no index begins with {columns}"


def test_every_index_says_whom_it_serves_and_that_exists(rows: Any) -> None:
    """`-- Serves sql/….sql and list_….sql: …` stands above each `create index`."""
    comments = {}
    for path in sorted((ROOT / "migrations").glob("*.sql")):
        for match in re.finditer(
            r"((?:--[^\n]*\n)+)create (?:unique )?index (?:concurrently )?(\w+)", path.read_text()
        ):
            comments[match[2]] = match[1]
    for _, name, _, _ in rows(PLAIN_INDEXES):
        comment = comments.get(name, "")
        assert comment.startswith("-- Serves "), f"{name}: say above it whom it serves"
        folder = None
        for served in re.findall(r"(?:sql/\w+/)?\w+\.sql", comment):
            folder = served.rpartition("/")[0] or folder
            assert (ROOT / f"{folder}/{served.rpartition('/')[2]}").is_file(), f"{name}: there is no {served}"


def test_every_table_has_row_level_security_and_lets_our_roles_alone_through(rows: Any) -> None:
    assert [name for name, _, secured in rows(TABLES) if not secured] == []
    policies = rows("""
        select tablename, array(select unnest(roles)::text order by 1), permissive, cmd, qual, with_check
        from pg_policies where schemaname = 'lms'
    """)
    # Narrower than a grant can be: which rows the worker may add.
    narrow = {row[0]: row[1:] for row in policies if row[2] == "RESTRICTIVE"}
    assert narrow == {
        "audit_events": (["lms_worker"], "RESTRICTIVE", "INSERT", None, "(action = 'grades.regrade'::text)"),
        "email_outbox": (["lms_worker"], "RESTRICTIVE", "INSERT", None, "(kind = 'score_changed'::text)"),
    }
    policies = [row for row in policies if row[2] != "RESTRICTIVE"]
    assert {row[0] for row in policies} == {row[0] for row in rows(TABLES)}
    # The worker is let through where it has a right, and nowhere else.
    works_on = {name for (name,) in rows(WORKED_ON)}
    assert works_on
    for table, roles, *policy in policies:
        assert policy == ["PERMISSIVE", "ALL", "true", "true"], table
        # Keys have doors of their own; to the service the table is empty, even if it were granted.
        serving = [] if table == "quiz_answer_keys" else ["lms_api"]
        working = ["lms_worker"] if table in works_on else []
        assert roles == [*serving, "lms_migrate", *working], table


def test_functions_that_run_as_their_owner_pin_their_path_and_others_stay_inlinable(rows: Any) -> None:
    for name, definer, strict, settings, comment, language in rows(FUNCTIONS):
        assert comment, f"lms.{name} says nothing"
        if definer:
            assert any(setting.startswith("search_path=pg_catalog") for setting in settings), name
        elif language == "sql":
            assert (strict, settings) == (False, []), f"lms.{name} would not be inlined"


def test_times_have_zones_and_texts_have_limits(rows: Any) -> None:
    found = rows("""
        select relname, attname, format_type(atttypid, atttypmod), exists (
            select from pg_constraint
            where conrelid = attrelid and contype = 'c' and pg_get_constraintdef(pg_constraint.oid)
            ~ (attname || '|length\\(' || attname)
        )
        from pg_attribute join pg_class on pg_class.oid = attrelid
        where relnamespace = 'lms'::regnamespace and relkind = 'r' and attnum > 0 and not attisdropped
        and attgenerated = ''
    """)
    for table, column, type_, checked in found:
        assert type_ not in {"timestamp without time zone", "character varying", "serial"}, (
            f"{table}.{column}"
        )
        if type_ == "text":
            assert checked, f"{table}.{column} has no rule that limits it"
