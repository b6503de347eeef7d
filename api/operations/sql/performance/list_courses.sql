-- performance/list_courses
-- The courses that have quizzes or topic performance, or the one of them with this code.
--
-- $1  code  text  null for all
--
-- result  rows  Course

select /* performance/list_courses */
    courses.course_id,
    courses.code
from lms.courses
where
    courses.code = coalesce($1, courses.code)
    and (
        exists (select from lms.quizzes where quizzes.course_id = courses.course_id)
        or exists (select from lms.topic_performance as known where known.course_id = courses.course_id)
    )
order by courses.course_id;
