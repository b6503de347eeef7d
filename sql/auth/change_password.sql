-- auth/change_password
-- A new password for the actor, whose present one was verified, and a mail that says so; every other session of theirs
-- ends.
--
-- $1  token_hash     bytea
-- $2  password_hash  text
--
-- result  json  UserKey
-- fails   users_password_hash_ck
-- index   users_pk

with /* auth/change_password */ updated as (
    update lms.users
    set password_hash = $2
    from lms.actor($1) as actor
    where users.user_id = actor.user_id
    returning users.user_id
),
ended as (
    update lms.sessions
    set revoked_at = now()
    from updated
    where sessions.user_id = updated.user_id and sessions.token_hash <> $1 and sessions.revoked_at is null
),
queued as (
    insert into lms.email_outbox (kind, user_id)
    select 'password_set', updated.user_id
    from updated
),
audited as (
    insert into lms.audit_events (actor_id, action, user_id, changes)
    select updated.user_id, 'auth.change_password', updated.user_id, '{"password": true}'
    from updated
)
select json_build_object('id', updated.user_id) as document
from updated;
