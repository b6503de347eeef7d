-- Courses: the central entity, taught by one lecturer in one term.
--
-- why    everything else in the school hangs on a course
-- locks  users and terms, SHARE ROW EXCLUSIVE, for the foreign keys; no rows are scanned
-- undo   drops the table, and every course with it
--
-- depends: 0006_create_terms

set local role lms_owner;

create table lms.courses (
    course_id uuid not null default lms.uuidv7(),
    code text not null,
    title text not null,
    description text,
    term_id uuid not null,
    lecturer_id uuid not null,
    -- Never written: it is here for the foreign key, which so refuses a lecturer who is none, and refuses to
    -- take the role from one who still has courses. A check in a statement would lose that race.
    lecturer_role text not null generated always as ('lecturer') stored,
    capacity integer not null,
    seats_taken integer not null default 0,
    state text not null default 'draft',
    version integer not null default 1,
    syllabus_version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint courses_pk primary key (course_id),
    constraint courses_code_uq unique (code),
    -- RESTRICT: a term goes to the archive with its courses, it is not deleted from under them.
    constraint courses_term_id_fk foreign key (term_id) references lms.terms (term_id) on delete restrict,
    -- RESTRICT: a lecturer with courses is deactivated, not deleted.
    constraint courses_lecturer_id_fk foreign key (lecturer_id, lecturer_role)
    references lms.users (user_id, role) on update restrict on delete restrict,
    constraint courses_code_ck check (code ~ '^[A-Z0-9][A-Z0-9._-]{0,31}$'),
    constraint courses_title_ck check (length(title) between 1 and 200 and title !~ '^\s|\s$'),
    constraint courses_description_ck check (length(description) <= 10000),
    constraint courses_capacity_ck check (capacity between 1 and 100000),
    constraint courses_seats_ck check (seats_taken between 0 and capacity),
    constraint courses_state_ck check (state in ('draft', 'published', 'closed')),
    constraint courses_version_ck check (version >= 1),
    constraint courses_syllabus_version_ck check (syllabus_version >= 1)
);

comment on table lms.courses is 'A course in a term, taught by a lecturer. Personal data: none but who teaches it.';
comment on column lms.courses.course_id is 'Key, UUIDv7. Personal data: none.';
comment on column lms.courses.code is 'Short name, such as CS101-2026. Personal data: none.';
comment on column lms.courses.title is 'Name as people say it. Personal data: none.';
comment on column lms.courses.description is 'What the course is about; null if nobody said. Personal data: none.';
comment on column lms.courses.term_id is 'The term it is given in. Personal data: none.';
comment on column lms.courses.lecturer_id is 'Who teaches it. Personal data: identity.';
comment on column lms.courses.lecturer_role is 'Always lecturer, for courses_lecturer_id_fk. Personal data: none.';
comment on column lms.courses.capacity is 'Seats in all. Personal data: none.';
comment on column lms.courses.seats_taken is 'Seats given away, counted by the statements that enrol. Personal data: none.';
comment on column lms.courses.state is 'draft (not shown to students), published, or closed (over). Personal data: none.';
comment on column lms.courses.version is 'Counts the edits of the course, for If-Match. Personal data: none.';
comment on column lms.courses.syllabus_version is 'Counts the edits of its syllabus, for If-Match. Personal data: none.';
comment on column lms.courses.created_at is 'When the course was made. Personal data: none.';
comment on column lms.courses.updated_at is 'When the course itself was last edited. Personal data: none.';

comment on constraint courses_pk on lms.courses is '409 This course exists already.';
comment on constraint courses_code_uq on lms.courses is '409 /code Another course has this code.';
comment on constraint courses_term_id_fk on lms.courses is '409 The term still has courses.';
comment on constraint courses_lecturer_id_fk on lms.courses is '409 This person still teaches courses.';
comment on constraint courses_code_ck on lms.courses is
    '422 /code Use 1 to 32 capital letters, digits, dots, hyphens or underscores; a letter or digit first.';
comment on constraint courses_title_ck on lms.courses is
    '422 /title Give a title of 1 to 200 characters, without space at its ends.';
comment on constraint courses_description_ck on lms.courses is '422 /description Use at most 10,000 characters.';
comment on constraint courses_capacity_ck on lms.courses is '422 /capacity Give a number of seats from 1 to 100,000.';
comment on constraint courses_seats_ck on lms.courses is '409 The course is full.';
comment on constraint courses_state_ck on lms.courses is '422 /state Use draft, published or closed.';
comment on constraint courses_version_ck on lms.courses is '422 A version counts from 1.';
comment on constraint courses_syllabus_version_ck on lms.courses is '422 A version counts from 1.';

-- Serves sql/courses/list_courses.sql and list_courses_by_lecturer.sql: what a lecturer teaches, in key order.
create index courses_lecturer_id_course_id_ix on lms.courses (lecturer_id, course_id);
-- Serves sql/courses/list_courses_by_term.sql, and the deletion of a term.
create index courses_term_id_course_id_ix on lms.courses (term_id, course_id);

grant select, delete on lms.courses to lms_api;
grant insert (code, title, description, term_id, lecturer_id, capacity, state) on lms.courses to lms_api;
grant update (
    code,
    title,
    description,
    term_id,
    lecturer_id,
    capacity,
    state,
    version,
    syllabus_version,
    updated_at
) on lms.courses to lms_api;

alter table lms.courses enable row level security;
create policy courses_own_roles on lms.courses to lms_api, lms_migrate using (true) with check (true);
