-- idempotency_keys/save_idempotency_key
-- Keep the answer, in the transaction that claimed the key and did the work.
--
-- $1  token_hash  bytea
-- $2  route       text
-- $3  key         text
-- $4  status      smallint
-- $5  headers     jsonb
-- $6  body        bytea
--
-- result  count
-- fails   idempotency_keys_status_ck
-- index   idempotency_keys_pk

update /* idempotency_keys/save_idempotency_key */ lms.idempotency_keys
set
    status = $4,
    headers = $5,
    body = $6
from lms.actor($1) as actor
where idempotency_keys.user_id = actor.user_id and idempotency_keys.route = $2 and idempotency_keys.key = $3;
