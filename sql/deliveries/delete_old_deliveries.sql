-- deliveries/delete_old_deliveries
-- Forget mails 90 days after they were sent or given up, the oldest first, so many at a time.
--
-- $1  most  bigint
--
-- role    lms_worker
-- result  count
-- index   email_outbox_settled_at_ix, email_outbox_pk

with /* deliveries/delete_old_deliveries */ old as (
    select email_outbox.delivery_id
    from lms.email_outbox
    where email_outbox.state <> 'queued' and email_outbox.settled_at < now() - interval '90 days'
    order by email_outbox.settled_at, email_outbox.delivery_id
    limit $1
    for update skip locked
)
delete from lms.email_outbox
using old
where email_outbox.delivery_id = old.delivery_id;
