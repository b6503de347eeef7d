"""Schools of any size in which every course is of the same size: what dashboards are measured on.

Each ordinary course has 100 students and 10 quizzes in 10 weeks, and each student is on 4 courses and took each quiz
once. So a school of twice the attempts has twice the courses and twice the students. Attempts lie in the order in which
they were handed in, those of a course between those of all others. Besides there may be a crowded course, and a healthy
one, which the first student is not on: most students of any course may fail it, but all but a few of the healthy one do
well.
"""

from hashlib import sha256
from typing import Any, Final

import psycopg

STUDENTS, QUIZZES, COURSES_OF_A_STUDENT, ATTEMPTS_OF_A_COURSE = 100, 10, 4, 1_000
CROWDED: Final = 5_000
"""Students of the crowded course."""
AT_RISK: Final = 10
"""Students of the healthy course who may fail it."""

FILL: Final = """
    set local session_replication_role = replica;

    insert into lms.users (email, full_name, role, password_hash)
    select 'lecturer@bench.example', 'Lecturer', 'lecturer', '!'
    union all
    select 'student' || n || '@bench.example', 'Student ' || n, 'student', '!'
    from generate_series(1, greatest(%(courses)s * 25, %(crowded)s + 1, %(healthy)s + 1)) as n;
    insert into lms.sessions (token_hash, user_id, idle_timeout, expires_at)
    select sha256(email::bytea), user_id, interval '1 day', now() + interval '1 day'
    from lms.users
    where email in ('lecturer@bench.example', 'student1@bench.example');
    insert into lms.terms (code, title, starts_on, ends_on) values ('BENCH', 'Term', '2026-09-01', '2026-12-18');
    insert into lms.courses (code, title, term_id, lecturer_id, capacity, state)
    select named.code, 'Course', terms.term_id, users.user_id, 100000, 'published'
    from (
        select 'COURSE-' || n as code from generate_series(1, %(courses)s) as n
        union all
        select 'CROWDED' where %(crowded)s > 0
        union all
        select 'HEALTHY' where %(healthy)s > 0
    ) as named
    cross join lms.terms
    join lms.users on users.role = 'lecturer';

    create temporary table students on commit drop as
    select user_id, row_number() over (order by user_id) - 1 as place from lms.users where role = 'student';
    create temporary table ordinary on commit drop as
    select course_id, row_number() over (order by course_id) - 1 as place from lms.courses where code like 'COURSE-%%';
    insert into lms.student_enrollments (student_id, course_id, state)
    select students.user_id, ordinary.course_id, 'active'
    from students
    cross join generate_series(0, 3) as n
    join ordinary on ordinary.place = (students.place + n * (%(courses)s / 4)) %% %(courses)s
    where students.place < %(courses)s * 25
    union all
    select students.user_id, courses.course_id, 'active'
    from students join lms.courses on courses.code = 'CROWDED'
    where students.place between 1 and %(crowded)s
    union all
    select students.user_id, courses.course_id, 'active'
    from students join lms.courses on courses.code = 'HEALTHY'
    where students.place between 1 and %(healthy)s;

    insert into lms.syllabus_weeks (course_id, week_number, topic)
    select course_id, n, 'A topic' from lms.courses cross join generate_series(1, 10) as n;
    insert into lms.materials (course_id, week_number, kind, origin, title, url)
    select course_id, n, 'link', 'linked', 'Page', 'https://bench.example/' || n
    from lms.courses cross join generate_series(1, 10) as n cross join generate_series(1, 3);
    -- One is open, and the others are past.
    insert into lms.quizzes (course_id, week_number, title, state, current_version, closes_at, attempts_allowed)
    select course_id, n, 'Quiz', 'published', 1, case when n < 10 then now() - interval '1 hour' end, 2
    from lms.courses cross join generate_series(1, 10) as n;
    insert into lms.quiz_versions (quiz_id, version_number, questions)
    select quiz_id, 1, '[{"id": "q1", "type": "true_false", "prompt": "True?", "points": 10}]' from lms.quizzes;
    insert into lms.quiz_attempts (
        quiz_id, quiz_version, student_id, attempt_number, state, answers, feedback, score, max_score, graded_by_key,
        started_at, submitted_at, graded_at
    )
    select
        quizzes.quiz_id,
        1,
        enrollments.student_id,
        1,
        'graded',
        '{"q1": true}',
        '{"q1": {"points": 1}}',
        case
            when courses.code <> 'HEALTHY' then hash.number %% 11
            when students.place %% %(one_in)s = 0 then hash.number %% 5
            else 5 + hash.number %% 6
        end,
        10,
        1,
        taken.at,
        taken.at,
        taken.at
    from lms.student_enrollments as enrollments
    join students on students.user_id = enrollments.student_id
    join lms.courses on courses.course_id = enrollments.course_id
    join lms.quizzes on quizzes.course_id = enrollments.course_id
    cross join lateral (
        select hashtext(enrollments.student_id::text || quizzes.quiz_id::text)::bigint + 2147483648 as number
    ) as hash
    cross join lateral (
        select
            now() - make_interval(days => 10 - quizzes.week_number, mins => (hash.number %% 1400)::integer) as at
    ) as taken
    order by taken.at;
    insert into lms.topic_performance (
        student_id, course_id, week_number, attempts, best_score, last_score, average_score, mastery
    )
    select student_id, course_id, week_number, attempts, best_score, last_score, average_score, mastery
    from lms.computed_performance();
"""


def fill(admin_url: str, attempts: int, *, crowded: int = 0, healthy: int = 0) -> dict[str, dict[str, str]]:
    """Fill a migrated database with so many attempts at quizzes of ordinary courses, and gather statistics.

    Args:
        admin_url: the database.
        attempts: how many.
        crowded: how many students the crowded course has; without any there is none.
        healthy: the same of the healthy one.

    Returns:
        What statements are asked for: the ids of an ordinary course, of the crowded one, of the healthy one and of a
        student, and of one who is far down the crowded one.
    """
    figures = {
        "courses": attempts // ATTEMPTS_OF_A_COURSE,
        "crowded": crowded,
        "healthy": healthy,
        "one_in": max(healthy // AT_RISK, 1),
    }
    with psycopg.connect(admin_url, autocommit=True) as connection:
        with connection.transaction():
            psycopg.ClientCursor(connection).execute(FILL, figures)
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")
        found: dict[str, Any] = dict(
            connection.execute(
                "select 'student_id', user_id::text from lms.users where email = 'student1@bench.example' union all "
                "select 'ordinary', course_id::text from lms.courses where code = 'COURSE-2' union all "
                "select 'crowded', course_id::text from lms.courses where code = 'CROWDED' union all "
                "select 'healthy', course_id::text from lms.courses where code = 'HEALTHY' union all "
                "(select 'deep', student_id::text from lms.student_enrollments join lms.courses using (course_id) "
                "where code = 'CROWDED' order by student_id offset %s limit 1)",
                (CROWDED * 49 // 50,),
            ).fetchall()
        )
    given: dict[str, dict[str, str]] = {
        kind: {"student_id": found["student_id"], "course_id": found[kind]}
        for kind in ("ordinary", "crowded", "healthy")
        if kind in found
    }
    if crowded:
        given["crowded"]["deep_student_id"] = found["deep"]
    return given


def token_hash_of(name: str) -> bytes:
    """Of the session of `lecturer` or `student1`."""
    return sha256(f"{name}@bench.example".encode()).digest()
