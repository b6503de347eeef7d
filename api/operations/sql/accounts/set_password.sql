-- accounts/set_password
-- Give the account of an address a password, and tell its owner; every session of it ends, and every link to it.
--
-- $1  email          text  in canonical form
-- $2  password_hash  text
--
-- result  count

with /* accounts/set_password */ changed as (
    update lms.users
    set password_hash = $2
    where email = $1
    returning user_id
),
ended as (
    update lms.sessions
    set revoked_at = now()
    from changed
    where sessions.user_id = changed.user_id and sessions.revoked_at is null
),
opened as (
    update lms.account_tokens
    set used_at = now()
    from changed
    where account_tokens.user_id = changed.user_id and account_tokens.used_at is null
),
queued as (
    insert into lms.email_outbox (kind, user_id)
    select 'password_set', user_id
    from changed
)
insert into lms.audit_events (action, user_id, changes)
select 'users.set_password', user_id, '{"password": true}'
from changed;
