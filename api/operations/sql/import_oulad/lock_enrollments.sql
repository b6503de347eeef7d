-- import_oulad/lock_enrollments
-- Keep waiting, until the import is over, whoever else grades on these courses, in the order of lms.record_grades().
-- What they have committed by then, the next statement sees.
--
-- result  count

select /* import_oulad/lock_enrollments */
from lms.student_enrollments as enrollments
where
    enrollments.course_id in (
        select courses.course_id
        from lms_import.oulad_courses as staged
        join lms.courses on courses.code = staged.course_code
    )
order by enrollments.course_id, enrollments.student_id
for no key update;
