-- deliveries/postpone_delivery
-- Note that a mail could not be sent for now: it is due again after a wait that doubles each time, give or take a
-- quarter at random, or given up after the twelfth attempt. Zero rows: somebody else has taken it since.
--
-- $1  delivery_id   uuid
-- $2  attempts      smallint  what the claim gave
-- $3  reply         text      what the mail server said, or why there was no answer
-- $4  wait_seconds  integer   before the second attempt
--
-- role    lms_worker
-- result  count
-- index   email_outbox_pk

update /* deliveries/postpone_delivery */ lms.email_outbox
set
    state = case when email_outbox.attempts < 12 then 'queued' else 'given_up' end,
    settled_at = case when email_outbox.attempts < 12 then null else now() end,
    reply = left($3, 500),
    next_attempt_at = now() + make_interval(
        -- At random, so that what failed together does not come back together.
        secs => $4::integer * power(2, email_outbox.attempts - 1) * (0.75 + 0.5 * random())
    )
where
    email_outbox.delivery_id = $1
    and email_outbox.attempts = $2
    and email_outbox.state = 'queued';
