-- Drops the index.
--
-- loses  nothing
--
-- transactional: false

set role lms_owner;
drop index concurrently if exists lms.email_outbox_next_attempt_at_delivery_id_kind_ix;
