-- deliveries/claim_deliveries
-- Take mails that are due, the longest wait first, and keep other workers from them until the lease ends.
--
-- $1  batch          bigint
-- $2  lease_seconds  integer
--
-- role    lms_worker
-- result  rows   ClaimedDelivery
-- index   email_outbox_next_attempt_at_delivery_id_ix, email_outbox_pk, users_pk, courses_pk

with /* deliveries/claim_deliveries */ due as (
    select email_outbox.delivery_id
    from lms.email_outbox
    where
        email_outbox.state = 'queued'
        and email_outbox.next_attempt_at <= now()
        -- Who took it for the twelfth time died over it: give_up_deliveries settles it.
        and email_outbox.attempts < 12
    order by email_outbox.next_attempt_at, email_outbox.delivery_id
    limit $1
    for no key update skip locked
),
claimed as (
    -- The lease is when the mail is due again, so a worker that dies leaves nothing to mend. Whoever was too slow finds
    -- that `attempts` has gone on, and cannot say how it went any more.
    update lms.email_outbox
    set
        attempts = email_outbox.attempts + 1,
        next_attempt_at = now() + make_interval(secs => $2::integer)
    from due
    where email_outbox.delivery_id = due.delivery_id
    returning
        email_outbox.delivery_id,
        email_outbox.attempts,
        email_outbox.kind,
        email_outbox.user_id,
        email_outbox.course_id,
        email_outbox.queued_at
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
    lecturers.full_name as lecturer_name
from claimed
join lms.users on users.user_id = claimed.user_id
left join lms.courses on courses.course_id = claimed.course_id
left join lms.users as lecturers on lecturers.user_id = courses.lecturer_id;
