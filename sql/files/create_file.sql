-- files/create_file
-- Announce an upload to a course, by whoever teaches it: from now on the object may be written, until the row is due.
--
-- $1  token_hash      bytea
-- $2  course_id       uuid
-- $3  upload_seconds  integer  how long the upload may take
--
-- result  created  Upload    404: no such course for this actor to teach
-- index   courses_pk

with /* files/create_file */ actor as (
    select user_id, role from lms.actor($1)
),
target as (
    -- Locked, so that nobody deletes the course meanwhile.
    select courses.course_id
    from lms.courses
    cross join actor
    where courses.course_id = $2 and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
    for key share of courses
),
created as (
    insert into lms.files (course_id, due_at)
    select target.course_id, now() + make_interval(secs => $3::integer)
    from target
    returning file_id, due_at
)
select
    case
        when created.file_id is not null then json_build_object('id', created.file_id, 'due_at', created.due_at)
    end as document,
    created.file_id as id
from actor
left join created on true;
