-- users/update_user
-- Change an account. Its owner changes their name; an administrator also address and role, and closes and reopens it.
-- Closing it ends every session of it.
--
-- $1  token_hash  bytea
-- $2  user_id     uuid
-- $3  version     integer  the version that was seen; null for whichever there is
-- $4  patch       jsonb    a merge patch: email, full_name, role, active
--
-- result  versioned  User    404: no such user for this actor
-- fails   users_email_uq
-- fails   users_email_ck
-- fails   users_full_name_ck
-- fails   users_role_ck
-- fails   users_email_assign                 422 /email Only an administrator changes an address.
-- fails   users_role_assign                  422 /role Only an administrator changes a role.
-- fails   users_role_own                     422 /role Nobody takes the administrator's role from themself.
-- fails   users_active_assign                422 /active Only an administrator closes or reopens an account.
-- fails   users_active_own                   422 /active Nobody closes their own account.
-- fails   courses_lecturer_id_fk             409 /role This person still teaches courses.
-- fails   student_enrollments_student_id_fk  409 /role This person is on courses, or was.
-- index   users_pk

with /* users/update_user */ session as (
    select user_id from lms.actor($1)
),
people as (
    -- The account and the actor's own, both locked, in the order of their keys: of two administrators who take each
    -- other's role at once the second is none any more, and is refused. Otherwise there could be none left.
    select
        users.user_id,
        users.version,
        users.email,
        users.full_name,
        users.role,
        users.deactivated_at is null as active
    from lms.users
    join session on users.user_id in (session.user_id, $2)
    order by users.user_id
    for no key update of users
),
actor as (
    select people.user_id, people.role
    from people
    join session on session.user_id = people.user_id
    where people.active
),
target as (
    select
        people.user_id,
        people.version,
        people.email,
        people.full_name,
        people.role,
        people.active,
        lms.can_administer(actor.role) as by_administrator,
        people.user_id = actor.user_id as by_owner
    from people
    cross join actor
    where people.user_id = $2 and lms.can_see_user(actor.user_id, actor.role, people.user_id)
),
updated as (
    update lms.users
    set
        email = case
            when not $4 ? 'email' then users.email
            when target.by_administrator then $4 ->> 'email'
            else lms.refuse('users_email_assign')
        end,
        full_name = case when $4 ? 'full_name' then $4 ->> 'full_name' else users.full_name end,
        role = case
            when not $4 ? 'role' then users.role
            when not target.by_administrator then lms.refuse('users_role_assign')
            when target.by_owner and $4 ->> 'role' <> users.role then lms.refuse('users_role_own')
            else $4 ->> 'role'
        end,
        deactivated_at = case
            when not $4 ? 'active' then users.deactivated_at
            when not target.by_administrator then lms.refuse('users_active_assign')::timestamptz
            when ($4 ->> 'active')::boolean then null
            when target.by_owner then lms.refuse('users_active_own')::timestamptz
            else coalesce(users.deactivated_at, now())
        end,
        version = users.version + 1,
        updated_at = now()
    from target
    where users.user_id = target.user_id and target.version = coalesce($3, target.version)
    returning
        users.user_id,
        users.email,
        users.full_name,
        users.role,
        users.deactivated_at,
        users.version,
        users.created_at,
        users.updated_at
),
ended as (
    update lms.sessions
    set revoked_at = now()
    from updated
    where
        sessions.user_id = updated.user_id
        and updated.deactivated_at is not null
        and sessions.revoked_at is null
),
audited as (
    insert into lms.audit_events (actor_id, action, user_id, changes)
    select
        actor.user_id,
        'users.update',
        updated.user_id,
        -- Who somebody was called before is nobody's business here.
        jsonb_strip_nulls(jsonb_build_object(
            'email', case when updated.email <> target.email then true end,
            'full_name', case when updated.full_name <> target.full_name then true end,
            'role', case
                when updated.role <> target.role
                    then jsonb_build_object('from', target.role, 'to', updated.role)
            end,
            'active', case
                when (updated.deactivated_at is null) <> target.active
                    then jsonb_build_object('from', target.active, 'to', updated.deactivated_at is null)
            end
        ))
    from updated
    join target on target.user_id = updated.user_id
    cross join actor
)
select
    case
        when updated.user_id is not null then json_build_object(
            'id', updated.user_id,
            'email', updated.email,
            'full_name', updated.full_name,
            'role', updated.role,
            'active', updated.deactivated_at is null,
            'deactivated_at', updated.deactivated_at,
            'version', updated.version,
            'created_at', updated.created_at,
            'updated_at', updated.updated_at
        )
    end as document,
    coalesce(updated.version, target.version) as version
from actor
left join target on true
left join updated on true;
