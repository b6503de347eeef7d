-- auth/read_me
-- Who the actor is.
--
-- $1  token_hash  bytea
--
-- result  json  Me
-- index   sessions_pk, users_pk

select /* auth/read_me */
    json_build_object(
        'id', users.user_id,
        'email', users.email,
        'full_name', users.full_name,
        'role', users.role
    ) as document
from lms.actor($1) as actor
join lms.users on users.user_id = actor.user_id;
