-- Audit events: who changed what about whom, written by the statement that changes it.
--
-- why    what happened to an account or an enrolment can be told later, by an administrator, from rows that the
--        service can add and nobody who serves requests can alter
-- locks  none, the table is new
-- undo   drops the table, and the record of who changed what
--
-- depends: 0010_create_deployments

set local role lms_owner;

create table lms.audit_events (
    audit_event_id uuid not null default lms.uuidv7(),
    occurred_at timestamptz not null default now(),
    actor_id uuid,
    action text not null,
    user_id uuid,
    course_id uuid,
    changes jsonb not null default '{}',
    -- No foreign keys: an event outlives what it tells of.
    constraint audit_events_pk primary key (audit_event_id),
    constraint audit_events_action_ck check (action ~ '^[a-z_]{1,40}\.[a-z_]{1,40}$'),
    constraint audit_events_changes_ck check (jsonb_typeof(changes) = 'object' and pg_column_size(changes) <= 8192)
);

comment on table lms.audit_events is
    'One change to an account or an enrolment; the service adds rows and cannot alter them. '
    'Personal data: identity (pseudonyms of who did it and whom it concerns).';
comment on column lms.audit_events.audit_event_id is 'Key, UUIDv7. Personal data: none.';
comment on column lms.audit_events.occurred_at is 'When the transaction began that made the change. Personal data: none.';
comment on column lms.audit_events.actor_id is
    'Who did it; null for the command line. Personal data: identity (a pseudonym).';
comment on column lms.audit_events.action is 'Noun and verb, such as enrollments.update. Personal data: none.';
comment on column lms.audit_events.user_id is 'Whom it concerns. Personal data: identity (a pseudonym).';
comment on column lms.audit_events.course_id is 'Which course it concerns, if one. Personal data: none.';
comment on column lms.audit_events.changes is
    'By field, {"from": …, "to": …}; just true for a field whose values say who somebody is. Personal data: none.';

comment on constraint audit_events_pk on lms.audit_events is '409 This event exists already.';
comment on constraint audit_events_action_ck on lms.audit_events is '422 An action is a noun and a verb.';
comment on constraint audit_events_changes_ck on lms.audit_events is '422 Changes are a JSON object of at most 8 KiB.';

-- Serves sql/audit_events/list_audit_events_by_user.sql.
create index audit_events_user_id_audit_event_id_ix on lms.audit_events (user_id, audit_event_id);
-- Serves sql/audit_events/list_audit_events_by_course.sql.
create index audit_events_course_id_audit_event_id_ix on lms.audit_events (course_id, audit_event_id)
where course_id is not null;
-- Serves sql/audit_events/list_audit_events_by_actor.sql.
create index audit_events_actor_id_audit_event_id_ix on lms.audit_events (actor_id, audit_event_id)
where actor_id is not null;

-- Adding and reading, nothing else.
grant select on lms.audit_events to lms_api;
grant insert (actor_id, action, user_id, course_id, changes) on lms.audit_events to lms_api;

alter table lms.audit_events enable row level security;
create policy audit_events_own_roles on lms.audit_events to lms_api, lms_migrate using (true) with check (true);
