-- courses/create_course
-- A new course: by a lecturer who will teach it, or by an administrator for any lecturer.
--
-- $1  token_hash      bytea
-- $2  code            text
-- $3  title           text
-- $4  description     text     null if nobody said
-- $5  term_id         uuid
-- $6  lecturer_id     uuid     null for the actor
-- $7  capacity        integer
-- $8  state           text
-- $9  mastery_policy  jsonb
--
-- result  created  Course    404: only lecturers and administrators make courses
-- fails   courses_code_uq
-- fails   courses_code_ck
-- fails   courses_title_ck
-- fails   courses_description_ck
-- fails   courses_capacity_ck
-- fails   courses_state_ck
-- fails   courses_mastery_policy_ck
-- fails   courses_term_id_fk          422 /term_id There is no such term.
-- fails   courses_lecturer_id_fk      422 /lecturer_id There is no such lecturer.
-- fails   courses_lecturer_id_assign  422 /lecturer_id Only an administrator says who else teaches a course.

with /* courses/create_course */ actor as (
    select user_id, role from lms.actor($1)
),
created as (
    insert into lms.courses (code, title, description, term_id, lecturer_id, capacity, state, mastery_policy)
    select
        $2,
        $3,
        $4,
        $5,
        case
            when lms.can_teach(actor.user_id, actor.role, coalesce($6, actor.user_id)) then coalesce($6, actor.user_id)
            else lms.refuse('courses_lecturer_id_assign')::uuid
        end,
        $7,
        $8,
        $9
    from actor
    where actor.role in ('lecturer', 'super_admin')
    returning
        course_id,
        code,
        title,
        description,
        term_id,
        lecturer_id,
        capacity,
        seats_taken,
        state,
        mastery_policy,
        version,
        created_at,
        updated_at
)
select
    case
        when created.course_id is not null then json_build_object(
            'id', created.course_id,
            'code', created.code,
            'title', created.title,
            'description', created.description,
            'term', json_build_object('id', terms.term_id, 'code', terms.code, 'title', terms.title),
            'lecturer', json_build_object('id', lecturers.user_id, 'full_name', lecturers.full_name),
            'capacity', created.capacity,
            'seats_taken', created.seats_taken,
            'state', created.state,
            'mastery_policy', created.mastery_policy,
            'version', created.version,
            'created_at', created.created_at,
            'updated_at', created.updated_at
        )
    end as document,
    created.course_id as id
from actor
left join (
    created
    join lms.terms on terms.term_id = created.term_id
    join lms.users as lecturers on lecturers.user_id = created.lecturer_id
) on true;
