-- The outbox: mails that a fact calls for, queued by the statement that makes the fact.
--
-- why    whoever is enrolled is told, and nobody is told of what was rolled back: the mail is a row of the same
--        statement, and a worker sends it later, at least once
-- locks  users, courses and student_enrollments, ACCESS EXCLUSIVE for an instant: for the policies that let the worker
--        read them, and for a column; no rows are scanned
-- undo   drops the table, and with it what was not sent yet and what is known of what was
--
-- depends: 0017_create_worker_role

set local role lms_owner;

create table lms.email_outbox (
    delivery_id uuid not null default lms.uuidv7(),
    kind text not null,
    user_id uuid not null,
    course_id uuid,
    state text not null default 'queued',
    attempts smallint not null default 0,
    next_attempt_at timestamptz not null default now(),
    reply text,
    queued_at timestamptz not null default now(),
    settled_at timestamptz,
    constraint email_outbox_pk primary key (delivery_id),
    -- CASCADE: what somebody was written goes with them, and with the course it was about.
    constraint email_outbox_user_id_fk foreign key (user_id) references lms.users (user_id) on delete cascade,
    constraint email_outbox_course_id_fk foreign key (course_id) references lms.courses (course_id) on delete cascade,
    constraint email_outbox_kind_ck check (kind in ('welcome', 'invitation', 'dropped', 'password_set')),
    constraint email_outbox_course_id_ck check ((kind = 'password_set') = (course_id is null)),
    constraint email_outbox_state_ck check (state in ('queued', 'sent', 'bounced', 'given_up')),
    constraint email_outbox_attempts_ck check (attempts between 0 and 12),
    constraint email_outbox_reply_ck check (length(reply) <= 500),
    constraint email_outbox_settled_at_ck check ((state = 'queued') = (settled_at is null))
);

comment on table lms.email_outbox is
    'A mail to somebody about something, by their ids: address, name and title are looked up when it is sent. '
    'Personal data: learning record.';
comment on column lms.email_outbox.delivery_id is
    'Key, UUIDv7; also the Message-ID, by which a mail that was sent twice is known. Personal data: none.';
comment on column lms.email_outbox.kind is 'welcome, invitation, dropped or password_set. Personal data: learning record.';
comment on column lms.email_outbox.user_id is 'Who is written to. Personal data: identity (a pseudonym).';
comment on column lms.email_outbox.course_id is 'Which course it is about; null for password_set. Personal data: learning record.';
comment on column lms.email_outbox.state is
    'queued, sent (a mail server took it), bounced (refused for good) or given_up (refused for now, too often). '
    'Personal data: none.';
comment on column lms.email_outbox.attempts is
    'How often a worker took it; also the fencing token of whoever has it: only the latest may say how it went. '
    'Personal data: none.';
comment on column lms.email_outbox.next_attempt_at is
    'When it is due; while a worker has it, when its lease ends. Personal data: none.';
comment on column lms.email_outbox.reply is
    'What the mail server said last, or why there was no answer. Personal data: contact (it may repeat the address).';
comment on column lms.email_outbox.queued_at is 'When the transaction began that queued it. Personal data: none.';
comment on column lms.email_outbox.settled_at is 'When it was sent or given up; null while it is queued. Personal data: none.';

comment on constraint email_outbox_pk on lms.email_outbox is '409 This delivery exists already.';
comment on constraint email_outbox_user_id_fk on lms.email_outbox is '409 This user does not exist.';
comment on constraint email_outbox_course_id_fk on lms.email_outbox is '409 This course does not exist.';
comment on constraint email_outbox_kind_ck on lms.email_outbox is
    '422 A mail is a welcome, an invitation, or tells of a dropped course or a password.';
comment on constraint email_outbox_course_id_ck on lms.email_outbox is
    '422 A mail is about a course, unless it is about a password.';
comment on constraint email_outbox_state_ck on lms.email_outbox is
    '422 A mail is queued, sent, bounced or given up.';
comment on constraint email_outbox_attempts_ck on lms.email_outbox is '422 A mail is tried 12 times at most.';
comment on constraint email_outbox_reply_ck on lms.email_outbox is '422 A reply is kept up to 500 characters.';
comment on constraint email_outbox_settled_at_ck on lms.email_outbox is
    '422 What is no longer queued has the time of it, and nothing else has.';

-- Serves sql/deliveries/claim_delivery.sql: what is due, the longest wait first.
create index email_outbox_next_attempt_at_delivery_id_ix on lms.email_outbox (next_attempt_at, delivery_id)
where state = 'queued';
-- Serves sql/deliveries/delete_old_deliveries.sql.
create index email_outbox_settled_at_ix on lms.email_outbox (settled_at) where state <> 'queued';
-- Serves the erasure of a person, and whoever asks what somebody was written.
create index email_outbox_user_id_ix on lms.email_outbox (user_id);
-- Serves sql/courses/delete_course.sql, for its foreign key.
create index email_outbox_course_id_ix on lms.email_outbox (course_id);

create function lms.mail_about(state text, next_state text) returns text
language sql immutable parallel safe
begin atomic
    select
        case
            when next_state = state then null
            when next_state = 'invited' then 'invitation'
            when next_state = 'dropped' then 'dropped'
            when next_state = 'active' and coalesce(state, 'none') <> 'completed' then 'welcome'
        end;
end;
comment on function lms.mail_about(text, text) is
    'Which mail the step of an enrolment from one state (null for none) to the next calls for; null for none.';
grant execute on function lms.mail_about(text, text) to lms_api;

create function lms.notify_deliveries() returns trigger
language plpgsql
as $$
begin
    -- Sent when the transaction commits, and once however many rows it queued. Whoever misses it finds them by looking.
    if exists (select from queued) then
        perform pg_catalog.pg_notify('lms_deliveries', '');
    end if;
    return null;
end;
$$;
comment on function lms.notify_deliveries() is 'Wakes the workers that listen to lms_deliveries.';

create trigger email_outbox_notify after insert on lms.email_outbox
referencing new table as queued
for each statement execute function lms.notify_deliveries();

-- No foreign key: the mail is forgotten sooner than the enrolment.
alter table lms.student_enrollments add column delivery_id uuid;
comment on column lms.student_enrollments.delivery_id is
    'The latest mail about it, in lms.email_outbox for as long as that keeps it; null for none. Personal data: none.';
grant insert (delivery_id), update (delivery_id) on lms.student_enrollments to lms_api;

-- The service queues a mail and tells how it went, but not in the words of a mail server.
grant select (
    delivery_id,
    kind,
    user_id,
    course_id,
    state,
    attempts,
    next_attempt_at,
    queued_at,
    settled_at
) on lms.email_outbox to lms_api;
grant insert (delivery_id, kind, user_id, course_id) on lms.email_outbox to lms_api;
grant select, delete on lms.email_outbox to lms_worker;
grant update (state, attempts, next_attempt_at, reply, settled_at) on lms.email_outbox to lms_worker;
grant select (user_id, email, full_name, role, deactivated_at) on lms.users to lms_worker;
grant select (course_id, code, title, lecturer_id) on lms.courses to lms_worker;

alter table lms.email_outbox enable row level security;
create policy email_outbox_own_roles on lms.email_outbox
to lms_api, lms_migrate, lms_worker using (true) with check (true);
alter policy users_own_roles on lms.users to lms_api, lms_migrate, lms_worker;
alter policy courses_own_roles on lms.courses to lms_api, lms_migrate, lms_worker;
