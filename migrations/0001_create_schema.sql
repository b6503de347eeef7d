-- The schema `lms` and the four parties that meet in it.
--
-- why    nobody who serves requests may own what they serve: lms_owner owns, lms_migrate (a member of it)
--        migrates and imports, lms_api serves and can alter nothing
-- locks  none that others wait for
-- undo   drops the schema; the roles stay, since they belong to the cluster and other databases may use them
--
-- Run by a superuser, or by a role with CREATEROLE and CREATE on the database. Roles are made without a
-- login; `lms roles` gives them one.

do $$
declare
    missing text;
begin
    for missing in
        select name
        from unnest(array['lms_owner', 'lms_migrate', 'lms_api']) as name
        where not exists (select from pg_catalog.pg_roles where rolname = name)
    loop
        begin
            execute format('create role %I nologin', missing);
        exception
            -- Roles are shared by the databases of a cluster: another one may be migrating now.
            when duplicate_object or unique_violation then null;
        end;
    end loop;
end
$$;

grant lms_owner to lms_migrate;
-- An administrator who is no superuser must be a member to make what lms_owner will own.
grant lms_owner to current_user;

-- Poolers refuse start-up parameters, so what every session of the service needs stands on its role.
-- A statement of the service takes milliseconds; one that takes seconds is stuck.
alter role lms_api set statement_timeout = '5s';
alter role lms_api set lock_timeout = '3s';
alter role lms_api set idle_in_transaction_session_timeout = '5s';
alter role lms_api set timezone = 'UTC';
alter role lms_api set search_path = '';
alter role lms_migrate set timezone = 'UTC';

create schema lms authorization lms_owner;
comment on schema lms is 'The learning-management system: everything the service reads and writes.';
grant usage on schema lms to lms_api;

-- Everybody may make temporary tables unless this is said. The service keeps nothing in a session.
do $$
begin
    execute format('revoke temporary on database %I from public', current_database());
end
$$;

-- Functions are executable by everybody unless this is said once for the owner. With `in schema` it would
-- change nothing: per-schema defaults only add.
alter default privileges for role lms_owner revoke execute on functions from public;

-- The migrations' own records: lms_migrate continues what an administrator began, lms_api only asks how far
-- the schema is.
grant usage on schema lms_migrations to lms_migrate, lms_api;
grant select, insert, update, delete on all tables in schema lms_migrations to lms_migrate;
grant select on lms_migrations._yoyo_migration to lms_api;
