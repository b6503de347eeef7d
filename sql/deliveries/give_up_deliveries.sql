-- deliveries/give_up_deliveries
-- Give up the mails whose twelfth attempt nobody lived to tell of.
--
-- role    lms_worker
-- result  count
-- index   email_outbox_next_attempt_at_delivery_id_ix

update /* deliveries/give_up_deliveries */ lms.email_outbox
set
    state = 'given_up',
    reply = 'The last attempt was not finished.',
    settled_at = now()
where
    email_outbox.state = 'queued'
    and email_outbox.next_attempt_at <= now()
    and email_outbox.attempts = 12;
