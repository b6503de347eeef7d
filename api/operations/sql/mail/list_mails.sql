-- mail/list_mails
-- The latest mails, and how they fare, for whoever looks after them.
--
-- $1  state  text    null for all
-- $2  limit  bigint
--
-- result  rows  Mail

select /* mail/list_mails */
    email_outbox.delivery_id,
    email_outbox.kind,
    users.email,
    email_outbox.state,
    email_outbox.attempts,
    email_outbox.queued_at,
    case when email_outbox.state = 'queued' then email_outbox.next_attempt_at end as next_attempt_at,
    email_outbox.reply
from lms.email_outbox
join lms.users on users.user_id = email_outbox.user_id
where $1::text is null or email_outbox.state = $1
order by email_outbox.delivery_id desc
limit $2;
