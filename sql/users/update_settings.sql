-- users/update_settings
-- Change preferences, by the person whose they are and has seen their present version, or by an administrator.
--
-- $1  token_hash  bytea
-- $2  user_id     uuid
-- $3  version     integer  of the settings, as it was seen; null for whichever there is
-- $4  patch       jsonb    a merge patch of the settings
--
-- result  versioned  UserSettings    404: no such user for this actor
-- fails   users_settings_ck
-- index   users_pk

with /* users/update_settings */ actor as (
    select user_id, role from lms.actor($1)
),
target as (
    -- Locked first, so that the loser of a race is told the version that won.
    select users.user_id, users.settings_version
    from lms.users
    cross join actor
    where users.user_id = $2 and lms.can_see_user(actor.user_id, actor.role, users.user_id)
    for no key update of users
),
updated as (
    update lms.users
    set
        settings = lms.merge_patch(users.settings, $4),
        settings_version = users.settings_version + 1
    from target
    where users.user_id = target.user_id and target.settings_version = coalesce($3, target.settings_version)
    returning users.user_id, users.settings, users.settings_version
),
audited as (
    insert into lms.audit_events (actor_id, action, user_id, changes)
    select actor.user_id, 'users.update_settings', updated.user_id, '{"settings": true}'
    from updated
    cross join actor
)
select
    updated.settings::json as document,
    coalesce(updated.settings_version, target.settings_version) as version
from actor
left join target on true
left join updated on true;
