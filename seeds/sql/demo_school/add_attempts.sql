-- demo_school/add_attempts
-- The attempts at quizzes that nobody has taken yet, and that still ask what they were made with, by those who are on
-- the course. An attempt has course (its code), quiz (its title) and questions, student (an e-mail address), days_ago,
-- minutes and answers, and may have reviews and open. What was handed in waits for demo_school/grade_attempts.
--
-- $1  attempts  jsonb  an array, those of a student in the order in which they were made
--
-- result  count

with /* demo_school/add_attempts */ wanted as (
    select
        given.place,
        quizzes.quiz_id,
        versions.version_number,
        versions.max_score,
        students.user_id as student_id,
        now() - make_interval(days => attempt.days_ago, mins => attempt.minutes) as started_at,
        now() - make_interval(days => attempt.days_ago) as ended_at,
        coalesce(attempt.open, false) as is_open,
        attempt.answers,
        coalesce(attempt.reviews, '{}') as reviews
    from jsonb_array_elements($1) with ordinality as given (document, place)
    cross join lateral
        jsonb_to_record(given.document) as attempt (
            course text,
            quiz text,
            questions jsonb,
            student text,
            days_ago integer,
            minutes integer,
            open boolean,
            answers jsonb,
            reviews jsonb
        )
    join lms.courses on courses.code = attempt.course
    join lms.quizzes on quizzes.course_id = courses.course_id and quizzes.title = attempt.quiz
    join lms.quiz_versions as versions
        on versions.quiz_id = quizzes.quiz_id and versions.version_number = quizzes.current_version
    join lms.users as students on students.email = attempt.student
    join lms.student_enrollments as enrollments
        on enrollments.student_id = students.user_id and enrollments.course_id = courses.course_id
    where
        versions.questions = attempt.questions
        and not exists (select from lms.quiz_attempts as attempts where attempts.quiz_id = quizzes.quiz_id)
)
insert into lms.quiz_attempts (
    quiz_id,
    quiz_version,
    student_id,
    attempt_number,
    state,
    answers,
    reviews,
    max_score,
    started_at,
    submitted_at
)
select
    quiz_id,
    version_number,
    student_id,
    row_number() over (partition by quiz_id, student_id order by place),
    case when is_open then 'in_progress' else 'submitted' end,
    answers,
    reviews,
    max_score,
    started_at,
    case when not is_open then ended_at end
from wanted
order by place;
