-- idempotency_keys/read_idempotency_key
-- The answer kept under a key. A statement of its own, after the claim: its snapshot sees what a twin committed.
--
-- $1  token_hash  bytea
-- $2  route       text
-- $3  key         text
--
-- result  row?  KeptAnswer
-- index   idempotency_keys_pk

select /* idempotency_keys/read_idempotency_key */
    kept.request_hash,
    kept.status,
    kept.headers,
    kept.body
from lms.actor($1) as actor
join lms.idempotency_keys as kept on kept.user_id = actor.user_id and kept.route = $2 and kept.key = $3;
