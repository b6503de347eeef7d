-- regrades/continue_regrade
-- Grade a batch of attempts again: the scores, what changed of them, the audit rows and mails about that, and how far
-- the regrade is, or none of it. What was left behind has five more rounds, each after twice as long a wait, and then
-- keeps its score. No row: somebody else has taken it since.
--
-- $1  regrade_id     uuid
-- $2  claims         integer  what the claim gave
-- $3  most           integer
-- $4  lease_seconds  integer  from now on; 0 lets go of it, for whoever comes next
--
-- role    lms_worker
-- result  row?  RegradeProgress
-- index   regrades_pk, quizzes_pk, courses_pk, student_enrollments_pk

with /* regrades/continue_regrade */ job as (
    -- Locked until the batch is there: nobody takes it over in the midst of one, however short the lease.
    select
        regrades.regrade_id,
        regrades.quiz_id,
        regrades.requested_by,
        regrades.attempts_failed,
        regrades.rounds
    from lms.regrades
    where regrades.regrade_id = $1 and regrades.claims = $2 and regrades.state = 'running'
    for no key update
),
regraded as materialized (
    select
        its.attempt_id,
        its.student_id,
        its.score_before,
        its.score
    from job
    cross join lms.regrade_attempts(job.quiz_id, $3, job.attempts_failed) as its
),
changed as (
    insert into lms.score_changes (attempt_id, score_before, score)
    select
        regraded.attempt_id,
        regraded.score_before,
        regraded.score
    from regraded
    where regraded.score <> regraded.score_before
    returning score_change_id, attempt_id
),
news as materialized (
    select
        changed.score_change_id,
        regraded.attempt_id,
        regraded.student_id,
        regraded.score_before,
        regraded.score,
        job.requested_by,
        courses.course_id,
        courses.state as course_state
    from changed
    join regraded on regraded.attempt_id = changed.attempt_id
    cross join job
    join lms.quizzes on quizzes.quiz_id = job.quiz_id
    join lms.courses on courses.course_id = quizzes.course_id
),
audited as (
    insert into lms.audit_events (actor_id, action, user_id, course_id, changes)
    select
        news.requested_by,
        'grades.regrade',
        news.student_id,
        news.course_id,
        jsonb_build_object(
            'attempt_id', jsonb_build_object('from', news.attempt_id, 'to', news.attempt_id),
            'score', jsonb_build_object('from', news.score_before, 'to', news.score)
        )
    from news
),
queued as (
    -- Who can no longer see the score is not told of it either.
    insert into lms.email_outbox (kind, user_id, course_id, score_change_id)
    select
        'score_changed',
        news.student_id,
        news.course_id,
        news.score_change_id
    from news
    cross join lateral (
        select attended.course_id
        from lms.can_attend(news.student_id, 'student', news.course_id, news.course_state) as attended
        offset 0   -- one by one: joined, all that are on the course would be read
    ) as attended
),
batch as (
    select
        job.regrade_id,
        job.attempts_failed,
        job.rounds,
        done.attempts,
        (select count(*) from changed) as changes,
        case
            when done.attempts = $3 then 'on'
            when job.attempts_failed = 0 or job.rounds > 5 then 'done'
            else 'again'
        end as step
    from job
    cross join (select count(*) as attempts from regraded) as done
)
update lms.regrades
set
    attempts_regraded = regrades.attempts_regraded + batch.attempts,
    scores_changed = regrades.scores_changed + batch.changes,
    attempts_failed = case batch.step when 'again' then 0 else batch.attempts_failed end,
    rounds = case batch.step when 'again' then batch.rounds + 1 else batch.rounds end,
    state = case batch.step when 'done' then 'done' else 'running' end,
    finished_at = case batch.step when 'done' then now() end,
    due_at = now() + make_interval(
        secs => case batch.step when 'again' then 5 * power(2, batch.rounds - 1) else $4::integer end
    )
from batch
where regrades.regrade_id = batch.regrade_id
returning
    batch.step,
    regrades.attempts_regraded,
    regrades.scores_changed,
    batch.attempts_failed;
