-- mail/retry_mails
-- Queue mails again that bounced or were given up, as if they had never been tried. The others have a worker, or need
-- none.
--
-- $1  delivery_ids  jsonb  an array of them; null for all
--
-- result  rows  RetriedMail

update /* mail/retry_mails */ lms.email_outbox
set
    state = 'queued',
    attempts = 0,
    next_attempt_at = now(),
    settled_at = null
where
    email_outbox.state in ('bounced', 'given_up')
    and (
        $1::jsonb is null
        or email_outbox.delivery_id in (select found.value::uuid from jsonb_array_elements_text($1) as found)
    )
returning email_outbox.delivery_id;
