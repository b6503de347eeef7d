-- deliveries/claim_delivery
-- Take the mail that has been due the longest, and keep other workers from it until the lease ends. Whoever leaves
-- changed scores for last takes any other before: a regrade tells very many people of those at once. No row: nothing is
-- due, or what was is given up.
--
-- $1  lease_seconds  integer
-- $2  scores_last    boolean
--
-- role    lms_worker
-- result  row?  ClaimedDelivery
-- index   email_outbox_next_attempt_at_delivery_id_kind_ix, email_outbox_next_attempt_at_delivery_id_ix
-- index   email_outbox_pk, users_pk, courses_pk

with /* deliveries/claim_delivery */ other as (
    select email_outbox.delivery_id
    from lms.email_outbox
    where
        $2
        and email_outbox.state = 'queued'
        and email_outbox.kind <> 'score_changed'
        and email_outbox.next_attempt_at <= now()
    order by email_outbox.next_attempt_at, email_outbox.delivery_id
    limit 1
    for no key update skip locked
),
longest as (
    select email_outbox.delivery_id
    from lms.email_outbox
    where
        not exists (select from other)
        and email_outbox.state = 'queued'
        and email_outbox.next_attempt_at <= now()
    order by email_outbox.next_attempt_at, email_outbox.delivery_id
    limit 1
    for no key update skip locked
),
due as (
    select other.delivery_id from other
    union all
    select longest.delivery_id from longest
),
claimed as (
    -- The lease is when the mail is due again, so a worker that dies leaves nothing to mend. Whoever was too slow finds
    -- that `attempts` has gone on, and cannot say how it went any more.
    update lms.email_outbox
    set
        attempts = email_outbox.attempts + 1,
        next_attempt_at = now() + make_interval(secs => $1::integer)
    from due
    where email_outbox.delivery_id = due.delivery_id and email_outbox.attempts < 12
    returning
        email_outbox.delivery_id,
        email_outbox.attempts,
        email_outbox.kind,
        email_outbox.user_id,
        email_outbox.course_id,
        email_outbox.score_change_id,
        email_outbox.queued_at
),
given_up as (
    -- Whoever took it for the twelfth time did not live to tell.
    update lms.email_outbox
    set
        state = 'given_up',
        reply = 'The last attempt was not finished.',
        settled_at = now()
    from due
    where email_outbox.delivery_id = due.delivery_id and email_outbox.attempts = 12
)
select
    claimed.delivery_id,
    claimed.attempts,
    claimed.kind,
    claimed.user_id,
    claimed.queued_at,
    users.email,
    users.full_name,
    courses.code as course_code,
    courses.title as course_title,
    lecturers.full_name as lecturer_name,
    quizzes.title as quiz_title,
    trim_scale(changes.score_before)::text as score_before,
    trim_scale(changes.score)::text as score,
    trim_scale(attempts.max_score)::text as max_score
from claimed
join lms.users on users.user_id = claimed.user_id
left join lms.courses on courses.course_id = claimed.course_id
left join lms.users as lecturers on lecturers.user_id = courses.lecturer_id
left join lms.score_changes as changes on changes.score_change_id = claimed.score_change_id
left join lms.quiz_attempts as attempts on attempts.attempt_id = changes.attempt_id
left join lms.quizzes on quizzes.quiz_id = attempts.quiz_id;
