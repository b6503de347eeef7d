-- users/read_settings
-- The preferences of a person, for themself and for administrators.
--
-- $1  token_hash  bytea
-- $2  user_id     uuid
--
-- result  versioned  UserSettings    404: no such user for this actor
-- index   users_pk

select /* users/read_settings */
    users.settings::json as document,
    users.settings_version as version
from lms.actor($1) as actor
left join lms.users
    on users.user_id = $2 and lms.can_see_user(actor.user_id, actor.role, users.user_id);
