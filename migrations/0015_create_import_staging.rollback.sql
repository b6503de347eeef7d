-- Drops the staging tables of imports, and their schema.
--
-- loses  nothing: they are empty between imports

set local role lms_owner;

drop table lms_import.oulad_registrations;
drop table lms_import.oulad_students;
drop table lms_import.oulad_courses;
drop schema lms_import;
