-- import_courses/put_quizzes
-- Make the quizzes that are new, as drafts, and give their questions to those that have none yet. Questions that are
-- there stay as they are: no row says whether a person saved them.
--
-- $1  quizzes  jsonb  an array of course_code, title, week_number, questions, key; no title twice in a course
--
-- result  count
-- fails   quiz_key_form  422 The key does not fit the questions.

with /* import_courses/put_quizzes */ wanted as (
    select
        given.place,
        courses.course_id,
        quiz.title,
        quiz.week_number,
        quiz.questions,
        quiz.key
    from jsonb_array_elements($1) with ordinality as given (document, place)
    cross join lateral
        jsonb_to_record(given.document) as quiz (
            course_code text,
            title text,
            week_number smallint,
            questions jsonb,
            key jsonb
        )
    join lms.courses on courses.code = quiz.course_code
),
present as (
    -- Of several with one title, the oldest.
    select distinct on (wanted.place)
        wanted.place,
        quizzes.quiz_id,
        quizzes.current_version
    from wanted
    join lms.quizzes on quizzes.course_id = wanted.course_id and quizzes.title = wanted.title
    order by wanted.place, quizzes.quiz_id
),
changed as (
    select
        wanted.place,
        wanted.course_id,
        wanted.title,
        wanted.week_number,
        wanted.questions,
        wanted.key,
        present.quiz_id
    from wanted
    left join present on present.place = wanted.place
    where present.current_version is null
),
made as (
    insert into lms.quizzes (course_id, week_number, title, current_version)
    select course_id, week_number, title, 1
    from changed
    where quiz_id is null
    order by place
    returning quiz_id, course_id, title
),
updated as (
    update lms.quizzes
    set
        -- A source that says nothing of the week has nothing against that which a lecturer gave.
        week_number = coalesce(changed.week_number, quizzes.week_number),
        current_version = 1,
        version = quizzes.version + 1,
        updated_at = now()
    from changed
    where quizzes.quiz_id = changed.quiz_id
),
asked as (
    select
        coalesce(changed.quiz_id, made.quiz_id) as quiz_id,
        changed.questions,
        -- The table cannot hold a key to questions; a door would, and this is none.
        case when defect.rule is null then changed.key else lms.refuse('quiz_key_form')::jsonb end as key
    from changed
    left join made on made.course_id = changed.course_id and made.title = changed.title
    cross join lateral lms.key_defect(changed.questions, changed.key) as defect
),
versioned as (
    insert into lms.quiz_versions (quiz_id, version_number, questions)
    select quiz_id, 1, questions
    from asked
),
keyed as (
    insert into lms.quiz_answer_keys (quiz_id, version_number, key)
    select quiz_id, 1, key
    from asked
)
select from changed;
