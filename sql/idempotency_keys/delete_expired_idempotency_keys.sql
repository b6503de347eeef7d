-- idempotency_keys/delete_expired_idempotency_keys
-- Forget answers after 24 hours.
--
-- result  count
-- index   idempotency_keys_created_at_ix

delete /* idempotency_keys/delete_expired_idempotency_keys */ from lms.idempotency_keys
where idempotency_keys.created_at < now() - interval '24 hours';
