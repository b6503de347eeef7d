-- users/set_password
-- Give an account a password, by an administrator, and tell its owner; every session of it ends, and every link to it.
-- One's own is changed with the present one.
--
-- $1  token_hash     bytea
-- $2  user_id        uuid
-- $3  password_hash  text
--
-- result  json  UserKey    404: no such user for this actor
-- fails   users_password_hash_ck
-- fails   users_password_own      422 /new_password Change your own password with POST /auth/password.
-- index   users_pk

with /* users/set_password */ actor as (
    select user_id, role from lms.actor($1)
),
updated as (
    update lms.users
    set
        password_hash = case
            when users.user_id = actor.user_id then lms.refuse('users_password_own')
            else $3
        end
    from actor
    where users.user_id = $2 and lms.can_administer(actor.role)
    returning users.user_id
),
ended as (
    update lms.sessions
    set revoked_at = now()
    from updated
    where sessions.user_id = updated.user_id and sessions.revoked_at is null
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
    select actor.user_id, 'users.set_password', updated.user_id, '{"password": true}'
    from updated
    cross join actor
)
select case when updated.user_id is not null then json_build_object('id', updated.user_id) end as document
from actor
left join updated on true;
