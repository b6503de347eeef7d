-- deliveries/delete_old_deliveries
-- Forget mails 90 days after they were sent or given up.
--
-- role    lms_worker
-- result  count
-- index   email_outbox_settled_at_ix

delete /* deliveries/delete_old_deliveries */ from lms.email_outbox
where email_outbox.state <> 'queued' and email_outbox.settled_at < now() - interval '90 days';
