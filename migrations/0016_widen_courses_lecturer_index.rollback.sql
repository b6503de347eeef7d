-- Builds the narrower index again.
--
-- loses  nothing

set local role lms_owner;

drop index lms.courses_lecturer_id_course_id_ix;
create index courses_lecturer_id_course_id_ix on lms.courses (lecturer_id, course_id);
