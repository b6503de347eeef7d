-- users/read_user
-- One account, for its owner and for administrators.
--
-- $1  token_hash  bytea
-- $2  user_id     uuid
--
-- result  versioned  User    404: no such user for this actor
-- index   users_pk

select /* users/read_user */
    case
        when users.user_id is not null then json_build_object(
            'id', users.user_id,
            'email', users.email,
            'full_name', users.full_name,
            'role', users.role,
            'active', users.deactivated_at is null,
            'deactivated_at', users.deactivated_at,
            'version', users.version,
            'created_at', users.created_at,
            'updated_at', users.updated_at
        )
    end as document,
    users.version
from lms.actor($1) as actor
left join lms.users
    on users.user_id = $2 and lms.can_see_user(actor.user_id, actor.role, users.user_id);
