-- account_tokens/redeem_account_token
-- Set the first password of the account that a link opens, and tell its owner. Every link to it ends.
--
-- $1  account_token_hash  bytea
-- $2  password_hash       text
--
-- result  json  UserKey    401: the link was used, has ended, or its account was closed
-- fails   users_password_hash_ck
-- index   account_tokens_pk, users_pk

with /* account_tokens/redeem_account_token */ account as (
    -- The account is locked before its links, as users/set_password does: two links to it, used at once, wait for each
    -- other here and never in a circle.
    select users.user_id, account_tokens.token_hash
    from lms.account_tokens
    join lms.users on users.user_id = account_tokens.user_id
    where account_tokens.token_hash = $1 and users.deactivated_at is null
    for no key update of users
),
token as (
    -- Looked at as it is once the account is locked, so that a link that is used twice at once is used once.
    select account_tokens.user_id
    from lms.account_tokens
    join account on account.token_hash = account_tokens.token_hash
    where
        account_tokens.used_at is null
        and account_tokens.expires_at > now()
    for no key update of account_tokens
),
updated as (
    update lms.users
    set password_hash = $2
    from token
    where users.user_id = token.user_id
    returning users.user_id
),
opened as (
    update lms.account_tokens
    set used_at = now()
    from updated
    where account_tokens.user_id = updated.user_id and account_tokens.used_at is null
),
queued as (
    insert into lms.email_outbox (kind, user_id)
    select 'password_set', updated.user_id
    from updated
),
audited as (
    insert into lms.audit_events (actor_id, action, user_id, changes)
    select updated.user_id, 'account_tokens.redeem', updated.user_id, '{"password": true}'
    from updated
)
select json_build_object('id', updated.user_id) as document
from updated;
