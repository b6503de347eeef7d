-- import_oulad/add_quizzes
-- The assessments that are no quizzes of their courses yet, each with one question, worth 100 points and answered on
-- paper, and a key that leaves it to a person.
--
-- result  count

with /* import_oulad/add_quizzes */ assessments as (
    select
        courses.course_id,
        -- An exam asks about the whole course, and so does what has no day.
        case when staged.assessment_type <> 'Exam' then nullif(staged.date, '?')::integer / 7 + 1 end as week_number,
        staged.title,
        -- Until the end of the day.
        (
            make_date(
                left(staged.code_presentation, 4)::integer,
                case right(staged.code_presentation, 1) when 'B' then 2 else 10 end,
                1
            )
            + nullif(staged.date, '?')::integer
            + 1
        )::timestamp at time zone 'UTC' as closes_at,
        jsonb_build_array(
            jsonb_build_object('id', 'q1', 'type', 'essay', 'prompt', staged.prompt, 'points', 100)
        ) as questions,
        staged.line
    from lms_import.oulad_assessments as staged
    join lms.courses on courses.code = staged.course_code
),
wanted as (
    select
        -- Here, so that what belongs to a quiz knows it before it is there; and in the order of the file.
        lms.uuidv7() as quiz_id,
        course_id,
        week_number,
        title,
        closes_at,
        questions
    from assessments
    where
        not exists (
            select
            from lms.quizzes
            join lms.quiz_versions as versions
                on versions.quiz_id = quizzes.quiz_id and versions.version_number = 1
            where quizzes.course_id = assessments.course_id and versions.questions = assessments.questions
        )
    order by line
),
created as (
    insert into lms.quizzes (quiz_id, course_id, week_number, title, state, closes_at, current_version)
    select
        quiz_id,
        course_id,
        week_number,
        title,
        'closed',
        closes_at,
        1
    from wanted
    returning quiz_id
),
asked as (
    insert into lms.quiz_versions (quiz_id, version_number, questions)
    select
        quiz_id,
        1,
        questions
    from wanted
),
answered as (
    insert into lms.quiz_answer_keys (quiz_id, version_number, key)
    select
        quiz_id,
        1,
        '{"q1": {"type": "essay"}}'
    from wanted
)
select from created;
