-- Deployments: what this database is for, in one row.
--
-- why    demo accounts have a password that everybody knows, and never belong into production
-- locks  none, the table is new
-- undo   drops the table; the database is then for nothing in particular, and takes demo data
--
-- A setting of the database would do, but PostgreSQL lets only a superuser make one, and managed servers have none.
--
-- depends: 0009_create_idempotency_keys

set local role lms_owner;

create table lms.deployments (
    -- Its only value is true, so there is one row.
    is_this boolean not null default true,
    environment text not null default 'development',
    constraint deployments_pk primary key (is_this),
    constraint deployments_is_this_ck check (is_this),
    constraint deployments_environment_ck check (environment in ('development', 'staging', 'production'))
);

comment on table lms.deployments is 'What this database is for: one row. Personal data: none.';
comment on column lms.deployments.is_this is 'True, in the one row. Personal data: none.';
comment on column lms.deployments.environment is
    'development, staging or production; `lms roles --environment` sets it. Personal data: none.';

comment on constraint deployments_pk on lms.deployments is '409 The database is described already.';
comment on constraint deployments_is_this_ck on lms.deployments is '422 There is one row, for this database.';
comment on constraint deployments_environment_ck on lms.deployments is
    '422 /environment Use development, staging or production.';

insert into lms.deployments default values;

-- Nothing for lms_api: the service does not ask what it serves.
alter table lms.deployments enable row level security;
create policy deployments_own_roles on lms.deployments to lms_api, lms_migrate using (true) with check (true);
