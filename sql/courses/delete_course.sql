-- courses/delete_course
-- Delete a course with its syllabus, materials and quizzes, if nobody was ever on it, by whoever teaches it and has
-- seen its present version.
--
-- $1  token_hash  bytea
-- $2  course_id   uuid
-- $3  version     integer  the version that was seen; null for whichever there is
--
-- result  versioned  Deleted    404: no such course for this actor
-- fails   student_enrollments_course_id_fk
-- index   courses_pk

with /* courses/delete_course */ actor as (
    select user_id, role from lms.actor($1)
),
target as (
    select courses.course_id, courses.version
    from lms.courses
    cross join actor
    where courses.course_id = $2 and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
    for update of courses
),
deleted as (
    delete from lms.courses
    using target
    where courses.course_id = target.course_id and target.version = coalesce($3, target.version)
    returning courses.course_id
)
select
    case when deleted.course_id is not null then json_build_object('id', deleted.course_id) end as document,
    target.version
from actor
left join target on true
left join deleted on true;
