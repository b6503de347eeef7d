-- import_courses/put_quizzes
-- Make the quizzes that are new, as drafts, and save a new version of those that ask something else. Attempts keep the
-- version that they were started on.
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
        quizzes.week_number,
        quizzes.current_version
    from wanted
    join lms.quizzes on quizzes.course_id = wanted.course_id and quizzes.title = wanted.title
    order by wanted.place, quizzes.quiz_id
),
compared as (
    select
        wanted.place,
        wanted.course_id,
        wanted.title,
        wanted.questions,
        wanted.key,
        present.quiz_id,
        coalesce(present.current_version, 0) + 1 as next_version,
        -- A source that says nothing of the week has nothing against that which a lecturer gave.
        coalesce(wanted.week_number, present.week_number) as week_number,
        (versions.questions is distinct from wanted.questions or keys.key is distinct from wanted.key) as asks_anew,
        (wanted.week_number is not null and wanted.week_number is distinct from present.week_number) as moves
    from wanted
    left join present on present.place = wanted.place
    left join lms.quiz_versions as versions
        on versions.quiz_id = present.quiz_id and versions.version_number = present.current_version
    left join lms.quiz_answer_keys as keys
        on keys.quiz_id = versions.quiz_id and keys.version_number = versions.version_number
),
changed as (
    select place, course_id, title, questions, key, quiz_id, next_version, week_number, asks_anew
    from compared
    where asks_anew or moves
),
made as (
    insert into lms.quizzes (course_id, week_number, title, current_version)
    select course_id, week_number, title, next_version
    from changed
    where quiz_id is null
    order by place
    returning quiz_id, course_id, title
),
updated as (
    update lms.quizzes
    set
        week_number = changed.week_number,
        current_version = case when changed.asks_anew then changed.next_version else quizzes.current_version end,
        version = quizzes.version + 1,
        updated_at = now()
    from changed
    where quizzes.quiz_id = changed.quiz_id
),
asked as (
    select
        coalesce(changed.quiz_id, made.quiz_id) as quiz_id,
        changed.next_version,
        changed.questions,
        -- The table cannot hold a key to questions; a door would, and this is none.
        case when defect.rule is null then changed.key else lms.refuse('quiz_key_form')::jsonb end as key
    from changed
    left join made on made.course_id = changed.course_id and made.title = changed.title
    cross join lateral lms.key_defect(changed.questions, changed.key) as defect
    where changed.asks_anew
),
versioned as (
    insert into lms.quiz_versions (quiz_id, version_number, questions)
    select quiz_id, next_version, questions
    from asked
),
keyed as (
    insert into lms.quiz_answer_keys (quiz_id, version_number, key)
    select quiz_id, next_version, key
    from asked
)
select from changed;
