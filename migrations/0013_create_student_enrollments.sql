-- Student enrolments: who is on which course, and in what state.
--
-- why    a student sees what they are on, and a course has no more students than seats
-- locks  users and courses, SHARE ROW EXCLUSIVE, for the foreign keys; no rows are scanned
-- undo   drops the table, and every enrolment with it; sets the counter of seats back
--
-- depends: 0012_extend_users

set local role lms_owner;

create table lms.student_enrollments (
    student_id uuid not null,
    course_id uuid not null,
    -- Never written: with it the foreign key refuses whoever is no student, and keeps the role of who is on a course.
    student_role text not null generated always as ('student') stored,
    state text not null,
    version integer not null default 1,
    enrolled_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    -- With the state, so that the index alone says who sees what.
    constraint student_enrollments_pk primary key (student_id, course_id) include (state),
    -- RESTRICT: what somebody learned is not deleted with their account, but archived or erased on its own.
    constraint student_enrollments_student_id_fk foreign key (student_id, student_role)
    references lms.users (user_id, role) on update restrict on delete restrict,
    -- RESTRICT: nor with the course.
    constraint student_enrollments_course_id_fk foreign key (course_id)
    references lms.courses (course_id) on delete restrict,
    constraint student_enrollments_state_ck check (state in ('invited', 'active', 'completed', 'dropped')),
    constraint student_enrollments_version_ck check (version >= 1)
);

comment on table lms.student_enrollments is 'A student on a course. Personal data: learning record.';
comment on column lms.student_enrollments.student_id is 'Who is on the course. Personal data: identity (a pseudonym).';
comment on column lms.student_enrollments.course_id is 'The course. Personal data: learning record.';
comment on column lms.student_enrollments.student_role is
    'Always student, for student_enrollments_student_id_fk. Personal data: none.';
comment on column lms.student_enrollments.state is
    'invited (keeps a seat, sees nothing yet), active, completed, or dropped (gave the seat back). '
    'Personal data: learning record.';
comment on column lms.student_enrollments.version is 'Counts the edits, for If-Match. Personal data: none.';
comment on column lms.student_enrollments.enrolled_at is
    'When the student was enrolled first, invitations included. Personal data: learning record.';
comment on column lms.student_enrollments.updated_at is 'When the state last changed. Personal data: learning record.';

comment on constraint student_enrollments_pk on lms.student_enrollments is
    '409 /student_id This student is on the course already, or was.';
comment on constraint student_enrollments_student_id_fk on lms.student_enrollments is
    '409 This person is on courses, or was.';
comment on constraint student_enrollments_course_id_fk on lms.student_enrollments is
    '409 The course has students, or had some.';
comment on constraint student_enrollments_state_ck on lms.student_enrollments is
    '422 /state Use invited, active, completed or dropped.';
comment on constraint student_enrollments_version_ck on lms.student_enrollments is '422 A version counts from 1.';

-- Serves sql/enrollments/list_enrollments.sql, state by state and all of them merged, and the deletion of a course.
create index student_enrollments_course_id_state_student_id_ix
on lms.student_enrollments (course_id, state, student_id);

grant select on lms.student_enrollments to lms_api;
grant insert (student_id, course_id, state) on lms.student_enrollments to lms_api;
grant update (state, version, updated_at) on lms.student_enrollments to lms_api;
-- Seats are counted by the statements that enrol, in the same row that says how many there are.
grant update (seats_taken) on lms.courses to lms_api;

alter table lms.student_enrollments enable row level security;
create policy student_enrollments_own_roles on lms.student_enrollments
to lms_api, lms_migrate using (true) with check (true);

create function lms.can_attend(user_id uuid, role text, course_id uuid, course_state text)
returns table (course_id uuid)
language sql stable parallel safe
begin atomic
    select enrollments.course_id
    from lms.student_enrollments as enrollments
    where
        can_attend.role = 'student'
        and can_attend.course_state <> 'draft'
        and enrollments.student_id = can_attend.user_id
        and enrollments.course_id = can_attend.course_id
        and enrollments.state in ('active', 'completed');
end;
comment on function lms.can_attend(uuid, text, uuid, text) is
    'A row if this user may see a course in this state as a student: is on it, or finished it, and it is no draft.';
grant execute on function lms.can_attend(uuid, text, uuid, text) to lms_api;

create function lms.holds_seat(state text) returns boolean
language sql immutable parallel safe
begin atomic
    select state <> 'dropped';
end;
comment on function lms.holds_seat(text) is
    'Whether an enrolment in this state takes a seat: all but a dropped one. An invitation is a seat kept.';
grant execute on function lms.holds_seat(text) to lms_api;

create function lms.can_become(state text, next_state text, by_student boolean) returns boolean
language sql immutable parallel safe
begin atomic
    select
        case
            when state = next_state then true
            when by_student
                then (state, next_state) in (('invited', 'active'), ('invited', 'dropped'), ('active', 'dropped'))
            else
                (state, next_state) in (
                    ('invited', 'active'),
                    ('invited', 'dropped'),
                    ('active', 'completed'),
                    ('active', 'dropped'),
                    ('completed', 'active'),
                    ('dropped', 'active'),
                    ('dropped', 'invited')
                )
        end;
end;
comment on function lms.can_become(text, text, boolean) is
    'Whether an enrolment may go from one state to the other. A student accepts, declines and leaves; the rest is '
    'for whoever teaches the course.';
grant execute on function lms.can_become(text, text, boolean) to lms_api;
