-- import_courses/add_courses
-- The courses that are not there yet.
--
-- $1  courses  jsonb  an array of code, title, description, term_id, lecturer_id, capacity, state
--
-- result  count

insert /* import_courses/add_courses */ into lms.courses (
    code,
    title,
    description,
    term_id,
    lecturer_id,
    capacity,
    state
)
select
    course.code,
    course.title,
    course.description,
    course.term_id,
    course.lecturer_id,
    course.capacity,
    course.state
from
    jsonb_to_recordset($1) as course (
        code text,
        title text,
        description text,
        term_id uuid,
        lecturer_id uuid,
        capacity integer,
        state text
    )
-- One order for everybody: two imports at once wait for each other, and never in a circle.
order by course.code
on conflict on constraint courses_code_uq do nothing;
