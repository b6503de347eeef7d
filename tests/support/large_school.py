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
EVERY_NTH_COURSE = 49
"""Of all courses, those that the student who is logged in is or was on."""
COURSES_OF_A_STUDENT = COURSES // EVERY_NTH_COURSE + 1
"""That student's; the crowded one is among them."""
OUTSIDERS = 10
"""Students who are not on the crowded course."""
MATERIALS_OF_THE_CROWDED = 5_000
QUIZZES_OF_THE_CROWDED = 5_000
STUDENTS_OF_THE_GRADED = 500
QUIZZES_OF_THE_GRADED = 10
AT_RISK_OF_THE_GRADED = 40
"""The oldest accounts on that course, and one in a hundred of the others."""
OTHER_EVENTS = 60_000
QUEUED_MAILS = 2_000

FILL = """
    set local session_replication_role = replica;

    insert into lms.users (email, full_name, role, password_hash)
    select 'admin@school.example', 'Admin', 'super_admin', '!'
    union all
    select 'lecturer' || n || '@school.example', 'Lecturer ' || n, 'lecturer', '!'
    from generate_series(1, %(lecturers)s) as n
    union all
    select 'student' || n || '@school.example', 'Student ' || n, 'student', '!'
    from generate_series(1, %(students)s) as n;

    insert into lms.terms (code, title, starts_on, ends_on)
    select 'TERM-' || n, 'Term ' || n, date '2000-01-01' + n, date '2000-05-01' + n
    from generate_series(1, %(terms)s) as n;

    -- Each lecturer teaches in every term, each term has courses of every lecturer.
    insert into lms.courses (code, title, term_id, lecturer_id, capacity, state)
    select
        'COURSE-' || n,
        'Course ' || n,
        terms.term_id,
        lecturers.user_id,
        30,
        case when n %% 20 = 7 then 'draft' else 'published' end
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

    -- The sixth course of the first lecturer is crowded, and the first student is on a thousand courses.
    create temporary table crowded on commit drop as
    select course_id, lecturer_id
    from lms.courses
    where lecturer_id = (select user_id from lms.users where role = 'lecturer' order by user_id limit 1)
    order by course_id
    limit 1 offset 5;
    create temporary table students on commit drop as
    select user_id, row_number() over (order by user_id) as place from lms.users where role = 'student';

    insert into lms.student_enrollments (student_id, course_id, state)
    select students.user_id, crowded.course_id, (array['active', 'invited', 'completed', 'dropped'])[place %% 4 + 1]
    from students cross join crowded
    where place between 2 and %(students)s - %(outsiders)s;
    insert into lms.student_enrollments (student_id, course_id, state)
    select students.user_id, crowded.course_id, 'active' from students cross join crowded where place = 1;
    insert into lms.student_enrollments (student_id, course_id, state)
    select
        students.user_id,
        courses.course_id,
        (array['active', 'active', 'active', 'completed', 'dropped', 'invited'])[courses.place %% 6 + 1]
    from students
    join (select course_id, row_number() over (order by course_id) as place from lms.courses) as courses
        on courses.place %% %(every_nth_course)s = 0
    where students.place = 1
    on conflict do nothing;
    -- Everybody else is on three.
    insert into lms.student_enrollments (student_id, course_id, state)
    select students.user_id, courses.course_id, 'active'
    from students
    cross join generate_series(0, 2) as n
    join (select course_id, row_number() over (order by course_id) as place from lms.courses) as courses
        on courses.place = (students.place * 2 + n * 17777) %% %(courses)s + 1
    where students.place > 1
    on conflict do nothing;
    update lms.courses
    set
        capacity = 100000,
        seats_taken = (
            select count(*)
            from lms.student_enrollments as enrollments
            where enrollments.course_id = courses.course_id and enrollments.state <> 'dropped'
        )
    from crowded
    where courses.course_id = crowded.course_id;

    insert into lms.materials (course_id, week_number, kind, origin, title, url, crawled_at)
    select
        crowded.course_id,
        nullif(n %% (%(weeks)s + 1), 0),
        'link',
        case when n %% 2 = 0 then 'crawled' else 'linked' end,
        'Page ' || n,
        'https://pages.example/crowded/' || n,
        case when n %% 2 = 0 then now() end
    from crowded cross join generate_series(1, %(materials)s) as n;
    insert into lms.materials (course_id, week_number, kind, origin, title, url)
    select course_id, 1, 'pdf', 'linked', 'Script', 'https://pages.example/' || code from lms.courses;

    -- Everybody was written to; some mails are due, and some were sent long ago.
    insert into lms.email_outbox (kind, user_id, course_id, state, attempts, settled_at)
    select
        'welcome',
        students.user_id,
        crowded.course_id,
        'sent',
        1,
        case when place = 1 then now() - interval '1 year' else now() end
    from crowded cross join students;
    insert into lms.email_outbox (kind, user_id, course_id, next_attempt_at)
    select 'invitation', students.user_id, crowded.course_id, now() - make_interval(secs => place)
    from crowded cross join students
    where place <= %(queued_mails)s;
    insert into lms.account_tokens (token_hash, user_id, created_at, expires_at)
    select
        sha256(('token of ' || email)::bytea),
        user_id,
        now() - interval '1 year',
        now() + case when email = 'student1@school.example' then interval '-1 month' else interval '1 day' end
    from lms.users;

    insert into lms.files (course_id, state, name, media_type, byte_size, sha256, due_at)
    select course_id, 'stored', 'script.pdf', 'application/pdf', 1, sha256(code::bytea), now() from lms.courses;
    insert into lms.materials (course_id, week_number, kind, origin, title, file_id)
    select course_id, 2, 'pdf', 'uploaded', 'Script', file_id from lms.files;
    -- One of each kind of garbage, and an upload under way.
    insert into lms.files (course_id, state, due_at) select course_id, 'uploading', now() from crowded;
    insert into lms.files (course_id, state, due_at) select course_id, 'deleting', now() from crowded;
    insert into lms.files (state, name, media_type, byte_size, sha256, due_at)
    values ('stored', 'script.pdf', 'application/pdf', 1, sha256('gone'), now());
    insert into lms.files (course_id, state, due_at)
    select course_id, 'uploading', now() + interval '1 day' from crowded;

    -- Every tenth quiz of the crowded course is a draft.
    insert into lms.quizzes (course_id, week_number, title, state, current_version)
    select crowded.course_id, 1, 'Quiz ' || n, case when n %% 10 = 0 then 'draft' else 'published' end, 1
    from crowded cross join generate_series(1, %(quizzes)s) as n;
    insert into lms.quizzes (course_id, week_number, title, state, current_version)
    select course_id, 1, 'Quiz', 'published', 1 from lms.courses;
    -- The seventh course of the first lecturer has some more, one a week.
    create temporary table graded on commit drop as
    select course_id
    from lms.courses
    where lecturer_id = (select lecturer_id from crowded)
    order by course_id
    limit 1 offset 6;
    insert into lms.quizzes (course_id, week_number, title, state, current_version)
    select graded.course_id, n, 'Quiz of week ' || n, 'published', 1
    from graded cross join generate_series(2, %(graded_quizzes)s) as n;
    insert into lms.quiz_versions (quiz_id, version_number, questions)
    select quiz_id, 1, '[{"id": "q1", "type": "true_false", "prompt": "True?", "points": 1}]' from lms.quizzes;
    insert into lms.quiz_answer_keys (quiz_id, version_number, key)
    select quiz_id, 1, '{"q1": {"type": "true_false", "correct": true}}' from lms.quizzes;
    insert into lms.regrades (quiz_id, requested_by, state, started_at, finished_at, due_at)
    select quizzes.quiz_id, courses.lecturer_id, 'done', now(), now(), now()
    from lms.quizzes join lms.courses on courses.course_id = quizzes.course_id;
    insert into lms.regrades (quiz_id, requested_by)
    select quizzes.quiz_id, courses.lecturer_id
    from (select quiz_id, course_id from lms.quizzes order by quiz_id limit 1000) as quizzes
    join lms.courses on courses.course_id = quizzes.course_id;

    -- The first quiz of the crowded course was taken by all who are on it, who are at it again.
    insert into lms.quiz_attempts (
        quiz_id,
        quiz_version,
        student_id,
        attempt_number,
        state,
        score,
        max_score,
        submitted_at,
        graded_at,
        graded_by_key
    )
    select quizzes.quiz_id, 1, enrollments.student_id, 1, 'graded', 1, 1, now(), now(), 1
    from (
        select quiz_id, course_id
        from lms.quizzes
        where course_id = (select course_id from crowded)
        order by quiz_id
        limit 1
    ) as quizzes
    join lms.student_enrollments as enrollments on enrollments.course_id = quizzes.course_id;
    -- So it was by the last student, who is not on the course any more.
    insert into lms.quiz_attempts (
        quiz_id, quiz_version, student_id, attempt_number, state, score, max_score, submitted_at, graded_at
    )
    select taken.quiz_id, 1, students.user_id, 1, 'graded', 1, 1, now(), now()
    from (select quiz_id from lms.quiz_attempts limit 1) as taken
    join students on students.place = %(students)s;
    insert into lms.quiz_attempts (quiz_id, quiz_version, student_id, attempt_number, max_score, due_at)
    select quiz_id, 1, student_id, 2, 1, now() + interval '1 day' from lms.quiz_attempts;
    -- Half of all students have taken the quiz of one of their courses; one in a thousand has yet to hand it in.
    insert into lms.quiz_attempts (
        quiz_id, quiz_version, student_id, attempt_number, state, answers, score, max_score, graded_by_key,
        submitted_at, graded_at, due_at
    )
    select
        quizzes.quiz_id, 1, taken.student_id, 1,
        case when taken.place %% 1000 = 0 then 'in_progress' else 'graded' end,
        '{"q1": true}',
        case when taken.place %% 1000 <> 0 then 1 end,
        1,
        case when taken.place %% 1000 <> 0 then 1 end,
        case when taken.place %% 1000 <> 0 then now() end,
        case when taken.place %% 1000 <> 0 then now() end,
        case when taken.place %% 1000 = 0 then now() + interval '1 day' end
    from (
        select distinct on (student_id) student_id, course_id, row_number() over (order by student_id) as place
        from lms.student_enrollments where state = 'active' and course_id <> (select course_id from crowded)
        order by student_id, course_id
    ) as taken
    join lateral (
        select quiz_id from lms.quizzes where quizzes.course_id = taken.course_id order by quiz_id limit 1
    ) as quizzes on true
    where taken.place %% 2 = 0;
    -- What was learned: on the crowded course by everybody, by the first student everywhere.
    insert into lms.quiz_attempts (
        quiz_id, quiz_version, student_id, attempt_number, state, score, max_score, submitted_at, graded_at
    )
    select taken.quiz_id, 1, enrollments.student_id, 1, 'graded', 0, 1, now(), now()
    from lms.student_enrollments as enrollments
    join (select course_id, max(quiz_id::text)::uuid as quiz_id from lms.quizzes group by course_id) as taken
        on taken.course_id = enrollments.course_id
    on conflict do nothing;
    -- All who took the first quiz were graded again, and are told of it before the other mails are due.
    insert into lms.score_changes (attempt_id, score_before, score)
    select attempt_id, 0, 1 from lms.quiz_attempts where graded_by_key = 1 and attempt_number = 1;
    insert into lms.email_outbox (kind, user_id, course_id, score_change_id, next_attempt_at)
    select
        'score_changed', attempts.student_id, quizzes.course_id, changes.score_change_id, now() - interval '1 day'
    from lms.score_changes as changes
    join lms.quiz_attempts as attempts on attempts.attempt_id = changes.attempt_id
    join lms.quizzes on quizzes.quiz_id = attempts.quiz_id;
    insert into lms.topic_performance (
        student_id, course_id, week_number, attempts, best_score, last_score, average_score, mastery
    )
    select student_id, course_id, 1, 1, 0, 0, 0, 'remedial' from lms.student_enrollments;

    -- On the graded course the oldest accounts have taken everything, the first student among them, and most did well.
    insert into lms.student_enrollments (student_id, course_id, state)
    select students.user_id, graded.course_id, 'active'
    from students cross join graded
    where place <= %(graded_students)s
    on conflict on constraint student_enrollments_pk do update set state = 'active';
    insert into lms.quiz_attempts (
        quiz_id, quiz_version, student_id, attempt_number, state, score, max_score, submitted_at, graded_at
    )
    select
        quizzes.quiz_id,
        1,
        students.user_id,
        1,
        'graded',
        case when students.place <= %(graded_at_risk)s or students.place %% 100 = 0 then 0 else 1 end,
        1,
        now(),
        now()
    from graded
    join lms.quizzes on quizzes.course_id = graded.course_id
    join students on students.place <= %(graded_students)s
    on conflict do nothing;
    insert into lms.topic_performance (
        student_id, course_id, week_number, attempts, best_score, last_score, average_score, mastery
    )
    select
        attempts.student_id,
        quizzes.course_id,
        quizzes.week_number,
        1,
        attempts.score,
        attempts.score,
        attempts.score,
        case attempts.score when 0 then 'remedial' else 'mastered' end
    from graded
    join lms.quizzes on quizzes.course_id = graded.course_id
    join lms.quiz_attempts as attempts on attempts.quiz_id = quizzes.quiz_id and attempts.state = 'graded'
    on conflict do nothing;

    -- The oldest events are those about the crowded course, by its lecturer, and those about the first student, by the
    -- administrator: whoever looks for them from the latest on reads past all others.
    insert into lms.audit_events (actor_id, action, user_id, course_id, changes)
    select crowded.lecturer_id, 'enrollments.create', students.user_id, crowded.course_id, '{}'
    from crowded cross join students;
    insert into lms.audit_events (actor_id, action, user_id, changes)
    select admins.user_id, 'users.update', students.user_id, '{}'
    from (select user_id from lms.users where role = 'super_admin') as admins
    join students on students.place = 1
    cross join generate_series(1, %(students)s);
    insert into lms.audit_events (actor_id, action, user_id, course_id, changes)
    select courses.lecturer_id, 'enrollments.update', students.user_id, courses.course_id, '{}'
    from generate_series(1, %(other_events)s) as n
    join students on students.place = n %% (%(students)s - 1) + 2
    join (
        select course_id, lecturer_id, row_number() over (order by course_id) as place
        from lms.courses
        where lecturer_id <> (select lecturer_id from crowded)
    ) as courses on courses.place = n %% (%(courses)s / 2) + 1;
"""


