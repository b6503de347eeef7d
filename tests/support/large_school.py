"""A school large enough that a wrong plan shows: what plans are tested on."""

from dataclasses import dataclass
from typing import Any

import psycopg

LECTURERS = 500
STUDENTS = 20_000
COURSES = 50_000
TERMS_WITH_COURSES = 50
TERMS = 2_000
WEEKS = 3
COURSES_OF_A_LECTURER = COURSES // LECTURERS

FILL = """
    set local session_replication_role = replica;

    insert into lms.users (email, full_name, role, password_hash)
    select 'admin@school.test', 'Admin', 'super_admin', '!'
    union all
    select 'lecturer' || n || '@school.test', 'Lecturer ' || n, 'lecturer', '!'
    from generate_series(1, %(lecturers)s) as n
    union all
    select 'student' || n || '@school.test', 'Student ' || n, 'student', '!'
    from generate_series(1, %(students)s) as n;

    insert into lms.terms (code, title, starts_on, ends_on)
    select 'TERM-' || n, 'Term ' || n, date '2000-01-01' + n, date '2000-05-01' + n
    from generate_series(1, %(terms)s) as n;

    -- Each lecturer teaches in every term, each term has courses of every lecturer.
    insert into lms.courses (code, title, term_id, lecturer_id, capacity, state)
    select 'COURSE-' || n, 'Course ' || n, terms.term_id, lecturers.user_id, 30, 'published'
    from generate_series(1, %(courses)s) as n
    join (select user_id, row_number() over (order by user_id) as place from lms.users where role = 'lecturer')
        as lecturers on lecturers.place = n %% %(lecturers)s + 1
    join (select term_id, row_number() over (order by term_id) as place from lms.terms)
        as terms on terms.place = n / %(lecturers)s %% %(terms_with_courses)s + 1
    order by n;

    insert into lms.syllabus_weeks (course_id, week_number, topic)
    select course_id, n, 'A topic' from lms.courses cross join generate_series(1, %(weeks)s) as n;

    insert into lms.sessions (token_hash, user_id, idle_timeout, expires_at)
    select sha256(email::bytea), user_id, interval '1 hour', now() + interval '1 hour' from lms.users;

    insert into lms.idempotency_keys (user_id, route, key, request_hash, status, headers, body)
    select user_id, 'POST /courses', 'a key', sha256(email::bytea), 201, '{}', '' from lms.users;
"""


@dataclass(frozen=True)
class LargeSchool:
    """What the statements are asked for."""

    tokens: dict[str, str]
    """The hash of a live session by role, as text."""
    own: dict[str, Any]
    """A course of the lecturer who is logged in, by the names of parameters, as text."""
    empty_term_id: str
    """A term without courses."""


def found_large_school(admin_url: str) -> LargeSchool:
    """Fill a migrated database and gather its statistics. Takes some seconds."""
    figures = {
        "lecturers": LECTURERS,
        "students": STUDENTS,
        "courses": COURSES,
        "terms": TERMS,
        "terms_with_courses": TERMS_WITH_COURSES,
        "weeks": WEEKS,
    }
    with psycopg.connect(admin_url, autocommit=True) as connection:
        with connection.transaction():
            psycopg.ClientCursor(connection).execute(FILL, figures)
        connection.execute("vacuum analyze")
        tokens: dict[str, str] = dict(
            connection.execute(
                "select distinct on (role) role, token_hash::text from lms.users join lms.sessions using (user_id) "
                "order by role, user_id"
            ).fetchall()
        )
        row = connection.execute(
            "select to_jsonb(courses) || to_jsonb(users) from lms.sessions join lms.users using (user_id) "
            "join lms.courses on lecturer_id = user_id where token_hash = %s::bytea order by course_id offset 5",
            (tokens["lecturer"],),
        ).fetchone()
        assert row is not None
        own = {name: None if value is None else str(value) for name, value in row[0].items()}
        term = connection.execute(
            "select term_id::text from lms.terms where code = %s", (f"TERM-{TERMS}",)
        ).fetchone()
        assert term is not None
        return LargeSchool(tokens, own, term[0])
