-- Who is asking, and what their role lets them do.
--
-- why    each rule in one place: lms.actor() is read by every authenticated statement, the policy functions
--        by those that touch somebody's data
-- locks  none
-- undo   drops the functions
--
-- Pure SQL, neither strict nor with a search_path of their own, so that the planner inlines them: a call
-- costs what the expression costs. Only lms.credentials() runs as its owner, and pins its path.
--
-- depends: 0004_create_sessions

set local role lms_owner;

create function lms.actor(token_hash bytea) returns table (user_id uuid, role text)
language sql stable parallel safe
begin atomic
    select users.user_id, users.role
    from lms.sessions
    join lms.users on users.user_id = sessions.user_id
    where
        sessions.token_hash = actor.token_hash
        and sessions.revoked_at is null
        and sessions.expires_at > now()
        and sessions.last_seen_at + sessions.idle_timeout > now()
        and users.deactivated_at is null;
end;
comment on function lms.actor(bytea) is
    'User and role of a live session of an active user, or no row. A logout or a change of role holds from the '
    'next statement on.';
grant execute on function lms.actor(bytea) to lms_api;

create function lms.can_administer(role text) returns boolean
language sql immutable parallel safe
begin atomic
    select role = 'super_admin';
end;
comment on function lms.can_administer(text) is 'Whether this role runs the school: its terms, its users.';
grant execute on function lms.can_administer(text) to lms_api;

create function lms.can_teach(user_id uuid, role text, lecturer_id uuid) returns boolean
language sql immutable parallel safe
begin atomic
    select role = 'super_admin' or (role = 'lecturer' and user_id = lecturer_id);
end;
comment on function lms.can_teach(uuid, text, uuid) is
    'Whether this user may see all of, and change, a course of this lecturer: the lecturer, or an administrator.';
grant execute on function lms.can_teach(uuid, text, uuid) to lms_api;

create function lms.credentials(email text) returns table (user_id uuid, password_hash text)
language sql stable security definer parallel safe
set search_path = pg_catalog, pg_temp
begin atomic
    select users.user_id, users.password_hash
    from lms.users
    where users.email = credentials.email and users.deactivated_at is null;
end;
comment on function lms.credentials(text) is
    'The one door to a password hash: of an active account, for the login to verify.';
grant execute on function lms.credentials(text) to lms_api;
