-- import_courses/lock_quizzes
-- The quizzes of these courses, kept from changing until the import is over, so that the next statement sees how they
-- are then.
--
-- $1  codes  text[]
--
-- result  count

select /* import_courses/lock_quizzes */
from lms.quizzes
join lms.courses on courses.course_id = quizzes.course_id
where courses.code = any($1)
order by quizzes.quiz_id
for no key update of quizzes;
