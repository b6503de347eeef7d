-- idempotency_keys/claim_idempotency_key
-- Take a key for the transaction that begins, or find it taken. A twin that is under way is waited for.
--
-- $1  token_hash    bytea
-- $2  route         text   method and path template
-- $3  key           text
-- $4  request_hash  bytea  SHA-256 of path, query and body
--
-- result  row?  Claim
-- fails   idempotency_keys_user_id_fk  401 Log in again.
-- index   idempotency_keys_pk

with /* idempotency_keys/claim_idempotency_key */ actor as (
    select user_id from lms.actor($1)
),
claimed as (
    insert into lms.idempotency_keys as kept (user_id, route, key, request_hash)
    select actor.user_id, $2, $3, $4
    from actor
    -- Waits for a twin as `do nothing` would, and takes over a key of yesterday.
    on conflict on constraint idempotency_keys_pk do update
    set
        request_hash = excluded.request_hash,
        status = null,
        headers = null,
        body = null,
        created_at = now()
    where kept.created_at < now() - interval '24 hours'
    returning user_id
)
select claimed.user_id is not null as claimed
from actor
left join claimed on true;
