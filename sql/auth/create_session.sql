-- auth/create_session
-- Log a user in whose password was verified: keep the token's hash, answer who it is and until when.
--
-- $1  token_hash          bytea
-- $2  user_id             uuid
-- $3  session_hours       integer  until the session ends in any case
-- $4  session_idle_hours  integer  without a request, until it ends
--
-- result  json  Session    401: the account was closed meanwhile
-- fails   sessions_pk  409 Try again.
-- index   users_pk

with /* auth/create_session */ created as (
    insert into lms.sessions (token_hash, user_id, expires_at, idle_timeout)
    select
        $1,
        users.user_id,
        now() + make_interval(hours => $3),
        make_interval(hours => $4)
    from lms.users
    where users.user_id = $2 and users.deactivated_at is null
    returning user_id, expires_at
)
select
    json_build_object(
        'expires_at', created.expires_at,
        'user', json_build_object(
            'id', users.user_id,
            'email', users.email,
            'full_name', users.full_name,
            'role', users.role
        )
    ) as document
from created
join lms.users on users.user_id = created.user_id;
