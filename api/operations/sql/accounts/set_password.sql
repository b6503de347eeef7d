-- accounts/set_password
-- Give the account of an address a password; every session of it ends.
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
)
insert into lms.audit_events (action, user_id, changes)
select 'users.set_password', user_id, '{"password": true}'
from changed;
