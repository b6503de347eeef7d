-- import_oulad/add_attempts
-- The results as attempts, of those who have none at the quiz yet. The points of a result stand as a person's review,
-- so that grading it again gives them again; no key graded it. An answer stands there too, without which there would be
-- nothing to review once a review is taken back.
--
-- result  count

with /* import_oulad/add_attempts */ assessments as materialized (
    select
        staged.id_assessment,
        quizzes.quiz_id,
        make_date(
            left(staged.code_presentation, 4)::integer,
            case right(staged.code_presentation, 1) when 'B' then 2 else 10 end,
            1
        ) as first_day
    from lms_import.oulad_assessments as staged
    join lms.courses on courses.code = staged.course_code
    cross join lateral (
        -- By what it asked first, which stays: title and week can be changed. The oldest, should there be a copy.
        select quizzes.quiz_id
        from lms.quizzes
        join lms.quiz_versions as versions on versions.quiz_id = quizzes.quiz_id and versions.version_number = 1
        where
            quizzes.course_id = courses.course_id
            and versions.questions = jsonb_build_array(
                jsonb_build_object('id', 'q1', 'type', 'essay', 'prompt', staged.prompt, 'points', 100)
            )
        order by quizzes.quiz_id
        limit 1
    ) as quizzes
),
results as (
    select
        assessments.quiz_id,
        users.user_id,
        nullif(nullif(staged.score, ''), '?')::integer as points,
        (assessments.first_day + staged.date_submitted::integer)::timestamp at time zone 'UTC' as submitted_at
    from lms_import.oulad_results as staged
    join assessments on assessments.id_assessment = staged.id_assessment
    join lms.users on users.email = staged.email
    where
        -- Doing it again is told from here; what comes meanwhile, by the conflict below.
        not exists (
            select
            from lms.quiz_attempts as known
            where
                known.student_id = users.user_id
                and known.quiz_id = assessments.quiz_id
                and known.attempt_number = 1
        )
)
insert into lms.quiz_attempts (
    quiz_id,
    quiz_version,
    student_id,
    attempt_number,
    state,
    answers,
    reviews,
    feedback,
    score,
    max_score,
    started_at,
    submitted_at,
    graded_at
)
select
    quiz_id,
    1,
    user_id,
    1,
    case when points is null then 'submitted' else 'graded' end,
    '{"q1": "Not in the data set."}',
    case when points is null then '{}' else jsonb_build_object('q1', jsonb_build_object('points', points)) end,
    jsonb_build_object('q1', jsonb_build_object('points', points)),
    points,
    100,
    submitted_at,
    submitted_at,
    case when points is not null then submitted_at end
from results
order by user_id, quiz_id
on conflict on constraint quiz_attempts_attempt_number_uq do nothing;
