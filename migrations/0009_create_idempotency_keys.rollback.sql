-- Drops the idempotency keys.
--
-- loses  the kept answers: a request that is sent again after this takes effect again

set local role lms_owner;

drop table lms.idempotency_keys;
