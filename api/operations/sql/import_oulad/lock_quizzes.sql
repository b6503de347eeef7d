-- import_oulad/lock_quizzes
-- Keep the quizzes of these courses in their weeks until the import is over, as lms.record_grades() does.
--
-- result  count

select /* import_oulad/lock_quizzes */
from lms.quizzes
where
    quizzes.course_id in (
        select courses.course_id
        from lms_import.oulad_courses as staged
        join lms.courses on courses.code = staged.course_code
    )
order by quizzes.quiz_id
for key share;
