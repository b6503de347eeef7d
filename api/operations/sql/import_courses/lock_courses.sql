-- import_courses/lock_courses
-- The courses of these codes as they are, kept from changing until the import is over.
--
-- $1  codes  text[]
--
-- result  rows  PresentCourse

select /* import_courses/lock_courses */
    courses.code,
    courses.title,
    courses.description,
    courses.term_id,
    courses.lecturer_id
from lms.courses
where courses.code = any($1)
order by courses.code
for no key update of courses;
