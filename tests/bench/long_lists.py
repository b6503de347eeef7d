"""Databases in which every list is long, of any size: what lists are measured on.

Each table has as many rows as asked for. Of every kind of thing by which a list is asked for (a lecturer, a term, a
course, a student, a prefix) there is one that has a large part of them, a quarter or a half, and one that has a
twentieth, so that neither reading all rows nor an index that does not fit would stay unnoticed. What belongs to them
lies between what does not, as it comes.
"""

from typing import Final
from uuid import UUID

import psycopg

USERS, TERMS, COURSES, MATERIALS, AUDIT_EVENTS, QUIZZES = range(1, 7)

ADMINISTRATOR, MOST, SOME, EVERYWHERE, OFTEN, ATTENDING = 0, 1, 2, 3, 4, 6
"""Numbers of people: two lecturers, who teach a half and a twentieth of all courses; two students, who are on a quarter
and a twentieth of them; one who is on the crowded course."""
CROWDED, BUSY = 1, 10
"""Numbers of two courses: one with a half of all materials and a quarter of all enrolments, one with a twentieth."""
TAKEN, TRIED = 3, 10
"""Numbers of two quizzes, one of each of these courses: one with a half of all attempts, one with a twentieth."""

FILL: Final = """
    set local session_replication_role = replica;

    -- In the order of the numbers, and known without asking.
    create function pg_temp.key(kind integer, number bigint) returns uuid
    language sql immutable parallel safe
    return (lpad(to_hex(1700000000000 + number), 12, '0') || '70008000' || lpad(to_hex(kind), 12, '0'))::uuid;

    -- 1 for the one thing that has a half of all rows, 2 for that which has a twentieth, 0 for the others.
    create function pg_temp.part(number bigint) returns integer
    language sql immutable parallel safe
    return case when number %% 2 = 1 then 1 when number %% 20 = 10 then 2 else 0 end;

    insert into lms.users (user_id, email, full_name, role, password_hash)
    select
        pg_temp.key(1, n),
        case pg_temp.part(n) when 1 then 'anna.' when 2 then 'bjork.' else md5(n::text) end || n || '@school.example',
        case pg_temp.part(n) when 1 then 'Anna ' when 2 then 'Björk ' else md5(n::text) || ' ' end || n,
        case
            when n = 0 then 'super_admin'
            when n in (1, 2) or n %% 40 in (10, 21) then 'lecturer'
            else 'student'
        end,
        '!'
    from generate_series(0::bigint, %(rows)s - 1) as n;

    insert into lms.terms (term_id, code, title, starts_on, ends_on)
    select pg_temp.key(2, n), 'TERM-' || n, 'Term ' || n, '2026-01-01', '2026-06-01'
    from generate_series(0::bigint, %(rows)s - 1) as n;

    insert into lms.courses (course_id, code, title, description, term_id, lecturer_id, capacity, state)
    select
        pg_temp.key(3, n),
        'COURSE-' || n,
        'Course ' || n,
        'What it is about',
        pg_temp.key(2, case pg_temp.part(n) when 0 then n * 7919 %% %(rows)s else pg_temp.part(n) end),
        pg_temp.key(1, case pg_temp.part(n) when 0 then n * 7919 %% (%(rows)s / 40) * 40 + 10 else pg_temp.part(n) end),
        100000,
        'published'
    from generate_series(0::bigint, %(rows)s - 1) as n;

    insert into lms.student_enrollments (student_id, course_id, state)
    select
        pg_temp.key(1, 3),
        pg_temp.key(3, n),
        case when n / 4 %% 10 < 6 then 'active' when n / 4 %% 10 < 9 then 'completed' else 'dropped' end
    from generate_series(0::bigint, %(rows)s - 1) as n
    where n %% 4 = 3
    union all
    select pg_temp.key(1, 4), pg_temp.key(3, n), case when n / 20 %% 10 < 9 then 'active' else 'dropped' end
    from generate_series(0::bigint, %(rows)s - 1) as n
    where n %% 20 = 0
    union all
    -- No more of them hold a seat than a course can have.
    select
        pg_temp.key(1, n),
        pg_temp.key(3, 1),
        case when n / 4 %% 10 < 1 then 'invited' when n / 4 %% 10 < 3 then 'active' else 'dropped' end
    from generate_series(5::bigint, %(rows)s - 1) as n
    where n %% 4 = 2 and n %% 40 <> 10
    union all
    select
        pg_temp.key(1, n),
        pg_temp.key(3, 10),
        case when n / 20 %% 10 < 1 then 'invited' when n / 20 %% 10 < 8 then 'active' else 'completed' end
    from generate_series(5::bigint, %(rows)s - 1) as n
    where n %% 20 = 14
    union all
    select pg_temp.key(1, n), pg_temp.key(3, n * 7919 %% (%(rows)s / 20) * 20 + 12), 'active'
    from generate_series(5::bigint, %(rows)s - 1) as n
    where n %% 5 < 3 and n %% 40 not in (10, 21);

    update lms.courses
    set seats_taken = (
        select count(*) from lms.student_enrollments as enrollments
        where enrollments.course_id = courses.course_id and lms.holds_seat(enrollments.state)
    )
    where course_id in (pg_temp.key(3, 1), pg_temp.key(3, 10));

    insert into lms.materials (material_id, course_id, week_number, kind, origin, title, url)
    select
        pg_temp.key(4, n),
        pg_temp.key(3, case pg_temp.part(n) when 0 then n * 7919 %% %(rows)s when 1 then 1 else 10 end),
        case pg_temp.part(n / 2) when 0 then 3 + n / 2 %% 10 else pg_temp.part(n / 2) end,
        'link',
        'linked',
        'Material ' || n,
        'https://school.example/' || n
    from generate_series(0::bigint, %(rows)s - 1) as n;

    -- The state as if thrown: a third of them are drafts.
    insert into lms.quizzes (quiz_id, course_id, week_number, title, state, current_version)
    select
        pg_temp.key(6, n),
        pg_temp.key(3, case pg_temp.part(n) when 0 then n * 7919 %% %(rows)s when 1 then 1 else 10 end),
        1 + n / 2 %% 10,
        'Quiz ' || n,
        case n / 2 %% 3 when 0 then 'draft' when 1 then 'published' else 'closed' end,
        case n / 2 %% 3 when 0 then null else 1 end
    from generate_series(0::bigint, %(rows)s - 1) as n;

    insert into lms.quiz_attempts (
        attempt_id, quiz_id, quiz_version, student_id, attempt_number, state, score, max_score, submitted_at, graded_at
    )
    select
        pg_temp.key(7, n),
        pg_temp.key(6, case pg_temp.part(n) when 0 then n * 7919 %% %(rows)s when 1 then 3 else 10 end),
        1,
        pg_temp.key(1, n),
        1,
        'graded',
        1,
        2,
        now(),
        now()
    from generate_series(0::bigint, %(rows)s - 1) as n;

    insert into lms.audit_events (audit_event_id, actor_id, action, user_id, course_id, changes)
    select
        pg_temp.key(5, n),
        pg_temp.key(1, case pg_temp.part(n) when 0 then n * 7919 %% %(rows)s else pg_temp.part(n) end),
        'enrollments.update',
        pg_temp.key(1, case about.person when 0 then n * 7919 %% %(rows)s else about.person + 2 end),
        pg_temp.key(3, case about.course when 0 then n * 7919 %% %(rows)s when 1 then 1 else 10 end),
        '{"state": {"from": "active", "to": "dropped"}}'
    from generate_series(0::bigint, %(rows)s - 1) as n
    -- What an event is about has nothing to do with who did it.
    cross join lateral (
        select pg_temp.part(n + n / 20) as person, pg_temp.part(n + n / 20 * 3) as course
    ) as about;

    insert into lms.sessions (token_hash, user_id, idle_timeout, expires_at)
    select sha256(user_id::text::bytea), user_id, interval '1 day', now() + interval '1 day' from lms.users;
"""

TABLES: Final = (
    "audit_events",
    "courses",
    "materials",
    "quiz_attempts",
    "quizzes",
    "student_enrollments",
    "terms",
    "users",
)


def key(kind: int, number: int) -> UUID:
    """The key of the thing of this number, as pg_temp.key() makes it."""
    return UUID(f"{1_700_000_000_000 + number:012x}70008000{kind:012x}")


def fill(admin_url: str, rows: int) -> None:
    """Fill every table of a migrated database with about so many rows, and gather statistics."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        with connection.transaction():
            psycopg.ClientCursor(connection).execute(FILL, {"rows": rows})
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")
