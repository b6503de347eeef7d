-- The index that mails are taken by which are not about a changed score.
--
-- why    a regrade queues as many mails as there are attempts, and whoever is invited or has a new password does not
--        wait for all of them
-- locks  email_outbox, SHARE UPDATE EXCLUSIVE: nobody waits
-- undo   drops the index
--
-- transactional: false
-- depends: 0037_mend_grading

set role lms_owner;
drop index concurrently if exists lms.email_outbox_next_attempt_at_delivery_id_kind_ix;
-- Serves sql/deliveries/claim_delivery.sql: what is due of these, the longest wait first. The kind is there for a name
-- of its own. What a broken run left is dropped above; `if not exists` would keep it.
-- squawk-ignore prefer-robust-stmts, ban-concurrent-index-creation-in-transaction
create index concurrently email_outbox_next_attempt_at_delivery_id_kind_ix
on lms.email_outbox (next_attempt_at, delivery_id, kind)
where state = 'queued' and kind <> 'score_changed';
