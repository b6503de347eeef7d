-- deliveries/read_due_delivery
-- The mail that has been due the longest, left where it is: whether there is anything to call the mail server for.
--
-- role    lms_worker
-- result  row?  DueDelivery
-- index   email_outbox_next_attempt_at_delivery_id_ix

select /* deliveries/read_due_delivery */ email_outbox.delivery_id
from lms.email_outbox
where email_outbox.state = 'queued' and email_outbox.next_attempt_at <= now()
order by email_outbox.next_attempt_at, email_outbox.delivery_id
limit 1;
