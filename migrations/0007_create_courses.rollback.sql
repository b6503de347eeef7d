-- Drops the courses.
--
-- loses  every course

set local role lms_owner;

drop table lms.courses;
