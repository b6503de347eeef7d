-- import_oulad/lock_courses
-- Keep the courses of the import, their seats above all, from changing until it is over.
--
-- result  count

select /* import_oulad/lock_courses */
from lms.courses
where courses.code in (select staged.course_code from lms_import.oulad_courses as staged)
order by courses.code
for no key update of courses;
