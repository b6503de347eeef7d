"""A quiz of ten questions of every type, and as many attempts at it as a benchmark wants, no two of them alike."""

from typing import Any

import psycopg

FILL = """
    set local session_replication_role = replica;

    insert into lms.users (email, full_name, role, password_hash)
    select 'lecturer@attempts.example', 'Lecturer', 'lecturer', '!'
    union all
    select 'student' || n || '@attempts.example', 'Student ' || n, 'student', '!'
    from generate_series(1, %(attempts)s) as n;

    insert into lms.terms (code, title, starts_on, ends_on) values ('ATTEMPTS', 'Term', '2026-09-01', '2026-12-18');

    insert into lms.courses (code, title, term_id, lecturer_id, capacity, state)
    select 'ATTEMPTS', 'Course', terms.term_id, users.user_id, 100000, 'published'
    from lms.terms
    cross join lms.users
    where users.role = 'lecturer';

    insert into lms.student_enrollments (student_id, course_id, state)
    select users.user_id, courses.course_id, 'active'
    from lms.users
    cross join lms.courses
    where users.role = 'student';

    insert into lms.quizzes (course_id, week_number, title)
    select courses.course_id, 1, 'Quiz' from lms.courses;

    -- Two single choices, two multiple ones, two numbers, and one of each other type but the essay, which waits.
    insert into lms.quiz_versions (quiz_id, version_number, questions)
    select quizzes.quiz_id, 1, (
        select jsonb_agg(
            jsonb_build_object(
                'id', 'q' || n, 'type', kind, 'prompt', 'Question ' || n || ', ' || repeat('why? ', 10), 'points', n
            )
            || case
                when kind not in ('single_choice', 'multiple_choice', 'matching') then '{}'
                else jsonb_build_object('options', (
                    select jsonb_agg(
                        jsonb_build_object('id', 'o' || option, 'text', 'Option ' || option) order by option
                    )
                    from generate_series(1, 5) as option
                ))
            end
            || case
                when kind <> 'matching' then '{}'
                else '{"stems": [
                    {"id": "s1", "text": "One"}, {"id": "s2", "text": "Two"}, {"id": "s3", "text": "Three"}
                ]}'
            end::jsonb
            order by n
        )
        from unnest(%(kinds)s::text[]) with ordinality as questions (kind, n)
    )
    from lms.quizzes;

    insert into lms.quiz_answer_keys (quiz_id, version_number, key)
    select quizzes.quiz_id, 1, (
        select jsonb_object_agg(
            'q' || n,
            jsonb_build_object('type', kind, 'explanation', 'See chapter ' || n || '.')
            || case kind
                when 'single_choice' then '{"correct": "o3"}'
                when 'multiple_choice' then '{"correct": ["o1", "o2", "o5"]}'
                when 'true_false' then '{"correct": true}'
                when 'short_answer' then '{"accepted": ["forty-two", "42", "quarante-deux"]}'
                when 'numeric' then '{"value": 500, "absolute_tolerance": 100}'
                else '{"correct": {"s1": "o1", "s2": "o2", "s3": "o3"}}'
            end::jsonb
        )
        from unnest(%(kinds)s::text[]) with ordinality as questions (kind, n)
    )
    from lms.quizzes;
    update lms.quizzes set current_version = 1, state = 'published';

    insert into lms.quiz_attempts (
        quiz_id, quiz_version, student_id, attempt_number, state, answers, score, max_score, submitted_at, graded_at,
        graded_by_key
    )
    select quizzes.quiz_id, 1, students.user_id, 1, 'graded', (
        select jsonb_object_agg(
            'q' || n,
            case kind
                when 'single_choice' then to_jsonb('o' || (students.place + n) %% 5 + 1)
                when 'multiple_choice'
                    then jsonb_build_array('o' || (students.place + n) %% 5 + 1, 'o' || students.place / 5 %% 5 + 1)
                when 'true_false' then to_jsonb((students.place + n) %% 2 = 0)
                when 'short_answer'
                    then to_jsonb(
                        case students.place %% 3
                            when 0 then 'Forty-Two' when 1 then '42' else 'number ' || students.place
                        end
                    )
                when 'numeric' then to_jsonb((students.place * n) %% 1000 + students.place / 100000.0)
                else jsonb_build_object(
                    's1', 'o1', 's2', 'o' || students.place %% 5 + 1, 's3', 'o' || students.place / 5 %% 5 + 1
                )
            end
        )
        from unnest(%(kinds)s::text[]) with ordinality as questions (kind, n)
    ), 0, 55, now(), now(), 0
    from lms.quizzes
    cross join (
        select user_id, row_number() over (order by user_id) as place from lms.users where role = 'student'
    ) as students;
"""

KINDS = [
    "single_choice",
    "multiple_choice",
    "true_false",
    "short_answer",
    "numeric",
    "matching",
    "single_choice",
    "multiple_choice",
    "true_false",
    "numeric",
]


def fill(connection: psycopg.Connection[Any], attempts: int) -> None:
    """Fill a migrated database, in a transaction that the caller commits."""
    connection.execute(FILL, {"attempts": attempts, "kinds": KINDS})
