-- Drops the syllabus weeks.
--
-- loses  the syllabus of every course

set local role lms_owner;

drop table lms.syllabus_weeks;