@dataclass(frozen=True)
class LargeSchool:
    """What the statements are asked for."""

    tokens: dict[str, str]
    """The hash of a live session by role, as text."""
    own: dict[str, Any]
    """A course, crowded, of the lecturer who is logged in, by the names of parameters, as text; student_id is the
    student who is logged in, too, and on that course."""
    ordinary_enrollments: dict[str, dict[str, str]]
    """By role one that its user may see: another student on the crowded course; for the student another course."""
    graded_course_id: str
    """A course of that lecturer whose students have taken all of its quizzes; the one who is logged in is on it."""
    graded_student_id: str
    """The last of the oldest accounts on it, who may all fail it."""
    outsider_id: str
    """A student who is not on that course."""
    outsider_token: str
    """The hash of a live session of that student, as text."""
    outsider_attempts: dict[str, str]
    """That student's attempts at the first quiz of that course, by their state."""
    empty_course_id: str
    """A course of that lecturer that nobody is or was on."""
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
        "every_nth_course": EVERY_NTH_COURSE,
        "outsiders": OUTSIDERS,
        "materials": MATERIALS_OF_THE_CROWDED,
        "quizzes": QUIZZES_OF_THE_CROWDED,
        "graded_students": STUDENTS_OF_THE_GRADED,
        "graded_quizzes": QUIZZES_OF_THE_GRADED,
        "graded_at_risk": AT_RISK_OF_THE_GRADED,
        "other_events": OTHER_EVENTS,
        "queued_mails": QUEUED_MAILS,
    }
    with psycopg.connect(admin_url, autocommit=True) as connection:
        with connection.transaction():
            psycopg.ClientCursor(connection).execute(FILL, figures)
        connection.execute("vacuum analyze")
        logged_in: dict[str, tuple[str, str]] = {
            role: (user_id, token_hash)
            for role, user_id, token_hash in connection.execute(
                "select distinct on (role) role, user_id::text, token_hash::text "
                "from lms.users join lms.sessions using (user_id) order by role, user_id"
            )
        }
        (course,) = _row(
            connection,
            "select to_jsonb(courses) from lms.courses where course_id = "
            "(select course_id from lms.student_enrollments group by course_id order by count(*) desc limit 1)",
        )
        own = {name: None if value is None else str(value) for name, value in course.items()}
        assert own["lecturer_id"] == logged_in["lecturer"][0]
        student_id = logged_in["student"][0]
        own |= {"student_id": student_id, "user_id": student_id, "actor_id": own["lecturer_id"]}
        (own["material_id"],) = _row(
            connection,
            "select material_id::text from lms.materials where course_id = %s order by material_id limit 1",
            own["course_id"],
        )
        (own["quiz_id"],) = _row(
            connection,
            "select quiz_id::text from lms.quizzes where course_id = %s order by quiz_id limit 1",
            own["course_id"],
        )
        (own["untaken_quiz_id"],) = _row(
            connection,
            "select quiz_id::text from lms.quizzes where course_id = %s order by quiz_id offset 1 limit 1",
            own["course_id"],
        )
        (own["attempt_id"],) = _row(
            connection,
            "select attempt_id::text from lms.quiz_attempts where quiz_id = %s and student_id = %s "
            "and state = 'in_progress'",
            own["quiz_id"],
            student_id,
        )
        own["graded_attempt_id"], own["taken_quiz_id"] = _row(
            connection,
            "select attempt_id::text, quiz_id::text from lms.quiz_attempts where state = 'graded' "
            "order by attempt_id limit 1",
        )
        own["regrade_id"], own["regraded_quiz_id"] = _row(
            connection,
            "update lms.regrades set state = 'running', claims = 1, started_at = now(), "
            "due_at = now() + interval '1 day' where state = 'queued' and regrade_id = "
            "(select regrade_id from lms.regrades where state = 'queued' order by regrade_id desc limit 1) "
            "returning regrade_id::text, quiz_id::text",
        )
        (own["delivery_id"],) = _row(
            connection,
            "select delivery_id::text from lms.email_outbox where user_id = %s and state = 'queued' "
            "and kind = 'invitation'",
            student_id,
        )
        (own["account_token_hash"],) = _row(
            connection,
            "select token_hash::text from lms.account_tokens where user_id = %s",
            own["lecturer_id"],
        )
        own["file_material_id"], own["stored_file_id"] = _row(
            connection,
            "select material_id::text, file_id::text from lms.materials "
            "where course_id = %s and origin = 'uploaded'",
            own["course_id"],
        )
        (own["uploading_file_id"],) = _row(
            connection,
            "select file_id::text from lms.files where course_id = %s and state = 'uploading' "
            "order by due_at desc limit 1",
            own["course_id"],
        )
        (own["deleting_file_id"],) = _row(
            connection,
            "select file_id::text from lms.files where state = 'deleting' order by file_id limit 1",
        )
        (classmate_id,) = _row(
            connection,
            "select student_id::text from lms.student_enrollments where course_id = %s and state = 'active' "
            "order by student_id desc limit 1",
            own["course_id"],
        )
        (other_course_id,) = _row(
            connection,
            "select course_id::text from lms.student_enrollments where student_id = %s and course_id <> %s "
            "order by course_id limit 1",
            student_id,
            own["course_id"],
        )
        outsider_id, outsider_token = _row(
            connection,
            "select user_id::text, token_hash::text from lms.users join lms.sessions using (user_id) "
            "where role = 'student' order by user_id desc limit 1",
        )
        (graded_course_id,) = _row(
            connection,
            "select course_id::text from lms.quizzes where title = 'Quiz of week 2'",
        )
        (graded_student_id,) = _row(
            connection,
            "select student_id::text from lms.student_enrollments where course_id = %s "
            "order by student_id offset %s limit 1",
            graded_course_id,
            AT_RISK_OF_THE_GRADED - 1,
        )
        (empty_course_id,) = _row(
            connection,
            "select course_id::text from lms.courses where lecturer_id = %s and not exists "
            "(select from lms.student_enrollments as enrollments where enrollments.course_id = courses.course_id) "
            "order by course_id limit 1",
            own["lecturer_id"],
        )
        (empty_term_id,) = _row(
            connection, "select term_id::text from lms.terms where code = %s", f"TERM-{TERMS}"
        )
        return LargeSchool(
            tokens={role: token_hash for role, (_, token_hash) in logged_in.items()},
            own=own,
            ordinary_enrollments={
                "super_admin": {"student_id": classmate_id},
                "lecturer": {"student_id": classmate_id},
                "student": {"course_id": other_course_id},
            },
            graded_course_id=graded_course_id,
            graded_student_id=graded_student_id,
            outsider_id=outsider_id,
            outsider_token=outsider_token,
            outsider_attempts=dict(
                connection.execute(
                    "select state, attempt_id::text from lms.quiz_attempts where quiz_id = %s and student_id = %s",
                    (own["quiz_id"], outsider_id),
                ).fetchall()
            ),
            empty_course_id=empty_course_id,
            empty_term_id=empty_term_id,
        )


def _row(connection: psycopg.Connection[Any], statement: Any, *arguments: object) -> Any:
    row = connection.execute(statement, arguments).fetchone()
    assert row is not None
    return row
