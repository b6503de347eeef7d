-- The role of the worker: what has to be done later and by nobody who waits for an answer.
--
-- why    mails are sent and files swept by a process of its own, which needs the addresses of people and no right to
--        enrol them: it gets its rights table by table, like the service
-- locks  none
-- undo   takes the worker's rights back; the role stays, since it belongs to the cluster
--
-- Run by an administrator, as 0001 was: lms_migrate may not make roles. Where another database of the cluster has made
-- the role already, lms_migrate is enough. `lms roles` gives it a login.
--
-- depends: 0016_widen_courses_lecturer_index

do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'lms_worker') then
        create role lms_worker nologin;
        -- Its statements work on many rows; a mail server or an object store is never waited for in a transaction.
        alter role lms_worker set statement_timeout = '30s';
        alter role lms_worker set lock_timeout = '3s';
        alter role lms_worker set idle_in_transaction_session_timeout = '5s';
        alter role lms_worker set timezone = 'UTC';
        alter role lms_worker set search_path = '';
    end if;
exception
    -- Roles are shared by the databases of a cluster: another one may be migrating now.
    when duplicate_object or unique_violation then null;
    when insufficient_privilege then
        raise exception 'the role lms_worker is missing, and % may not make it: apply this migration as an administrator', current_user;
end
$$;

grant usage on schema lms to lms_worker;
