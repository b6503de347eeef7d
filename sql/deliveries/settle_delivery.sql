-- deliveries/settle_delivery
-- Note that a mail was sent, or will never be. Zero rows: somebody else has taken it since.
--
-- $1  delivery_id  uuid
-- $2  attempts     smallint  what the claim gave
-- $3  state        text      sent, bounced or given_up
-- $4  reply        text      what the mail server said
--
-- role    lms_worker
-- result  count
-- fails   email_outbox_state_ck
-- fails   email_outbox_settled_at_ck
-- index   email_outbox_pk

update /* deliveries/settle_delivery */ lms.email_outbox
set
    state = $3,
    reply = left($4, 500),
    settled_at = now()
where
    email_outbox.delivery_id = $1
    and email_outbox.attempts = $2
    and email_outbox.state = 'queued';
