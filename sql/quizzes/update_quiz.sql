-- quizzes/update_quiz
-- Change how and when a quiz is taken, by whoever teaches its course and has seen its present version. What that does
-- to those who take it, a row of audit says.
--
-- $1  token_hash  bytea
-- $2  quiz_id     uuid
-- $3  version     integer  the version that was seen; null for whichever there is
-- $4  patch       jsonb    a merge patch: any of the settings, and state
--
-- result  versioned  Quiz    404: no such quiz for this actor to change
-- fails   quizzes_week_number_ck
-- fails   quizzes_title_ck
-- fails   quizzes_state_ck
-- fails   quizzes_window_ck
-- fails   quizzes_time_limit_seconds_ck
-- fails   quizzes_attempts_allowed_ck
-- fails   quizzes_score_policy_ck
-- fails   quizzes_feedback_policy_ck
-- fails   quizzes_current_version_ck
-- fails   quizzes_state_taken            409 /state Students have taken the quiz: close it; it is no draft any more.
-- index   quizzes_pk, courses_pk

with /* quizzes/update_quiz */ actor as (
    select user_id, role from lms.actor($1)
),
target as (
    -- Locked first, so that the loser of a race is told the version that won; and against those who start, hand in and
    -- grade, since lms.follow_quiz_times() and lms.follow_week_number() change what they go by.
    select
        quizzes.quiz_id,
        quizzes.week_number,
        quizzes.state,
        quizzes.opens_at,
        quizzes.closes_at,
        quizzes.time_limit_seconds,
        quizzes.attempts_allowed,
        quizzes.score_policy,
        quizzes.feedback_policy,
        quizzes.version
    from lms.quizzes
    join lms.courses on courses.course_id = quizzes.course_id
    cross join actor
    where quizzes.quiz_id = $2 and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
    for update of quizzes
),
updated as (
    update lms.quizzes
    set
        week_number = case when $4 ? 'week_number' then ($4 ->> 'week_number')::smallint else quizzes.week_number end,
        title = case when $4 ? 'title' then $4 ->> 'title' else quizzes.title end,
        state = case
            when not $4 ? 'state' then quizzes.state
            -- It would be gone for those who took it, and count on for what they have mastered.
            when $4 ->> 'state' = 'draft' and $4 ->> 'state' <> quizzes.state and lms.was_taken(quizzes.quiz_id)
                then lms.refuse('quizzes_state_taken')
            else $4 ->> 'state'
        end,
        opens_at = case when $4 ? 'opens_at' then ($4 ->> 'opens_at')::timestamptz else quizzes.opens_at end,
        closes_at = case when $4 ? 'closes_at' then ($4 ->> 'closes_at')::timestamptz else quizzes.closes_at end,
        time_limit_seconds = case
            when $4 ? 'time_limit_seconds' then ($4 ->> 'time_limit_seconds')::integer
            else quizzes.time_limit_seconds
        end,
        attempts_allowed = case
            when $4 ? 'attempts_allowed' then ($4 ->> 'attempts_allowed')::smallint
            else quizzes.attempts_allowed
        end,
        score_policy = case when $4 ? 'score_policy' then $4 ->> 'score_policy' else quizzes.score_policy end,
        feedback_policy = case
            when $4 ? 'feedback_policy' then $4 ->> 'feedback_policy'
            else quizzes.feedback_policy
        end,
        version = quizzes.version + 1,
        updated_at = now()
    from target
    where quizzes.quiz_id = target.quiz_id and target.version = coalesce($3, target.version)
    returning
        quizzes.quiz_id,
        quizzes.course_id,
        quizzes.week_number,
        quizzes.title,
        quizzes.state,
        quizzes.opens_at,
        quizzes.closes_at,
        quizzes.time_limit_seconds,
        quizzes.attempts_allowed,
        quizzes.score_policy,
        quizzes.feedback_policy,
        quizzes.current_version,
        quizzes.version,
        quizzes.created_at,
        quizzes.updated_at
),
audited as (
    insert into lms.audit_events (actor_id, action, course_id, changes)
    select
        actor.user_id,
        'quizzes.update',
        updated.course_id,
        jsonb_build_object('quiz_id', jsonb_build_object('from', updated.quiz_id, 'to', updated.quiz_id))
        || jsonb_object_agg(setting.name, jsonb_build_object('from', setting.before, 'to', setting.after))
    from updated
    join target on target.quiz_id = updated.quiz_id
    cross join actor
    cross join lateral (
        values
        ('week_number', to_jsonb(target.week_number), to_jsonb(updated.week_number)),
        ('state', to_jsonb(target.state), to_jsonb(updated.state)),
        ('opens_at', to_jsonb(target.opens_at), to_jsonb(updated.opens_at)),
        ('closes_at', to_jsonb(target.closes_at), to_jsonb(updated.closes_at)),
        ('time_limit_seconds', to_jsonb(target.time_limit_seconds), to_jsonb(updated.time_limit_seconds)),
        ('attempts_allowed', to_jsonb(target.attempts_allowed), to_jsonb(updated.attempts_allowed)),
        ('score_policy', to_jsonb(target.score_policy), to_jsonb(updated.score_policy)),
        ('feedback_policy', to_jsonb(target.feedback_policy), to_jsonb(updated.feedback_policy))
    ) as setting (name, before, after)
    where setting.before is distinct from setting.after
    group by actor.user_id, updated.quiz_id, updated.course_id
)
select
    case
        when updated.quiz_id is not null then json_build_object(
            'id', updated.quiz_id,
            'course_id', updated.course_id,
            'week_number', updated.week_number,
            'title', updated.title,
            'state', updated.state,
            'opens_at', updated.opens_at,
            'closes_at', updated.closes_at,
            'time_limit_seconds', updated.time_limit_seconds,
            'attempts_allowed', updated.attempts_allowed,
            'score_policy', updated.score_policy,
            'feedback_policy', updated.feedback_policy,
            'current_version', updated.current_version,
            'version', updated.version,
            'created_at', updated.created_at,
            'updated_at', updated.updated_at
        )
    end as document,
    coalesce(updated.version, target.version) as version
from actor
left join target on true
left join updated on true;
