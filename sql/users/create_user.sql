-- users/create_user
-- A new account, by an administrator. It has no password, so nobody can log in to it yet.
--
-- $1  token_hash  bytea
-- $2  email       text   in canonical form
-- $3  full_name   text
-- $4  role        text
--
-- result  created  User    404: only administrators make accounts
-- fails   users_email_uq
-- fails   users_email_ck
-- fails   users_full_name_ck
-- fails   users_role_ck

with /* users/create_user */ actor as (
    select user_id, role from lms.actor($1)
),
created as (
    insert into lms.users (email, full_name, role, password_hash)
    select $2, $3, $4, '!'
    from actor
    where lms.can_administer(actor.role)
    returning user_id, email, full_name, role, version, created_at, updated_at
),
audited as (
    insert into lms.audit_events (actor_id, action, user_id, changes)
    select
        actor.user_id,
        'users.create',
        created.user_id,
        jsonb_build_object('role', jsonb_build_object('from', null, 'to', created.role))
    from created
    cross join actor
)
select
    case
        when created.user_id is not null then json_build_object(
            'id', created.user_id,
            'email', created.email,
            'full_name', created.full_name,
            'role', created.role,
            'active', true,
            'deactivated_at', null,
            'version', created.version,
            'created_at', created.created_at,
            'updated_at', created.updated_at
        )
    end as document,
    created.user_id as id
from actor
left join created on true;
