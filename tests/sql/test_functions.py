"""The functions that tables and query files rest on."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from uuid import UUID

import psycopg
import pytest

from api.database.queries import load_query
from api.http.paging import page_of
from tests.conftest import TestDatabase

IDS = "select lms.uuidv7() from generate_series(1, 20000)"


@pytest.fixture(scope="module")
def connection(module_database: TestDatabase) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(module_database.admin_url, autocommit=True) as opened:
        yield opened


def _ids(connection: psycopg.Connection[Any], statement: str = IDS) -> list[UUID]:
    return [value for (value,) in connection.execute(statement.encode())]


def _backwards(ids: list[UUID]) -> float:
    """The share of ids that are smaller than the one made before them."""
    return sum(later < earlier for earlier, later in pairwise(ids)) / len(ids)


def test_a_key_is_a_uuid_of_version_7(connection: psycopg.Connection[Any]) -> None:
    ids = _ids(connection)
    assert {(value.version, value.variant) for value in ids} == {(7, "specified in RFC 4122")}
    assert len(set(ids)) == len(ids)


def test_a_key_holds_the_time_it_was_made(connection: psycopg.Connection[Any]) -> None:
    row = connection.execute(
        "select extract(epoch from clock_timestamp()), lms.uuidv7(), extract(epoch from clock_timestamp())"
    ).fetchone()
    assert row is not None
    before, value, after = row
    milliseconds = value.int >> 80
    fraction = (value.int >> 64 & 0xFFF) / 4096
    made = (milliseconds + fraction) / 1000
    assert float(before) - 1e-5 <= made <= float(after) + 1e-5


def test_keys_of_one_statement_sort_in_the_order_they_were_made(connection: psycopg.Connection[Any]) -> None:
    # Two in one microsecond may be either way round.
    assert _backwards(_ids(connection)) < 0.2
    to_the_millisecond = (
        "select encode(overlay(uuid_send(gen_random_uuid()) placing substring(int8send("
        "(extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6), 'hex')::uuid "
        "from generate_series(1, 20000)"
    )
    assert _backwards(_ids(connection, to_the_millisecond)) > 0.4


def test_keys_of_later_statements_are_greater(connection: psycopg.Connection[Any]) -> None:
    ids = [_ids(connection, "select lms.uuidv7()")[0] for _ in range(500)]
    assert ids == sorted(ids)


def test_a_cursor_comes_back_as_the_key_it_was(connection: psycopg.Connection[Any]) -> None:
    keys = [UUID(int=0), UUID(int=2**128 - 1), *_ids(connection)[:200]]
    for key in keys:
        row = connection.execute("select lms.cursor(%s)", (key,)).fetchone()
        assert row is not None
        assert len(row[0]) == 22
        assert page_of(20, 0, row[0], False).after_id == key


def test_who_asks_and_what_they_may_is_inlined(connection: psycopg.Connection[Any]) -> None:
    """A call that is left in a plan costs a query of its own for each row."""
    connection.execute(b"prepare read_course as " + load_query("courses/read_course").text.encode())
    plan = "\n".join(
        line for (line,) in connection.execute("explain (verbose) execute read_course(null, null)")
    )
    # With a null there is nothing to look up; any value will do.
    plan += "\n".join(
        line
        for (line,) in connection.execute(
            "explain (verbose) execute read_course('', '00000000-0000-7000-8000-000000000000')"
        )
    )
    assert "sessions_pk" in plan
    for function in ("actor(", "can_teach(", "Function Scan"):
        assert function not in plan


def test_what_is_not_inlined_shows(connection: psycopg.Connection[Any]) -> None:
    """The control: a pinned path stops the inlining, and the plan says so."""
    with connection.transaction(force_rollback=True):
        connection.execute("alter function lms.actor(bytea) set search_path = pg_catalog")
        plan = "\n".join(
            line for (line,) in connection.execute("explain (verbose) select * from lms.actor('')")
        )
    assert "Function Scan" in plan


def test_a_refusal_looks_like_a_violated_rule(connection: psycopg.Connection[Any]) -> None:
    with pytest.raises(psycopg.errors.CheckViolation) as refusal:
        connection.execute("select lms.refuse('courses_lecturer_id_assign')")
    assert refusal.value.diag.constraint_name == "courses_lecturer_id_assign"
