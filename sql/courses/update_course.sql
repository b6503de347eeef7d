-- courses/update_course
-- Change a course, by whoever teaches it and has seen its present version. Only an administrator hands it over.
--
-- $1  token_hash  bytea
-- $2  course_id   uuid
-- $3  version     integer  the version that was seen; null for whichever there is
-- $4  patch       jsonb    merge patch: code, title, description, term_id, lecturer_id, capacity, state, mastery_policy
--
-- result  versioned  Course    404: no such course for this actor
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
-- fails   courses_seats_ck            409 /capacity More students than that are on the course.
-- index   courses_pk

with /* courses/update_course */ actor as (
    select user_id, role from lms.actor($1)
),
target as (
    -- Locked first, so that the loser of a race is told the version that won.
    select
        courses.course_id,
        courses.version,
        actor.user_id as actor_id,
        actor.role as actor_role
    from lms.courses
    cross join actor
    where courses.course_id = $2 and lms.can_teach(actor.user_id, actor.role, courses.lecturer_id)
    for no key update of courses
),
updated as (
    update lms.courses
    set
        code = case when $4 ? 'code' then $4 ->> 'code' else courses.code end,
        title = case when $4 ? 'title' then $4 ->> 'title' else courses.title end,
        description = case when $4 ? 'description' then $4 ->> 'description' else courses.description end,
        term_id = case when $4 ? 'term_id' then ($4 ->> 'term_id')::uuid else courses.term_id end,
        lecturer_id = case
            when not $4 ? 'lecturer_id' then courses.lecturer_id
            when lms.can_teach(target.actor_id, target.actor_role, ($4 ->> 'lecturer_id')::uuid)
                then ($4 ->> 'lecturer_id')::uuid
            else lms.refuse('courses_lecturer_id_assign')::uuid
        end,
        capacity = case when $4 ? 'capacity' then ($4 ->> 'capacity')::integer else courses.capacity end,
        state = case when $4 ? 'state' then $4 ->> 'state' else courses.state end,
        mastery_policy = case when $4 ? 'mastery_policy' then $4 -> 'mastery_policy' else courses.mastery_policy end,
        version = courses.version + 1,
        updated_at = now()
    from target
    where courses.course_id = target.course_id and target.version = coalesce($3, target.version)
    returning
        courses.course_id,
        courses.code,
        courses.title,
        courses.description,
        courses.term_id,
        courses.lecturer_id,
        courses.capacity,
        courses.seats_taken,
        courses.state,
        courses.mastery_policy,
        courses.version,
        courses.created_at,
        courses.updated_at
)
select
    case
        when updated.course_id is not null then json_build_object(
            'id', updated.course_id,
            'code', updated.code,
            'title', updated.title,
            'description', updated.description,
            'term', json_build_object('id', terms.term_id, 'code', terms.code, 'title', terms.title),
            'lecturer', json_build_object('id', lecturers.user_id, 'full_name', lecturers.full_name),
            'capacity', updated.capacity,
            'seats_taken', updated.seats_taken,
            'state', updated.state,
            'mastery_policy', updated.mastery_policy,
            'version', updated.version,
            'created_at', updated.created_at,
            'updated_at', updated.updated_at
        )
    end as document,
    coalesce(updated.version, target.version) as version
from actor
left join target on true
left join (
    updated
    join lms.terms on terms.term_id = updated.term_id
    join lms.users as lecturers on lecturers.user_id = updated.lecturer_id
) on true;
