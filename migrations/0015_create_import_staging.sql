-- Import staging: where `lms import oulad` lays down the lines of its files for as long as it runs.
--
-- why    lines that lie in tables are checked and imported by a few statements, however many there are
-- locks  none, the tables are new
-- undo   drops the tables, which are empty between imports
--
-- Run by whoever may make schemas in the database: an administrator, or lms_migrate once `lms roles` was run. The
-- schema may also be made beforehand, for lms_owner.
--
-- depends: 0014_create_materials

do $$
begin
    if to_regnamespace('lms_import') is null then
        create schema lms_import authorization lms_owner;
    end if;
end
$$;

set local role lms_owner;

comment on schema lms_import is
    'What an import lays down while it runs; empty between imports, so no part of a backup.';

-- Unlogged: they are emptied in the transaction that fills them.

-- No keys: a line may be there twice, and the import says so.
create unlogged table lms_import.oulad_courses (
    line integer not null,
    code_module text not null,
    code_presentation text not null,
    module_presentation_length text not null,
    -- What the line becomes, by the names that it is found again by.
    course_code text not null generated always as ('OULAD-' || code_module || '-' || code_presentation) stored,
    term_code text not null generated always as ('OULAD-' || code_presentation) stored,
    lecturer_email text not null generated always as (
        lower(code_module) || '-' || lower(code_presentation) || '@oulad.example'
    ) stored,
    constraint oulad_courses_length_ck check (
        length(code_module || code_presentation || module_presentation_length) <= 10000
    )
);

comment on table lms_import.oulad_courses is
    'Lines of courses.csv of the Open University Learning Analytics Dataset, while they are imported. '
    'Personal data: none.';
comment on column lms_import.oulad_courses.line is 'Number of the line in the file. Personal data: none.';
comment on column lms_import.oulad_courses.code_module is 'As it stands, such as AAA. Personal data: none.';
comment on column lms_import.oulad_courses.code_presentation is 'As it stands, such as 2013J. Personal data: none.';
comment on column lms_import.oulad_courses.module_presentation_length is 'Days, as they stand. Personal data: none.';
comment on column lms_import.oulad_courses.course_code is 'Code of the course that it becomes. Personal data: none.';
comment on column lms_import.oulad_courses.term_code is 'Code of the term of the course. Personal data: none.';
comment on column lms_import.oulad_courses.lecturer_email is
    'Made-up address of who teaches the course. Personal data: none.';
comment on constraint oulad_courses_length_ck on lms_import.oulad_courses is
    '422 A line has at most 10,000 characters.';

create unlogged table lms_import.oulad_students (
    line integer not null,
    code_module text not null,
    code_presentation text not null,
    id_student text not null,
    final_result text not null,
    course_code text not null generated always as ('OULAD-' || code_module || '-' || code_presentation) stored,
    email text not null generated always as ('student-' || id_student || '@oulad.example') stored,
    constraint oulad_students_length_ck check (
        length(code_module || code_presentation || id_student || final_result) <= 10000
    )
);

comment on table lms_import.oulad_students is
    'Lines of studentInfo.csv, while they are imported, without what they say of the person. '
    'Personal data: learning record.';
comment on column lms_import.oulad_students.line is 'Number of the line in the file. Personal data: none.';
comment on column lms_import.oulad_students.code_module is 'As it stands. Personal data: learning record.';
comment on column lms_import.oulad_students.code_presentation is 'As it stands. Personal data: learning record.';
comment on column lms_import.oulad_students.id_student is 'As it stands. Personal data: identity (a pseudonym).';
comment on column lms_import.oulad_students.final_result is
    'As it stands: Distinction, Fail, Pass or Withdrawn. Personal data: learning record.';
comment on column lms_import.oulad_students.course_code is 'Code of the course. Personal data: learning record.';
comment on column lms_import.oulad_students.email is
    'Made-up address of the student. Personal data: identity (a pseudonym).';
comment on constraint oulad_students_length_ck on lms_import.oulad_students is
    '422 A line has at most 10,000 characters.';

create unlogged table lms_import.oulad_registrations (
    line integer not null,
    code_module text not null,
    code_presentation text not null,
    id_student text not null,
    date_registration text not null,
    date_unregistration text not null,
    course_code text not null generated always as ('OULAD-' || code_module || '-' || code_presentation) stored,
    constraint oulad_registrations_length_ck check (
        length(code_module || code_presentation || id_student || date_registration || date_unregistration) <= 10000
    )
);

comment on table lms_import.oulad_registrations is
    'Lines of studentRegistration.csv, while they are imported. Personal data: learning record.';
comment on column lms_import.oulad_registrations.line is 'Number of the line in the file. Personal data: none.';
comment on column lms_import.oulad_registrations.code_module is 'As it stands. Personal data: learning record.';
comment on column lms_import.oulad_registrations.code_presentation is
    'As it stands. Personal data: learning record.';
comment on column lms_import.oulad_registrations.id_student is
    'As it stands. Personal data: identity (a pseudonym).';
comment on column lms_import.oulad_registrations.date_registration is
    'Day of the presentation, as it stands; ? if unknown. Personal data: learning record.';
comment on column lms_import.oulad_registrations.date_unregistration is
    'Day of the presentation, as it stands; ? if there is none. Personal data: learning record.';
comment on column lms_import.oulad_registrations.course_code is 'Code of the course. Personal data: learning record.';
comment on constraint oulad_registrations_length_ck on lms_import.oulad_registrations is
    '422 A line has at most 10,000 characters.';

-- Nothing is granted, and there is no policy: only their owner, and whoever migrates, reads and writes them.
alter table lms_import.oulad_courses enable row level security;
alter table lms_import.oulad_students enable row level security;
alter table lms_import.oulad_registrations enable row level security;
