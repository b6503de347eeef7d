-- Drops the schema, which is empty by now, and what was granted beside it.
--
-- loses  nothing: the roles, their memberships and their time-outs stay with the cluster

revoke select on lms_migrations._yoyo_migration from lms_api;
revoke select, insert, update, delete on all tables in schema lms_migrations from lms_migrate;
revoke usage on schema lms_migrations from lms_migrate, lms_api;
do $$
begin
    execute format('grant temporary on database %I to public', current_database());
end
$$;
alter default privileges for role lms_owner grant execute on functions to public;
drop schema lms;
