-- demo_school/grade_attempts
-- Grade what demo_school/add_attempts has handed in, in a statement of its own, since grading sees what was there
-- before. Whatever the service handed in is graded already.
--
-- $1  codes  text[]  of courses
--
-- result  count

select /* demo_school/grade_attempts */
from lms.record_grades(array(
    select attempts.attempt_id
    from lms.quiz_attempts as attempts
    join lms.quizzes on quizzes.quiz_id = attempts.quiz_id
    join lms.courses on courses.course_id = quizzes.course_id
    where attempts.state = 'submitted' and attempts.graded_by_key is null and courses.code = any($1)
    order by attempts.attempt_id
));
