-- quizzes/create_quiz
-- Make a quiz of a course, a draft without questions, by whoever teaches it.
--
-- $1   token_hash          bytea
-- $2   course_id           uuid
-- $3   week_number         smallint     null for the whole course
-- $4   title               text
-- $5   opens_at            timestamptz  null for at once
-- $6   closes_at           timestamptz  null for never
-- $7   time_limit_seconds  integer      null for any
-- $8   attempts_allowed    smallint     null for any
-- $9   score_policy        text
-- $10  feedback_policy     text
--
-- result  created  Quiz    404: no such course for this actor to teach
-- fails   quizzes_week_number_ck
-- fails   quizzes_title_ck
-- fails   quizzes_window_ck
-- fails   quizzes_time_limit_seconds_ck
-- fails   quizzes_attempts_allowed_ck
-- fails   quizzes_score_policy_ck
-- fails   quizzes_feedback_policy_ck
-- index   courses_pk

with /* quizzes/create_quiz */ actor as (
    select user_id, role from lms.actor($1)
),
target as (
    -- Locked, so that nobody deletes the course meanwhile.
    select courses.course_id
    from lms.courses
    cross join actor
    where courses.course_id = $2 and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
    for key share of courses
),
created as (
    insert into lms.quizzes (
        course_id,
        week_number,
        title,
        opens_at,
        closes_at,
        time_limit_seconds,
        attempts_allowed,
        score_policy,
        feedback_policy
    )
    select target.course_id, $3, $4, $5, $6, $7, $8, $9, $10
    from target
    returning
        quiz_id,
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
        current_version,
        version,
        created_at,
        updated_at
)
select
    case
        when created.quiz_id is not null then json_build_object(
            'id', created.quiz_id,
            'course_id', created.course_id,
            'week_number', created.week_number,
            'title', created.title,
            'state', created.state,
            'opens_at', created.opens_at,
            'closes_at', created.closes_at,
            'time_limit_seconds', created.time_limit_seconds,
            'attempts_allowed', created.attempts_allowed,
            'score_policy', created.score_policy,
            'feedback_policy', created.feedback_policy,
            'current_version', created.current_version,
            'version', created.version,
            'created_at', created.created_at,
            'updated_at', created.updated_at
        )
    end as document,
    created.quiz_id as id
from actor
left join created on true;
