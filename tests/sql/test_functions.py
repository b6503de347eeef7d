"""The functions that tables and query files rest on."""

from collections.abc import Iterator
from hashlib import sha256
from itertools import pairwise, product
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from api.database.queries import load_query
from api.http.paging import page_of
from api.operations import migrate
from tests.conftest import TestDatabase
from tests.support.postgres import Server, drop_database
from tests.support.school import School, token_for

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
    assert "student_enrollments_" in plan
    for function in ("actor(", "can_teach(", "can_attend(", "Function Scan"):
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


# Names as they are looked for

FOLDED = {
    "Lena Vogel": "lena vogel",
    "ÉLODIE Ångström": "elodie angstrom",
    "E\u0301lodie": "elodie",
    "Nguyễn Thị Minh": "nguyen thi minh",
    "İpek": "ipek",
    "ΑΛΈΞΑΝΔΡΟΣ": "αλεξανδροσ",
    "ЖУКОВ": "жуков",
    "ﬁona": "fiona",
    "\uff37\uff49\uff44\uff45": "wide",
    "O'Brien-Smith": "o'brien-smith",
    # Letters of their own, not accents.
    "Đorđe Øye": "đorđe øye",
    "王小明": "王小明",
    "": "",
}


@pytest.mark.parametrize(("name", "folded"), FOLDED.items())
def test_a_name_is_folded_to_what_one_types(
    connection: psycopg.Connection[Any], name: str, folded: str
) -> None:
    assert _one(connection, "select lms.folded(%s)", name) == folded


def test_what_is_folded_stays_as_it_is(connection: psycopg.Connection[Any]) -> None:
    for name in (*FOLDED, "™", "Ⅷ", "ᴬnna", "Ångström"):
        folded = _one(connection, "select lms.folded(%s)", name)
        assert _one(connection, "select lms.folded(%s)", folded) == folded, name


@pytest.fixture(scope="module")
def plain_locale(server: Server) -> Iterator[psycopg.Connection[Any]]:
    """A migrated database whose locale knows no letters but those of ASCII."""
    name = f"lms_plain_{uuid4().hex}"
    with psycopg.connect(server.admin_url(), autocommit=True) as connection:
        connection.execute(f"create database {name} locale 'C' template template0".encode())
    migrate.apply(server.admin_url(name))
    with psycopg.connect(server.admin_url(name), autocommit=True) as connection:
        yield connection
    drop_database(server, name)


def test_an_accent_is_no_obstacle_in_any_locale(plain_locale: psycopg.Connection[Any]) -> None:
    assert _one(plain_locale, "select lower('É')") == "É"
    for name in ("Élodie", "élodie", "ELODIE"):
        assert _one(plain_locale, "select lms.folded(%s)", name) == "elodie"


# Who may do what


@pytest.mark.parametrize("role", ["student", "lecturer", "super_admin"])
def test_a_profile_is_seen_by_its_owner_and_by_administrators(
    connection: psycopg.Connection[Any], role: str
) -> None:
    somebody, other = uuid4(), uuid4()
    seen = "select lms.can_see_user(%s, %s, %s)"
    assert _one(connection, seen, somebody, role, somebody) is True
    assert _one(connection, seen, somebody, role, other) is (role == "super_admin")


STATES = ("invited", "active", "completed", "dropped")
COURSE_STATES = ("draft", "published", "closed")


@pytest.mark.parametrize("course_state", COURSE_STATES)
def test_a_course_is_attended_by_students_on_it_who_are_active_or_done(
    connection: psycopg.Connection[Any], school: School, course_state: str
) -> None:
    student_id = school.principals["student"].user_id
    course_id, other_id = school.own["course_id"], school.foreign["course_id"]
    attended = "select array(select course_id from lms.can_attend(%s, %s, %s, %s))"
    with connection.transaction(force_rollback=True):
        connection.execute(
            "delete from lms.student_enrollments where student_id = %s and course_id in (%s, %s)",
            (student_id, course_id, other_id),
        )
        assert _one(connection, attended, student_id, "student", course_id, course_state) == []
        connection.execute(
            "insert into lms.student_enrollments (student_id, course_id, state) values (%s, %s, 'active')",
            (student_id, course_id),
        )
        for state in STATES:
            connection.execute(
                "update lms.student_enrollments set state = %s where student_id = %s and course_id = %s",
                (state, student_id, course_id),
            )
            shown = course_state != "draft" and state in ("active", "completed")
            assert _one(connection, attended, student_id, "student", course_id, course_state) == (
                [course_id] if shown else []
            )
            # Neither another course, nor somebody else, nor in another role.
            assert _one(connection, attended, student_id, "student", other_id, course_state) == []
            assert _one(connection, attended, uuid4(), "student", course_id, course_state) == []
            for role in ("lecturer", "super_admin"):
                assert _one(connection, attended, student_id, role, course_id, course_state) == []


def test_every_enrolment_but_a_dropped_one_holds_a_seat(connection: psycopg.Connection[Any]) -> None:
    held = {state for state in STATES if _one(connection, "select lms.holds_seat(%s)", state)}
    assert held == {"invited", "active", "completed"}


STEPS = {
    "student": {("invited", "active"), ("invited", "dropped"), ("active", "dropped")},
    "teacher": {
        ("invited", "active"),
        ("invited", "dropped"),
        ("active", "completed"),
        ("active", "dropped"),
        ("completed", "active"),
        ("dropped", "active"),
        ("dropped", "invited"),
    },
}


@pytest.mark.parametrize("by", STEPS)
def test_an_enrolment_goes_these_ways_and_no_other(connection: psycopg.Connection[Any], by: str) -> None:
    allowed = {
        (state, next_state)
        for state, next_state in product(STATES, repeat=2)
        if _one(connection, "select lms.can_become(%s, %s, %s)", state, next_state, by == "student")
    }
    # To stay as it is, is allowed to everybody.
    assert allowed == STEPS[by] | {(state, state) for state in STATES}


def test_a_state_that_there_is_not_is_no_way_on(connection: psycopg.Connection[Any]) -> None:
    for state, by_student in product(STATES, (True, False)):
        assert _one(connection, "select lms.can_become(%s, 'expelled', %s)", state, by_student) is False


def test_ones_own_password_hash_comes_with_a_live_session_alone(
    connection: psycopg.Connection[Any], school: School
) -> None:
    for name, principal in school.principals.items():
        if principal.token is None:
            continue
        with connection.transaction(force_rollback=True):
            mark = f"$argon2id${name}"
            connection.execute(
                "update lms.users set password_hash = case when user_id = %s then %s else '$argon2id$other' end",
                (principal.user_id, mark),
            )
            found = connection.execute(
                "select user_id, password_hash from lms.own_credentials(%s)",
                (sha256(token_for(name).encode()).digest(),),
            ).fetchall()
            let_in = name not in ("disabled", "expired", "idle", "revoked", "unknown_token")
            assert found == ([(principal.user_id, mark)] if let_in else []), name


def _one(connection: psycopg.Connection[Any], statement: str, *arguments: object) -> Any:
    row = connection.execute(statement.encode(), arguments or None).fetchone()
    assert row is not None
    return row[0]
