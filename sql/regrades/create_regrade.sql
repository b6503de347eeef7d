-- regrades/create_regrade
-- Ask that the attempts at a quiz are graded again by its present keys, by whoever teaches its course. A quiz has one
-- regrade queued at most: whoever asks again meanwhile is given that one.
--
-- $1  token_hash  bytea
-- $2  quiz_id     uuid
--
-- result  created  Regrade    404: no such quiz for this actor to teach
-- index   quizzes_pk, courses_pk, regrades_queued_uq

with /* regrades/create_regrade */ actor as (
    select user_id, role from lms.actor($1)
),
target as (
    -- Locked, so that nobody deletes the quiz meanwhile.
    select
        quizzes.quiz_id,
        quizzes.course_id
    from lms.quizzes
    join lms.courses on courses.course_id = quizzes.course_id
    cross join actor
    where quizzes.quiz_id = $2 and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
    for key share of quizzes
),
asked as (
    insert into lms.regrades (quiz_id, requested_by)
    select
        target.quiz_id,
        actor.user_id
    from target
    cross join actor
    -- `do nothing` would neither return the one that is queued nor wait to see whether a worker has just begun it.
    on conflict (quiz_id) where state = 'queued' do update set requests = regrades.requests + 1
    returning
        regrade_id,
        quiz_id,
        state,
        attempts_regraded,
        scores_changed,
        attempts_failed,
        requested_by,
        requests,
        requested_at,
        started_at,
        finished_at
),
audited as (
    insert into lms.audit_events (actor_id, action, course_id, changes)
    select
        actor.user_id,
        'regrades.create',
        target.course_id,
        jsonb_build_object('quiz_id', jsonb_build_object('from', asked.quiz_id, 'to', asked.quiz_id))
    from asked
    cross join target
    cross join actor
    where asked.requests = 1
)
select
    case
        when asked.regrade_id is not null then json_build_object(
            'id', asked.regrade_id,
            'quiz_id', asked.quiz_id,
            'state', asked.state,
            'attempts_regraded', asked.attempts_regraded,
            'scores_changed', asked.scores_changed,
            'attempts_failed', asked.attempts_failed,
            'requested_by', asked.requested_by,
            'requested_at', asked.requested_at,
            'started_at', asked.started_at,
            'finished_at', asked.finished_at
        )
    end as document,
    asked.regrade_id as id
from actor
left join asked on true;
