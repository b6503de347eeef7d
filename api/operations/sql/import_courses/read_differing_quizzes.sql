-- import_courses/read_differing_quizzes
-- The quizzes that ask something else than these, or stand in another week.
--
-- $1  quizzes  jsonb  an array of course_code, title, week_number, questions, key; no title twice in a course
--
-- result  rows  DifferingQuiz

with /* import_courses/read_differing_quizzes */ compared as (
    -- Of several with one title, the oldest.
    select distinct on (given.place)
        given.place,
        quiz.course_code,
        quiz.title,
        (versions.questions is distinct from quiz.questions) as other_questions,
        (keys.key is distinct from quiz.key) as other_key,
        -- A source that says nothing of the week has nothing against that which a lecturer gave.
        (quiz.week_number is not null and quizzes.week_number is distinct from quiz.week_number) as other_week
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
    join lms.quizzes on quizzes.course_id = courses.course_id and quizzes.title = quiz.title
    left join lms.quiz_versions as versions
        on versions.quiz_id = quizzes.quiz_id and versions.version_number = quizzes.current_version
    left join lms.quiz_answer_keys as keys
        on keys.quiz_id = versions.quiz_id and keys.version_number = versions.version_number
    order by given.place, quizzes.quiz_id
)
select course_code, title, other_questions, other_key, other_week
from compared
where other_questions or other_key or other_week
order by place;
