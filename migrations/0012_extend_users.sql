-- Users: what the service needs to make, find, change and close accounts.
--
-- why    accounts came from the command line alone so far; administrators are to run them over HTTP, and
--        everybody their own profile, settings and password
-- locks  users, ACCESS EXCLUSIVE: for the column, which writes no row, its rule, which reads them all once, and
--        until the indexes are built. Accounts came from the command line alone, so there are few
-- undo   drops column, indexes and functions, and takes back the right to write
--
-- depends: 0011_create_audit_events

set local role lms_owner;

alter table lms.users
add column settings_version integer not null default 1,
-- The column is new and holds nothing but 1; few rows are read for that.
-- squawk-ignore constraint-missing-not-valid
add constraint users_settings_version_ck check (settings_version >= 1);
comment on column lms.users.settings_version is 'Counts the edits of the settings, for If-Match. Personal data: none.';
comment on constraint users_settings_version_ck on lms.users is '422 A version counts from 1.';

create function lms.folded(name text) returns text
language sql immutable parallel safe
begin atomic
    -- Decomposed, an accent is a character of its own, from U+0300 to U+036F. What is left is lower-cased last: in the
    -- locale C only ASCII is.
    select lower(regexp_replace(normalize(name, nfkd), '[\u0300-\u036f]', '', 'g'));
end;
comment on function lms.folded(text) is
    'A name as one types it who looks for it: in lower case, without accents. The index of names is over this.';
grant execute on function lms.folded(text) to lms_api;

-- Serves sql/users/list_users_by_role.sql.
-- squawk-ignore require-concurrent-index-creation -- see locks above
create index users_role_user_id_ix on lms.users (role, user_id);
-- Serves sql/users/list_users_by_name.sql. In the order of bytes, so that all that begins alike lies
-- together; with the name itself, which an index-only scan wants, too.
-- squawk-ignore require-concurrent-index-creation -- see locks above
create index users_role_full_name_user_id_ix on lms.users (role, (lms.folded(full_name)) collate "C", user_id)
include (full_name);
-- Serves sql/users/list_users_by_email.sql.
-- squawk-ignore require-concurrent-index-creation -- see locks above
create index users_role_email_user_id_ix on lms.users (role, email collate "C", user_id);

create function lms.can_see_user(user_id uuid, role text, seen_id uuid) returns boolean
language sql immutable parallel safe
begin atomic
    select role = 'super_admin' or user_id = seen_id;
end;
comment on function lms.can_see_user(uuid, text, uuid) is
    'Whether this user may see the profile of that one: it is their own, or they are an administrator.';
grant execute on function lms.can_see_user(uuid, text, uuid) to lms_api;

create function lms.own_credentials(token_hash bytea) returns table (user_id uuid, password_hash text)
language sql stable security definer parallel safe
set search_path = pg_catalog, pg_temp
begin atomic
    select users.user_id, users.password_hash
    from lms.actor(own_credentials.token_hash) as actor
    join lms.users on users.user_id = actor.user_id;
end;
comment on function lms.own_credentials(bytea) is
    'The password hash of whoever asks, to verify the present password before it is replaced.';
grant execute on function lms.own_credentials(bytea) to lms_api;

create function lms.merge_patch(target jsonb, patch jsonb) returns jsonb
language plpgsql immutable parallel safe
as $$
declare
    merged jsonb := case when jsonb_typeof(target) = 'object' then target else '{}' end;
    field record;
begin
    if jsonb_typeof(patch) <> 'object' then
        return patch;
    end if;
    for field in select * from jsonb_each(patch) loop
        merged := case
            when field.value = 'null' then merged - field.key
            else jsonb_set(merged, array[field.key], lms.merge_patch(merged -> field.key, field.value))
        end;
    end loop;
    return merged;
end;
$$;
comment on function lms.merge_patch(jsonb, jsonb) is
    'A JSON document after a merge patch (RFC 7396): null takes a field out, an object goes in field by field.';
grant execute on function lms.merge_patch(jsonb, jsonb) to lms_api;

grant select (settings_version) on lms.users to lms_api;
grant insert (email, full_name, role, password_hash) on lms.users to lms_api;
-- A hash can be set and not read: see lms.credentials().
grant update (
    email,
    full_name,
    role,
    password_hash,
    settings,
    settings_version,
    version,
    deactivated_at,
    updated_at
) on lms.users to lms_api;
