-- demo_school/add_quizzes
-- The quizzes of courses that have none, with their questions and keys. A course with any quiz keeps those it has.
-- demo_school/add_enrollments has locked the courses in this transaction, in a statement of its own: whoever does the
-- same at the same time has waited there, and sees here what the first one added. Where a quiz does not say it, it has
-- no week, no times and no limit, is taken once, the highest score counts, and feedback is shown after it is handed in.
--
-- $1  quizzes  jsonb  an array of course (its code), title, state, questions, key, and the settings that there are
--
-- result  count
-- fails   quiz_key_form  422 The key does not fit the questions.

with /* demo_school/add_quizzes */ wanted as (
    select
        given.place,
        courses.course_id,
        quiz.title,
        quiz.week,
        quiz.state,
        now() + make_interval(days => quiz.opens_in_days) as opens_at,
        now() + make_interval(days => quiz.closes_in_days) as closes_at,
        quiz.time_limit_seconds,
        coalesce(quiz.attempts_allowed, 1) as attempts_allowed,
        coalesce(quiz.score_policy, 'highest') as score_policy,
        coalesce(quiz.feedback_policy, 'after_submit') as feedback_policy,
        quiz.questions,
        quiz.key
    from jsonb_array_elements($1) with ordinality as given (document, place)
    cross join lateral
        jsonb_to_record(given.document) as quiz (
            course text,
            title text,
            week smallint,
            state text,
            opens_in_days integer,
            closes_in_days integer,
            time_limit_seconds integer,
            attempts_allowed smallint,
            score_policy text,
            feedback_policy text,
            questions jsonb,
            key jsonb
        )
    join lms.courses on courses.code = quiz.course
    where not exists (select from lms.quizzes where quizzes.course_id = courses.course_id)
),
made as (
    insert into lms.quizzes (
        course_id,
        week_number,
        title,
        state,
        opens_at,
        closes_at,
        time_limit_seconds,
        attempts_allowed,
        score_policy,
        feedback_policy,
        current_version
    )
    select
        course_id,
        week,
        title,
        state,
        opens_at,
        closes_at,
        time_limit_seconds,
        attempts_allowed,
        score_policy,
        feedback_policy,
        1
    from wanted
    order by place
    returning quiz_id, course_id, title
),
asked as (
    select
        made.quiz_id,
        wanted.questions,
        -- The table cannot hold a key to questions; a door would, and this is none.
        case when defect.rule is null then wanted.key else lms.refuse('quiz_key_form')::jsonb end as key
    from made
    join wanted on wanted.course_id = made.course_id and wanted.title = made.title
    cross join lateral lms.key_defect(wanted.questions, wanted.key) as defect
),
versioned as (
    insert into lms.quiz_versions (quiz_id, version_number, questions)
    select quiz_id, 1, questions
    from asked
)
insert into lms.quiz_answer_keys (quiz_id, version_number, key)
select quiz_id, 1, key
from asked;
