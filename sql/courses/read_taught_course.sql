-- courses/read_taught_course
-- Whether a course is the actor's to teach, before the service reads a large body for it. The statement that does the
-- work still decides.
--
-- $1  token_hash  bytea
-- $2  course_id   uuid
--
-- result  json  CourseKey    404: no such course for this actor to teach
-- index   courses_pk

select /* courses/read_taught_course */
    case when courses.course_id is not null then json_build_object('id', courses.course_id) end as document
from lms.actor($1) as actor
left join lms.courses
    on courses.course_id = $2 and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id);
