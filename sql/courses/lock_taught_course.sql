-- courses/lock_taught_course
-- Keep everybody else from the seats of a course until the transaction ends, for whoever teaches it.
--
-- $1  token_hash  bytea
-- $2  course_id   uuid
--
-- result  json  CourseKey    404: no such course for this actor to teach
-- fails   courses_state_open  409 The course is closed.
-- index   courses_pk

with /* courses/lock_taught_course */ actor as (
    select user_id, role from lms.actor($1)
),
locked as (
    select courses.course_id, courses.state
    from lms.courses
    cross join actor
    where courses.course_id = $2 and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
    for no key update of courses
)
select
    case
        when locked.state = 'closed' then lms.refuse('courses_state_open')::json
        when locked.course_id is not null then json_build_object('id', locked.course_id)
    end as document
from actor
left join locked on true;
